package dev.relaypass

import dev.relaypass.generated.EventRecord
import dev.relaypass.generated.HostListener
import java.lang.System.Logger.Level.WARNING
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.EmptyCoroutineContext
import kotlinx.coroutines.runBlocking

/** What a [RelayPassEvent] is about. Stable, and the same in every language of relaypass. */
public enum class EventKind(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** A blinded message that may have been billed already is sent under a new idempotency key. */
    POSSIBLE_DOUBLE_CHARGE("possible_double_charge"),

    /** Nobody can tell whether a pass was billed, or whether it is spent. */
    UNKNOWN_OUTCOME("unknown_outcome"),

    /** Persona signs with another key than before. */
    KEY_CHANGED("key_changed"),

    /**
     * A pass was bought before its random moment, because the answer was asked for: Persona can tell by the
     * clock which relay it is for.
     */
    LINKABLE_BY_TIME("linkable_by_time"),

    /** Persona does not answer the question yet. */
    PENDING("pending"),

    /** A pass that was not consumed went back to the pool. */
    REFUNDED("refunded"),

    /**
     * Two signatures in a row were no use: the pool buys no more passes of this claim type for an hour,
     * or until one that is bought otherwise is good.
     */
    POOL_STOPPED("pool_stopped"),

    /** Work in the background failed, and will be tried again. */
    BACKGROUND_FAILURE("background_failure"),
    ;

    internal companion object {
        @JvmSynthetic
        internal fun of(code: String): EventKind = entries.first { it.code == code }
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
) {
    private val members
        get() =
            Members(
                "RelayPassEvent",
                "kind" to kind,
                "verificationId" to verificationId,
                "requestId" to requestId,
                "message" to message,
            )

    /** Whether the other has the same members. */
    override fun equals(other: Any?): Boolean = other is RelayPassEvent && members == other.members

    /** As [equals] wants it. */
    override fun hashCode(): Int = members.hashCode()

    /** Every member. */
    override fun toString(): String = "$members"
}

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
