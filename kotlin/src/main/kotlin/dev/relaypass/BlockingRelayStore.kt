package dev.relaypass

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.runInterruptible

/**
 * [RelayStore] for Java: the same contract, with methods that block.
 *
 * They run on [Dispatchers.IO], many at once, not on the thread of the call: what is bound to that
 * thread (a transaction, a logging context) is not there. When the call is cancelled, or the store's
 * time limit is over, the method's thread is interrupted.
 */
public interface BlockingRelayStore {
    /** The record under [key], or `null`. See [RelayStore.load]. */
    @Throws(Exception::class)
    public fun load(key: String): StoreRecord?

    /**
     * Puts [next] under [key] (`null`: deletes it) if the version there is [expected] (`null`: if
     * nothing is there), in one atomic step. Says whether it did. See [RelayStore.compareAndSwap].
     */
    @Throws(Exception::class)
    public fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean

    /** Up to [limit] keys that begin with [prefix]. See [RelayStore.scan]. */
    @Throws(Exception::class)
    public fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ): List<String>
}

/** A store of Java's as one of Kotlin's. */
internal class BlockingStoreAdapter(
    private val store: BlockingRelayStore,
) : RelayStore {
    override suspend fun load(key: String): StoreRecord? = blocking { store.load(key) }

    override suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean = blocking { store.compareAndSwap(key, expected, next) }

    override suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ): List<String> = blocking { store.scan(prefix, dueBefore, limit) }
}

/** Caught inside: coroutines in debug mode throw a copy out of a change of dispatcher. */
private suspend fun <T> blocking(method: () -> T): T {
    val caller = currentCoroutineContext()
    val outcome =
        runInterruptible(Dispatchers.IO) {
            try {
                Result.success(method())
            } catch (thrown: Throwable) {
                // Of our own interruption `runInterruptible` makes a cancellation.
                if (thrown is InterruptedException && !caller.isActive) throw thrown
                Result.failure(thrown)
            }
        }
    return outcome.getOrThrow()
}
