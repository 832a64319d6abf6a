// Whole flows with the Kotlin package. Usage: FlowsKt COUNT CONCURRENCY WARMUP; prints JSON.

package tests.bench

import dev.relaypass.RelayPass
import java.lang.management.ManagementFactory
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.measureTime
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private const val CLAIM_TYPE = "age_over18_verified"

fun main(arguments: Array<String>) {
    val (count, concurrency, warmup) = arguments.map(String::toInt)
    val client =
        RelayPass {
            baseUrl = System.getenv("RELAYPASS_BASE_URL")
            apiKey = System.getenv("RELAYPASS_API_KEY")
        }
    val left = AtomicInteger()

    suspend fun work() {
        while (left.getAndDecrement() > 0) {
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            val answer = client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken)
            check(answer.claim?.passed == true) { "not passed" }
        }
    }

    fun measure(count: Int): String {
        left.set(count)
        val cpuBefore = cpuSeconds()
        val took = measureTime { runBlocking(Dispatchers.Default) { repeat(concurrency) { launch { work() } } } }
        val cpu = cpuSeconds() - cpuBefore
        return """{"flows": $count, "seconds": ${took.inWholeMicroseconds / 1e6}, "cpu_seconds": $cpu}"""
    }

    measure(warmup)
    println(measure(count))
}

/** Of the whole process, Rust's threads included. */
private fun cpuSeconds(): Double {
    val system = ManagementFactory.getOperatingSystemMXBean() as com.sun.management.OperatingSystemMXBean
    return system.processCpuTime / 1e9
}
