package dev.relaypass

import java.time.Instant
import kotlin.jvm.internal.DefaultConstructorMarker

/**
 * The rate limit as Persona reported it with an answer.
 *
 * @property limit requests allowed in the current window.
 * @property remaining requests left in the current window.
 * @property resetSeconds seconds until the window begins anew.
 */
public class RateLimit(
    public val limit: Long,
    public val remaining: Long,
    public val resetSeconds: Long,
) : RelayPassValue(
        "RateLimit",
        "limit" to limit,
        "remaining" to remaining,
        "resetSeconds" to resetSeconds,
    )

/**
 * One way in which Persona checked a claim.
 *
 * @property method such as `facial_age_estimation`, `document_selfie`, `live_selfie`; the set is open.
 * @property result `passed` or `failed`; Persona may add others.
 */
public class Method(
    public val method: String,
    public val result: String,
) : RelayPassValue("Method", "method" to method, "result" to result)

/**
 * The answer about a person.
 *
 * @property claimType what was asked, such as `age_over18_verified`.
 * @property claimResult `passed` or `failed`; Persona may add others.
 * @property passed whether the answer is yes: anything but a [claimResult] of `passed` is not.
 * @property methodology how Persona found out; empty if it does not say.
 */
public class Claim @JvmOverloads constructor(
    public val claimType: String,
    public val claimResult: String,
    public val passed: Boolean,
    public val methodology: List<Method> = emptyList(),
) : RelayPassValue(
        "Claim",
        "claimType" to claimType,
        "claimResult" to claimResult,
        "passed" to passed,
        "methodology" to methodology,
    )

/**
 * A relay session. It lives 30 minutes.
 *
 * Its text leaves out the secrets; its members keep them, for that is how callers store them.
 *
 * @property relayToken names the relay in later calls.
 * @property relaySecret redeems the claim. **Secret**: Persona returns it this once, and it stays on
 * the server.
 * @property relaySessionAccessToken a JWT for the visitor's browser, and the only part that may go
 * there.
 * @property requestId Persona's `Request-Id`: what their support asks for.
 * @property rateLimit the rate limit, if Persona reported it.
 * @property encryptionForm in which form Persona took the encryption key, and so how the claim comes back;
 * `null`: without encryption.
 */
public class Relay @JvmOverloads constructor(
    public val relayToken: String,
    public val relaySecret: String,
    public val relaySessionAccessToken: String,
    public val requestId: String? = null,
    public val rateLimit: RateLimit? = null,
    public val encryptionForm: EncryptionForm? = null,
) : RelayPassValue(
        "Relay",
        "relayToken" to relayToken,
        "relaySecret" to secret(relaySecret),
        "relaySessionAccessToken" to secret(relaySessionAccessToken),
        "requestId" to requestId,
        "rateLimit" to rateLimit,
        "encryptionForm" to encryptionForm,
    ) {
    /** What the compiler called, before there were forms, where the last two were left out. */
    @Deprecated("", level = DeprecationLevel.HIDDEN)
    public constructor(
        relayToken: String,
        relaySecret: String,
        relaySessionAccessToken: String,
        requestId: String?,
        rateLimit: RateLimit?,
        leftOut: Int,
        @Suppress("UNUSED_PARAMETER") marker: DefaultConstructorMarker?,
    ) : this(
        relayToken,
        relaySecret,
        relaySessionAccessToken,
        requestId.takeIf { leftOut and 8 == 0 },
        rateLimit.takeIf { leftOut and 16 == 0 },
    )
}

/**
 * A Privacy Pass, paid for and not yet redeemed. Its text leaves out the pass.
 *
 * @property privacyPassToken the pass. **Secret**: whoever has it can spend it, once, within 90 days.
 * @property requestId Persona's `Request-Id`: what their support asks for.
 * @property rateLimit the rate limit, if Persona reported it.
 */
public class PrivacyPass @JvmOverloads constructor(
    public val privacyPassToken: String,
    public val requestId: String? = null,
    public val rateLimit: RateLimit? = null,
) : RelayPassValue(
        "PrivacyPass",
        "privacyPassToken" to secret(privacyPassToken),
        "requestId" to requestId,
        "rateLimit" to rateLimit,
    )

/**
 * Persona's answer about the person. Its text leaves out the payload.
 *
 * @property claimPayload the payload as Persona sent it: JSON, or base64 of a ciphertext. [openClaim]
 * reads it.
 * @property tokenConsumed `true`: the pass is spent. `false`: the claim did not pass, and the pass can
 * be used again.
 * @property claim the claim, opened; `null` when it is encrypted and there is no decryption key.
 * @property requestId Persona's `Request-Id`: what their support asks for.
 * @property rateLimit the rate limit, if Persona reported it.
 */
public class GeneratedClaim @JvmOverloads constructor(
    public val claimPayload: String,
    public val tokenConsumed: Boolean,
    public val claim: Claim? = null,
    public val requestId: String? = null,
    public val rateLimit: RateLimit? = null,
) : RelayPassValue(
        "GeneratedClaim",
        "claimPayload" to secret(claimPayload),
        "tokenConsumed" to tokenConsumed,
        "claim" to claim,
        "requestId" to requestId,
        "rateLimit" to rateLimit,
    )

/** How far a verification is. */
public enum class VerificationStatus(
    /** Its name, the same in every language of relaypass. */
    public val code: String,
) {
    /** The claim is true. */
    PASSED("passed"),

    /** The claim is not true, or Persona could not find out. */
    FAILED("failed"),

    /** There is no answer yet: the person has most likely not finished. */
    PENDING("pending"),

    /** The session ended without an answer. Start another verification. */
    EXPIRED("expired"),
    ;

    internal companion object {
        @JvmSynthetic
        internal fun of(code: String): VerificationStatus = entries.first { it.code == code }
    }
}

/**
 * A verification, as it is stored. Its text leaves out the token and the page.
 *
 * @property id names it in later calls. No secret; it says nothing about the person.
 * @property claimType what is asked.
 * @property status how far it is.
 * @property claim the answer, once it is known.
 * @property sessionAccessToken a JWT for the visitor's browser; `null` once the verification is over.
 * @property hostedUrl Persona's page for the visitor, with the token in it; `null` once the
 * verification is over. The page refuses requests that carry a `Referer`.
 * @property purchaseFailure the code of what keeps its pass from being bought until somebody mends it,
 * such as `authentication` for a wrong API key; `null` once there is a pass. Nothing is lost: the next
 * attempt buys it.
 * @property expiresAt when the session ends: 30 minutes after it began.
 */
public class Verification @JvmOverloads constructor(
    public val id: String,
    public val claimType: String,
    public val status: VerificationStatus,
    public val claim: Claim? = null,
    public val sessionAccessToken: String? = null,
    public val hostedUrl: String? = null,
    public val purchaseFailure: String? = null,
    public val expiresAt: Instant,
) : RelayPassValue(
        "Verification",
        "id" to id,
        "claimType" to claimType,
        "status" to status,
        "claim" to claim,
        "sessionAccessToken" to secret(sessionAccessToken),
        "hostedUrl" to secret(hostedUrl),
        "purchaseFailure" to purchaseFailure,
        "expiresAt" to expiresAt,
    ) {
    /** What the compiler called, before purchases were told of, where some were left out. */
    @Deprecated("", level = DeprecationLevel.HIDDEN)
    public constructor(
        id: String,
        claimType: String,
        status: VerificationStatus,
        claim: Claim?,
        sessionAccessToken: String?,
        hostedUrl: String?,
        expiresAt: Instant,
        leftOut: Int,
        @Suppress("UNUSED_PARAMETER") marker: DefaultConstructorMarker?,
    ) : this(
        id,
        claimType,
        status,
        claim.takeIf { leftOut and 8 == 0 },
        sessionAccessToken.takeIf { leftOut and 16 == 0 },
        hostedUrl.takeIf { leftOut and 32 == 0 },
        null,
        expiresAt,
    )
}

/**
 * What a verification came to, so far.
 *
 * ```
 * when (val completion = client.verifications.complete(id)) {
 *     is Completion.Passed -> welcome()
 *     is Completion.Failed -> sorry(completion.claim.methodology)
 *     Completion.Pending -> askAgainLater()
 *     Completion.Expired -> startAnother()
 * }
 * ```
 */
public sealed interface Completion {
    /** How far it is: one for each class below. */
    public val status: VerificationStatus

    /** The answer; there is one with [Passed] and [Failed]. */
    public val claim: Claim?

    /** The claim is true. */
    public class Passed(
        override val claim: Claim,
    ) : RelayPassValue("Passed", "claim" to claim),
        Completion {
        override val status: VerificationStatus get() = VerificationStatus.PASSED
    }

    /** The claim is not true, or Persona could not find out. */
    public class Failed(
        override val claim: Claim,
    ) : RelayPassValue("Failed", "claim" to claim),
        Completion {
        override val status: VerificationStatus get() = VerificationStatus.FAILED
    }

    /** There is no answer yet: the person has most likely not finished. */
    public data object Pending : Completion {
        override val status: VerificationStatus get() = VerificationStatus.PENDING
        override val claim: Claim? get() = null
    }

    /** The session ended without an answer. Start another verification. */
    public data object Expired : Completion {
        override val status: VerificationStatus get() = VerificationStatus.EXPIRED
        override val claim: Claim? get() = null
    }
}
