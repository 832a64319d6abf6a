package dev.relaypass

/**
 * What is known about a call that failed, beside its message. Its text shows no secret.
 *
 * ```
 * val error = RateLimitedException("slow down", ErrorFacts { status = 429 })
 * ```
 */
public class ErrorFacts(
    configure: ErrorFacts.() -> Unit = {},
) {
    /** See [RelayPassException.operation]. */
    public var operation: String = ""

    /** See [RelayPassException.retryable]. */
    public var retryable: Boolean = false

    /** See [RelayPassException.status]. */
    public var status: Int? = null

    /** See [RelayPassException.title]. */
    public var title: String? = null

    /** See [RelayPassException.details]. */
    public var details: String? = null

    /** See [RelayPassException.meta]. */
    public var meta: String? = null

    /** See [RelayPassException.requestId]. */
    public var requestId: String? = null

    /** See [RelayPassException.rateLimit]. */
    public var rateLimit: RateLimit? = null

    /** See [RelayPassException.claimPayload]. */
    public var claimPayload: String? = null

    /** See [RelayPassException.tokenConsumed]. */
    public var tokenConsumed: Boolean? = null

    /** See [RelayPassException.idempotencyKey]. */
    public var idempotencyKey: String? = null

    init {
        configure()
    }

    /** Everything but the secrets. */
    override fun toString(): String =
        Members(
            "ErrorFacts",
            "operation" to operation,
            "retryable" to retryable,
            "status" to status,
            "title" to title,
            "details" to details,
            "meta" to meta,
            "requestId" to requestId,
            "rateLimit" to rateLimit,
            "claimPayload" to secret(claimPayload),
            "tokenConsumed" to tokenConsumed,
            "idempotencyKey" to secret(idempotencyKey),
        ).toString()
}

/**
 * A call that failed: the base of one class for each [code].
 *
 * It may be logged: its message and its text hold no secret. [claimPayload] and [idempotencyKey] are
 * secret, and show only where they are read.
 *
 * ```
 * try {
 *     client.relays.generateClaim(relayToken, relaySecret, privacyPassToken)
 * } catch (error: RelayPassException) {
 *     if (!error.retryable) throw error
 *     askAgainLater(error.requestId)
 * }
 * ```
 *
 * The constructors of its classes are for tests of code that handles errors; relaypass makes its own.
 */
public sealed class RelayPassException(
    /**
     * What went wrong, by who can do something about it. Stable, and the same text in every language
     * of relaypass.
     */
    public val code: String,
    message: String,
    private val facts: ErrorFacts,
    cause: Throwable?,
) : RuntimeException(message, cause) {
    /**
     * The call that failed, such as `relays.create` or `verifications.start`; empty where no call was
     * made yet. The same text in every language.
     */
    public val operation: String get() = facts.operation

    /** Whether the same call may well succeed later, without a risk of being billed twice. */
    public val retryable: Boolean get() = facts.retryable

    /** The HTTP status, if Persona answered. */
    public val status: Int? get() = facts.status

    /** Persona's own name for the error. */
    public val title: String? get() = facts.title

    /** Persona's explanation. */
    public val details: String? get() = facts.details

    /** What else Persona says, if it is small: an object, as JSON. */
    public val meta: String? get() = facts.meta

    /** Persona's `Request-Id`: what their support asks for. */
    public val requestId: String? get() = facts.requestId

    /** The rate limit, if Persona reported it. */
    public val rateLimit: RateLimit? get() = facts.rateLimit

    /**
     * A claim that arrived and could not be opened or accepted, with [DecryptionException],
     * [ClaimMismatchException] and, on redemption, [ProtocolException]; else `null`. **Secret.**
     *
     * The pass behind it may be spent, so keep it: [openClaim] reads it with the right key.
     */
    public val claimPayload: String? get() = facts.claimPayload

    /**
     * Whether the pass behind [claimPayload] is spent; `null` without one, or if the answer does not
     * say.
     */
    public val tokenConsumed: Boolean? get() = facts.tokenConsumed

    /**
     * Whenever an answer to a redemption was lost, whatever came after it: the key under which Persona
     * keeps the answer for 24 hours. Give it to `generateClaim` with the same relay and pass. **Secret**, as the pass is; else
     * `null`.
     */
    public val idempotencyKey: String? get() = facts.idempotencyKey
}

/**
 * An argument cannot be right. Nothing was sent, unless there is a [status] (400): then Persona found
 * the mistake.
 */
public class InvalidArgumentException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("invalid_argument", message, facts, cause)

/** Persona does not accept the API key (401). */
public class AuthenticationException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("authentication", message, facts, cause)

/**
 * Persona denies permission (403). On redemption this most likely means that the person has not
 * finished yet, and is [retryable].
 */
public class PermissionDeniedException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("permission_denied", message, facts, cause)

/**
 * Persona does not know it (404): an unknown relay, a wrong relay secret, an unknown key id; or the
 * store does not have the verification.
 */
public class NotFoundException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("not_found", message, facts, cause)

/** Another request is in the way (409). */
public class ConflictException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("conflict", message, facts, cause)

/** Persona understood the request and refuses it (422). */
public class UnprocessableException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("unprocessable", message, facts, cause)

/** Too many requests (429); see [rateLimit]. */
public class RateLimitedException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("rate_limited", message, facts, cause)

/** Persona failed (5xx). */
public class ServerException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("server_error", message, facts, cause)

/** No answer in time. */
public class RequestTimeoutException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("timeout", message, facts, cause)

/** The way to Persona is broken: name resolution, connection, TLS, proxy. */
public class NetworkException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("network", message, facts, cause)

/** Persona broke the protocol: a bad challenge, key, signature or body. */
public class ProtocolException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("protocol", message, facts, cause)

/** Persona does not accept the Privacy Pass (401 on redemption). */
public class PassRejectedException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("pass_rejected", message, facts, cause)

/** The Privacy Pass is older than 90 days. */
public class PassExpiredException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("pass_expired", message, facts, cause)

/**
 * The claim does not open with the given key; see [claimPayload]. Or a stored record does not open with
 * the seal keys.
 */
public class DecryptionException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("decryption", message, facts, cause)

/** The claim is not the one that was asked for, or was not encrypted as asked. */
public class ClaimMismatchException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("claim_mismatch", message, facts, cause)

/**
 * Strict privacy does not allow it: Persona could tell whose the pass is. Nothing was sent that names
 * you.
 */
public class PrivacyRefusedException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("privacy_refused", message, facts, cause)

/**
 * The caller's store failed. [cause] is what its method threw, the same object; there is none if it took
 * too long.
 */
public class StoreException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("store", message, facts, cause)

/** A request was sent, its answer never arrived, and nobody can tell what came of it. */
public class OutcomeUnknownException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("outcome_unknown", message, facts, cause)

/** The client was closed before the call began. Nothing was sent; make a new client. */
public class ClosedException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("closed", message, facts, cause)

/**
 * The call was cancelled. A call whose coroutine is cancelled ends with that coroutine's
 * `CancellationException` instead.
 */
public class CancelledException @JvmOverloads constructor(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("cancelled", message, facts, cause)

/** relaypass itself failed, which is a mistake of ours. Ask what came of the call as after a crash. */
public class InternalException(
    message: String,
    facts: ErrorFacts = ErrorFacts(),
    cause: Throwable? = null,
) : RelayPassException("internal", message, facts, cause)

/** A code that this package does not know, which would be a mistake of ours: they are built together. */
internal class UnknownCodeException(
    code: String,
    message: String,
    facts: ErrorFacts,
    cause: Throwable?,
) : RelayPassException(code, message, facts, cause)

/** The exception of a code. */
@JvmSynthetic
internal fun makeException(
    code: String,
    message: String,
    facts: ErrorFacts,
    cause: Throwable?,
): RelayPassException =
    when (code) {
        "invalid_argument" -> InvalidArgumentException(message, facts, cause)
        "authentication" -> AuthenticationException(message, facts, cause)
        "permission_denied" -> PermissionDeniedException(message, facts, cause)
        "not_found" -> NotFoundException(message, facts, cause)
        "conflict" -> ConflictException(message, facts, cause)
        "unprocessable" -> UnprocessableException(message, facts, cause)
        "rate_limited" -> RateLimitedException(message, facts, cause)
        "server_error" -> ServerException(message, facts, cause)
        "timeout" -> RequestTimeoutException(message, facts, cause)
        "network" -> NetworkException(message, facts, cause)
        "protocol" -> ProtocolException(message, facts, cause)
        "pass_rejected" -> PassRejectedException(message, facts, cause)
        "pass_expired" -> PassExpiredException(message, facts, cause)
        "decryption" -> DecryptionException(message, facts, cause)
        "claim_mismatch" -> ClaimMismatchException(message, facts, cause)
        "privacy_refused" -> PrivacyRefusedException(message, facts, cause)
        "store" -> StoreException(message, facts, cause)
        "outcome_unknown" -> OutcomeUnknownException(message, facts, cause)
        "closed" -> ClosedException(message, facts, cause)
        "cancelled" -> CancelledException(message, facts, cause)
        "internal" -> InternalException(message, facts, cause)
        else -> UnknownCodeException(code, message, facts, cause)
    }
