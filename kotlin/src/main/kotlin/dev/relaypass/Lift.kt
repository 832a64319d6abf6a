package dev.relaypass

import dev.relaypass.generated.ClaimRecord
import dev.relaypass.generated.CompletionRecord
import dev.relaypass.generated.ErrorRecord
import dev.relaypass.generated.EventRecord
import dev.relaypass.generated.GeneratedClaimRecord
import dev.relaypass.generated.PrivacyFindingRecord
import dev.relaypass.generated.PrivacyPassRecord
import dev.relaypass.generated.PrivacyReportRecord
import dev.relaypass.generated.RateLimitRecord
import dev.relaypass.generated.RelayRecord
import dev.relaypass.generated.VerificationRecord
import java.time.Instant

// Native records as the results that people see. `@JvmSynthetic`: Java does not see these functions.

@JvmSynthetic
internal fun RelayRecord.lift(): Relay =
    Relay(
        relayToken,
        relaySecret,
        relaySessionAccessToken,
        requestId,
        rateLimit?.lift(),
        encryptionForm?.let(EncryptionForm::of),
    )

@JvmSynthetic
internal fun PrivacyPassRecord.lift(): PrivacyPass = PrivacyPass(privacyPassToken, requestId, rateLimit?.lift())

@JvmSynthetic
internal fun GeneratedClaimRecord.lift(): GeneratedClaim =
    GeneratedClaim(claimPayload, tokenConsumed, claim?.lift(), requestId, rateLimit?.lift())

@JvmSynthetic
internal fun ClaimRecord.lift(): Claim =
    Claim(claimType, claimResult, passed, methodology.map { Method(it.method, it.result) })

@JvmSynthetic
internal fun RateLimitRecord.lift(): RateLimit =
    RateLimit(limit.saturated(), remaining.saturated(), resetSeconds.saturated())

@JvmSynthetic
internal fun VerificationRecord.lift(): Verification =
    Verification(
        id = id,
        claimType = claimType,
        status = VerificationStatus.of(status),
        claim = claim?.lift(),
        sessionAccessToken = sessionAccessToken,
        hostedUrl = hostedUrl,
        purchaseFailure = purchaseFailure,
        expiresAt = Instant.ofEpochMilli(expiresAt.saturated()),
    )

@JvmSynthetic
internal fun CompletionRecord.lift(): Completion =
    when (VerificationStatus.of(status)) {
        // The core says that there is a claim with these two, and with none else.
        VerificationStatus.PASSED -> Completion.Passed(claim!!.lift())
        VerificationStatus.FAILED -> Completion.Failed(claim!!.lift())
        VerificationStatus.PENDING -> Completion.Pending
        VerificationStatus.EXPIRED -> Completion.Expired
    }

@JvmSynthetic
internal fun PrivacyReportRecord.lift(): PrivacyReport = PrivacyReport(findings.map { it.lift() }, text)

@JvmSynthetic
internal fun PrivacyFindingRecord.lift(): PrivacyFinding =
    PrivacyFinding(PrivacyCode.of(code), PrivacySeverity.of(severity), who, links, why, evidence, change)

@JvmSynthetic
internal fun EventRecord.lift(): RelayPassEvent = RelayPassEvent(EventKind.of(kind), verificationId, requestId, message)

/** The exception of a failure; `call` has what the caller's store threw during it. */
@JvmSynthetic
internal fun ErrorRecord.toException(call: Call?): RelayPassException {
    val record = this
    val facts =
        ErrorFacts {
            operation = record.operation
            retryable = record.retryable
            status = record.status?.toInt()
            title = record.title
            details = record.details
            meta = record.meta
            requestId = record.requestId
            rateLimit = record.rateLimit?.lift()
            claimPayload = record.claimPayload
            tokenConsumed = record.tokenConsumed
            idempotencyKey = record.idempotencyKey
        }
    val cause = thrown?.let { call?.thrown(it) } ?: causes.foldRight(null, ::CoreException)
    return makeException(code, message, facts, cause)
}

/** A number of the core, which has no sign; what exceeds a `Long` is as good as the largest. */
@JvmSynthetic
internal fun ULong.saturated(): Long = coerceAtMost(Long.MAX_VALUE.toULong()).toLong()

/** What led to an error inside the core. It has no stack, for it comes from Rust. */
internal class CoreException(
    message: String,
    cause: Throwable?,
) : Exception(message, cause, false, false)
