package dev.relaypass

import dev.relaypass.generated.EventRecord
import dev.relaypass.generated.HostListener
import java.lang.System.Logger.Level.WARNING
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.EmptyCoroutineContext
import kotlinx.coroutines.runBlocking

/**
 * What a [RelayPassEvent] is about. Stable, and the same in every language of relaypass.
 *
 * An open type: a later version may have more of them, so a `when` needs an `else`.
 *
 * @property code its name, the same in every language of relaypass: `possible_double_charge`.
 */
public class EventKind private constructor(
    public val code: String,
) {
    /** Whether the other has the same name. */
    override fun equals(other: Any?): Boolean = other is EventKind && code == other.code

    /** As [equals] wants it. */
    override fun hashCode(): Int = code.hashCode()

    /** The name. */
    override fun toString(): String = code

    /** Those that there are. */
    public companion object {
        /** Each of these by its name. */
        private val known = HashMap<String, EventKind>()

        /**
         * The one with this name, also if this version does not know it. The known ones are each one object,
         * so `===` tells them, too.
         */
        @JvmStatic
        public fun of(code: String): EventKind = known[code] ?: EventKind(code)

        private fun know(code: String) = EventKind(code).also { known[code] = it }

        /** A blinded message that may have been billed already is sent under a new idempotency key. */
        @JvmField public val POSSIBLE_DOUBLE_CHARGE: EventKind = know("possible_double_charge")

        /** Nobody can tell whether a pass was billed, or whether it is spent. */
        @JvmField public val UNKNOWN_OUTCOME: EventKind = know("unknown_outcome")

        /** Persona signs with another key than before. */
        @JvmField public val KEY_CHANGED: EventKind = know("key_changed")

        /**
         * Persona gave two challenges, two keys or two ids of a key for the same hour: what differs goes with the
         * pass, and may tell her whose it is.
         */
        @JvmField public val ISSUER_INCONSISTENT: EventKind = know("issuer_inconsistent")

        /**
         * The id of Persona's key is not the SHA-256 of the key: it could be anything, and goes with the pass.
         */
        @JvmField public val KEY_ID_MISMATCH: EventKind = know("key_id_mismatch")

        /**
         * A pass was bought in the call that asks for the answer: Persona can tell by the clock which relay it is
         * for.
         */
        @JvmField public val LINKABLE_BY_TIME: EventKind = know("linkable_by_time")

        /**
         * A pass could not be bought in the background, and cannot be before somebody mends the cause: a wrong
         * API key, a missing permission. Once for each cause; the message names its code.
         */
        @JvmField public val PURCHASE_FAILED: EventKind = know("purchase_failed")

        /**
         * A verification needs a pass and the pool has none, and strict privacy buys none for it. Once for each
         * verification.
         */
        @JvmField public val WAITING_FOR_PASS: EventKind = know("waiting_for_pass")

        /** Persona does not answer the question yet. */
        @JvmField public val PENDING: EventKind = know("pending")

        /** A pass that was not consumed went back to the pool. */
        @JvmField public val REFUNDED: EventKind = know("refunded")

        /**
         * Two signatures in a row were no use: the pool buys no more passes of this claim type for an hour,
         * or until one that is bought otherwise is good.
         */
        @JvmField public val POOL_STOPPED: EventKind = know("pool_stopped")

        /** Work in the background failed, and will be tried again. */
        @JvmField public val BACKGROUND_FAILURE: EventKind = know("background_failure")
    }
}

/**
 * Something that your log should know and that is no error. It holds no secret.
 *
 * @property kind what happened.
 * @property verificationId the verification it happened to; `null` for passes bought ahead.
 * @property requestId Persona's `Request-Id`, if an answer led to it.
 * @property message what happened, in a sentence.
 */
public class RelayPassEvent @JvmOverloads constructor(
    public val kind: EventKind,
    public val verificationId: String? = null,
    public val requestId: String? = null,
    public val message: String,
) : RelayPassValue(
        "RelayPassEvent",
        "kind" to kind,
        "verificationId" to verificationId,
        "requestId" to requestId,
        "message" to message,
    )

/**
 * A listener that never throws: nobody could catch it. The first that it throws becomes a warning in
 * the platform's log; later ones are dropped.
 */
internal class ListenerAdapter(
    private val listener: (RelayPassEvent) -> Unit,
) : HostListener {
    private val warned = AtomicBoolean()

    override fun onEvent(
        call: ULong,
        event: EventRecord,
    ) {
        try {
            // On this thread, so that it is told before the call ends; with the caller's elements.
            val context = Calls.find(call)?.context ?: EmptyCoroutineContext
            val here = context.minusKey(ContinuationInterceptor) + CalledBack.context
            runBlocking(here) { listener(event.lift()) }
        } catch (thrown: Throwable) {
            if (warned.compareAndSet(false, true)) warn(thrown)
        }
    }

    private fun warn(thrown: Throwable) {
        val text = "The onEvent of a RelayPass threw. That, and what it throws later, is ignored."
        runCatching { System.getLogger("dev.relaypass").log(WARNING, text, thrown) }
    }
}
