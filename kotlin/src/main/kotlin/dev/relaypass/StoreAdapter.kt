package dev.relaypass

import dev.relaypass.generated.HostFailure
import dev.relaypass.generated.HostStore
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import dev.relaypass.generated.StoreRecord as NativeRecord

/**
 * A store as Rust calls it: in the context of the call that needs it, and with everything caught. An
 * exception that slipped through would leave Rust waiting for ever.
 *
 * @property callOf the call of a number, which keeps what the store throws.
 */
internal class StoreAdapter(
    private val store: RelayStore,
    private val callOf: (ULong) -> Call? = Calls::find,
) : HostStore {
    override suspend fun load(
        call: ULong,
        key: String,
    ): NativeRecord? = caught(callOf(call)) { store.load(key)?.lower() }

    override suspend fun compareAndSwap(
        call: ULong,
        key: String,
        expected: ULong?,
        new: NativeRecord?,
    ): Boolean =
        caught(callOf(call)) { checkSwapped(store.compareAndSwap(key, expected?.saturated(), new?.lift())) }

    override suspend fun scan(
        call: ULong,
        prefix: String,
        dueBefore: ULong?,
        limit: ULong,
    ): List<String> =
        caught(callOf(call)) {
            val most = limit.coerceAtMost(Int.MAX_VALUE.toULong()).toInt()
            // A list of our own: the store's may change, or be made anew, while it crosses over.
            store.scan(prefix, dueBefore?.saturated(), most).map { key -> key.also(::checkText) }
        }
}

/**
 * Runs a method of the caller's. What it throws is kept by the call, and its number crosses over; in
 * the background, where nobody could ask for it, 0 does.
 */
internal suspend fun <T> caught(
    call: Call?,
    method: suspend () -> T,
): T {
    val outcome =
        try {
            // Caught inside: coroutines in debug mode throw a copy out of `withContext`.
            if (call != null && call.isExecutors) {
                withContext(Dispatchers.IO) {
                    withContext(call.context + CalledBack.context) { runCatching { method() } }
                }
            } else {
                val context = call?.context ?: Dispatchers.IO
                withContext(context + CalledBack.context) { runCatching { method() } }
            }
        } catch (stopped: Throwable) { // cancelled, or there is no thread to be had
            Result.failure(stopped)
        }
    return outcome.getOrElse { throw HostFailure.Thrown(call?.keep(it) ?: 0u) }
}

/** A proxy or a mock may answer with anything: that must show here, where it is caught. */
private fun checkSwapped(answer: Any?): Boolean = answer as Boolean

/** Java may have put a `null` there, and half a surrogate pair cannot cross over. */
private fun checkText(text: String?) {
    requireNotNull(text) { "scan returned a null among its keys" }
    if (!Charsets.UTF_8.newEncoder().canEncode(text)) throw notUnicode()
}

private fun StoreRecord.lower() =
    NativeRecord(value, version.toULong(), dueAt?.toULong(), expiresAt?.toULong())

private fun NativeRecord.lift() =
    StoreRecord(value, version.saturated(), dueAt?.saturated(), expiresAt?.saturated())
