// What the test starts in a process of its own, because the README's examples read the environment.

package readme.programs

import dev.relaypass.PrivacyPass
import dev.relaypass.Relay
import kotlinx.coroutines.runBlocking
import readme.Shop
import readme.durable.begin
import readme.durable.end
import readme.errors.claimOf

fun main(arguments: Array<String>) {
    runBlocking {
        when (arguments[0]) {
            "durable" -> {
                val id = begin(7).id
                println("${begin(7).id == id} ${end(id)}")
            }
            "errors" -> {
                val (_, token, secret, pass) = arguments
                println(claimOf(Relay(token, secret, ""), PrivacyPass(pass))?.passed ?: "not yet")
            }
            "java" -> {
                val shop = Shop()
                val id = shop.begin(7).id
                println("${shop.begin(7).id == id} ${shop.passed(id)}")
            }
        }
    }
}
