/** For the tests of your own store. */
@file:JvmName("CheckStore")

package dev.relaypass.testing

import dev.relaypass.BlockingRelayStore
import dev.relaypass.BlockingStoreAdapter
import dev.relaypass.Call
import dev.relaypass.NativeThreads
import dev.relaypass.RelayPassValue
import dev.relaypass.RelayStore
import dev.relaypass.StoreAdapter
import dev.relaypass.callNow
import dev.relaypass.caught
import dev.relaypass.generated.HostReopen
import dev.relaypass.generated.Reopened
import java.util.concurrent.Callable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.runBlocking
import dev.relaypass.generated.checkStore as checkNatively

/**
 * What [checkStore] checked.
 *
 * @property passed the parts of the suite that passed.
 * @property skipped the parts that could not run: `reopening`, without `reopen`.
 */
public class StoreReport(
    public val passed: List<String>,
    public val skipped: List<String>,
) : RelayPassValue("StoreReport", "passed" to passed, "skipped" to skipped)

/**
 * A store breaks its contract. `cause` is what a method threw, if one did: the same object.
 *
 * @property rule the rule, in one sentence.
 * @property found what happened instead.
 */
public class StoreViolation @JvmOverloads constructor(
    message: String,
    public val rule: String,
    public val found: String,
    cause: Throwable? = null,
) : AssertionError(message, cause)

/**
 * Checks that a store keeps the contract of [RelayStore], in a second or two: atomicity under concurrent
 * writers, order and paging of `scan`, every allowed character, deletion, late writes.
 *
 * Its keys begin with `conformance/` and a random part, so it may run on a store in use; it deletes what
 * it made. What no program can check on itself is that a record survives a crash of the machine.
 *
 * ```
 * @Test
 * fun `my store keeps the contract`() = runBlocking<Unit> {
 *     checkStore(MyStore(pool), reopen = { MyStore(otherPool) })
 * }
 * ```
 *
 * @param reopen gives another handle on the same data: a second connection or object, as another
 * process would have it. Called several times. With it the suite checks as well what one handle sees of
 * another's work.
 * @throws StoreViolation the first rule that the store breaks.
 */
public suspend fun checkStore(
    store: RelayStore,
    reopen: (suspend () -> RelayStore)? = null,
): StoreReport {
    NativeThreads.prepare()
    // The suite is no call of a client: one for itself keeps what the store throws.
    val call = Call(number = 0u, currentCoroutineContext())
    fun adapt(store: RelayStore) = StoreAdapter(store) { call }
    val opener =
        reopen?.let {
            object : HostReopen {
                override suspend fun reopen() = caught(call) { Reopened(adapt(it())) }
            }
        }
    val (passed, skipped, violation) = callNow { checkNatively(adapt(store), opener) }
    violation?.run { throw StoreViolation(message, rule, found, thrown?.let(call::thrown)) }
    return StoreReport(passed, skipped)
}

/**
 * [checkStore] for a store written in Java, blocking the thread until it ends.
 *
 * @param reopen gives another handle on the same data; `null`: what needs one is skipped.
 * @throws StoreViolation the first rule that the store breaks.
 */
@JvmName("checkStore")
@JvmOverloads
@Throws(InterruptedException::class)
public fun checkBlockingStore(
    store: BlockingRelayStore,
    reopen: Callable<BlockingRelayStore>? = null,
): StoreReport =
    runBlocking {
        val opener: (suspend () -> RelayStore)? = reopen?.let { { BlockingStoreAdapter(it.call()) } }
        checkStore(BlockingStoreAdapter(store), opener)
    }
