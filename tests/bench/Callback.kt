// CallbackKt [ROUNDS]: what a store in Kotlin adds to a call of it. Prints JSON: microseconds for each store.

package tests.bench

import dev.relaypass.Completion
import dev.relaypass.RelayPass
import dev.relaypass.RelayStore
import dev.relaypass.Store
import dev.relaypass.StoreRecord
import dev.relaypass.StoreUrl
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.DurationUnit.MICROSECONDS
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

/** As little work of its own as can be. */
private class MapStore : RelayStore {
    private val records = ConcurrentHashMap<String, StoreRecord>()

    override suspend fun load(key: String) = records[key]

    override suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean {
        var swapped = false
        records.compute(key) { _, found ->
            swapped = found?.version == expected
            if (swapped) next else found
        }
        return swapped
    }

    override suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ) = emptyList<String>()
}

private suspend fun micros(
    store: Store,
    rounds: Int,
): Double {
    val client =
        RelayPass {
            apiKey = System.getenv("RELAYPASS_API_KEY")
            baseUrl = System.getenv("RELAYPASS_BASE_URL")
            this.store = store
        }
    val id = client.verifications.start("age_over18_verified").id
    val completion = client.verifications.complete(id)
    check(completion is Completion.Passed) { completion.status }
    repeat(rounds) { client.verifications.get(id) }
    val took = measureTime { repeat(rounds) { client.verifications.get(id) } }
    return took.toDouble(MICROSECONDS) / rounds
}

fun main(arguments: Array<String>) {
    val rounds = arguments.firstOrNull()?.toInt() ?: 20_000
    runBlocking {
        // The two share code: without this the second would find it better compiled than the first did.
        for (store in listOf(StoreUrl("memory:"), MapStore())) micros(store, rounds)
        println("""{"builtin": ${micros(StoreUrl("memory:"), rounds)}, "host": ${micros(MapStore(), rounds)}}""")
    }
}
