package dev.relaypass.support

import dev.relaypass.RelayStore
import dev.relaypass.StoreRecord
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.delay

/** A store in memory: what a person would write for a test. Counts its calls. */
open class MapStore : RelayStore {
    val records = HashMap<String, StoreRecord>()
    val loads = AtomicInteger()
    val swaps = AtomicInteger()
    val scans = AtomicInteger()

    override suspend fun load(key: String): StoreRecord? {
        loads.incrementAndGet()
        return synchronized(records) { records[key] }
    }

    override suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean {
        swaps.incrementAndGet()
        return synchronized(records) {
            if (records[key]?.version != expected) return@synchronized false
            if (next == null) records.remove(key) else records[key] = next
            true
        }
    }

    override suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ): List<String> {
        scans.incrementAndGet()
        val found = synchronized(records) { records.entries.map { it.toPair() } }.filter { (key) -> key.startsWith(prefix) }
        val sorted =
            if (dueBefore == null) {
                found.sortedBy { (key) -> key }
            } else {
                found
                    .filter { (_, record) -> record.dueAt.let { it != null && it <= dueBefore } }
                    .sortedWith(compareBy({ (_, record) -> record.dueAt }, { (key) -> key }))
            }
        return sorted.take(limit).map { (key) -> key }
    }
}

/** A store that does what another does, unless a method is replaced. */
class StoreOf(
    private val store: RelayStore = MapStore(),
    private val load: (suspend (key: String) -> StoreRecord?) = store::load,
    private val compareAndSwap: (suspend (key: String, expected: Long?, next: StoreRecord?) -> Boolean) =
        store::compareAndSwap,
    private val scan: (suspend (prefix: String, dueBefore: Long?, limit: Int) -> List<String>) = store::scan,
) : RelayStore {
    override suspend fun load(key: String) = load.invoke(key)

    override suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ) = compareAndSwap.invoke(key, expected, next)

    override suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ) = scan.invoke(prefix, dueBefore, limit)
}

/** A store that does what another does, a little later. */
fun later(store: RelayStore) =
    before(store) { delay(1) }

/** A store that does something before each of its methods. */
fun before(
    store: RelayStore,
    action: suspend () -> Unit,
) = StoreOf(
    load = { key ->
        action()
        store.load(key)
    },
    compareAndSwap = { key, expected, next ->
        action()
        store.compareAndSwap(key, expected, next)
    },
    scan = { prefix, dueBefore, limit ->
        action()
        store.scan(prefix, dueBefore, limit)
    },
)
