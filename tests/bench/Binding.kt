// BindingKt [ROUNDS]: what a call of the Kotlin package costs that returns at once (closing a closed client), as JSON.

package tests.bench

import dev.relaypass.RelayPass
import kotlin.time.DurationUnit.MICROSECONDS
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

fun main(arguments: Array<String>) {
    val client =
        RelayPass {
            baseUrl = System.getenv("RELAYPASS_BASE_URL")
            apiKey = System.getenv("RELAYPASS_API_KEY")
        }
    val rounds = arguments.firstOrNull()?.toInt() ?: 20_000
    runBlocking {
        repeat(rounds) { client.closeAndJoin() }
        val took = measureTime { repeat(rounds) { client.closeAndJoin() } }
        println("""{"micros": ${took.toDouble(MICROSECONDS) / rounds}}""")
    }
}
