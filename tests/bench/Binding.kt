// BindingKt [ROUNDS]: what a call of the Kotlin package costs that returns at once (`passes.count` of an empty `memory:`), as JSON.

package tests.bench

import dev.relaypass.RelayPass
import dev.relaypass.StoreUrl
import kotlin.time.DurationUnit.MICROSECONDS
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

fun main(arguments: Array<String>) {
    val client =
        RelayPass {
            baseUrl = System.getenv("RELAYPASS_BASE_URL")
            apiKey = System.getenv("RELAYPASS_API_KEY")
            store = StoreUrl("memory:")
        }
    val rounds = arguments.firstOrNull()?.toInt() ?: 20_000
    runBlocking {
        repeat(rounds) { client.passes.count("age_over18_verified") }
        val took = measureTime { repeat(rounds) { client.passes.count("age_over18_verified") } }
        println("""{"micros": ${took.toDouble(MICROSECONDS) / rounds}}""")
    }
}
