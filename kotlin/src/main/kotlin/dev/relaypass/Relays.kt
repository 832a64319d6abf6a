package dev.relaypass

import dev.relaypass.generated.ClaimArguments
import dev.relaypass.generated.CreateArguments
import dev.relaypass.generated.IssueArguments
import dev.relaypass.generated.NativeClient
import kotlin.time.Duration

/**
 * The three steps, under the names that Persona's own SDKs use.
 *
 * They keep nothing: what they return is the caller's to store. Every call may be made from any
 * process. Each takes a `timeout`: how long the whole call may take, retries included.
 *
 * When the coroutine of a call is cancelled, so is the call; what was sent stays sent. In a coroutine
 * that is cancelled already, nothing is sent.
 */
public class Relays internal constructor(
    private val client: CoreClient,
) {
    /**
     * Step 1: creates a relay. Costs nothing, names nobody.
     *
     * ```
     * val relay = client.relays.create("age_over18_verified")
     * ```
     *
     * Source: Persona, "Create a Relay".
     *
     * @param claimType what is asked about the person, such as `age_over18_verified`.
     * @param encryptionKey the public key to encrypt the claim with, in PEM or as the JSON of a JWK; by
     * default that of the client's `decryptionKey`, if it has one. Whatever it is given as, the client's
     * `encryptionForm` says how it is sent.
     * @throws InvalidArgumentException or [UnprocessableException], [RateLimitedException],
     * [ServerException], [RequestTimeoutException], [NetworkException], [ProtocolException].
     */
    public suspend fun create(
        claimType: String,
        encryptionKey: String? = null,
        timeout: Duration? = null,
    ): Relay = client.call(timeout, CreateArguments(claimType, encryptionKey), NativeClient::create).lift()

    /** As the other [create], with the public half of [encryptionKey]. */
    public suspend fun create(
        claimType: String,
        encryptionKey: EncryptionKey,
        timeout: Duration? = null,
    ): Relay = create(claimType, encryptionKey.publicKeyPem, timeout)

    /** As the other [create], with the members of a JWK. */
    public suspend fun create(
        claimType: String,
        encryptionKey: Map<String, *>,
        timeout: Duration? = null,
    ): Relay = create(claimType, jwkText(encryptionKey), timeout)

    /**
     * Step 2: buys a Privacy Pass for every relay of a claim type and this environment: the current
     * generation. This is the call that names us, and the one that is billed.
     *
     * The challenge is fetched without the API key; only a blinded message travels with it. An answer
     * that does not arrive is asked for again with the same key and bytes, so that one call is billed
     * once. The exception: a server error that Persona has stored under the key is passed by with one
     * new key and the same blinded message, and may have billed before.
     *
     * Cancelling may leave a pass that is billed and that nobody gets.
     *
     * ```
     * val pass = client.relays.issuePrivacyPass("age_over18_verified")
     * ```
     *
     * Source: Persona, "Create a Privacy Pass"; RFC 9474.
     *
     * @throws InvalidArgumentException without an API key; or [AuthenticationException],
     * [PermissionDeniedException], [RateLimitedException], [ProtocolException],
     * [RequestTimeoutException], [NetworkException].
     * @throws OutcomeUnknownException or [ServerException], when the pass may have been billed:
     * `retryable` is then `false`.
     */
    public suspend fun issuePrivacyPass(
        claimType: String,
        timeout: Duration? = null,
    ): PrivacyPass = issue(claimType, null, null, timeout)

    /**
     * Step 2 for one relay: the first generation. Otherwise as the other [issuePrivacyPass].
     *
     * @param relayToken the relay's token.
     * @param relaySecret the relay's secret.
     */
    public suspend fun issuePrivacyPass(
        relayToken: String,
        relaySecret: String,
        timeout: Duration? = null,
    ): PrivacyPass = issue(null, relayToken, relaySecret, timeout)

    /**
     * Step 3: redeems a pass for the claim. Names nobody; works once per pass.
     *
     * ```
     * val idempotencyKey = UUID.randomUUID().toString() // stored beside the relay
     * val answer = client.relays.generateClaim(
     *     relay.relayToken,
     *     relay.relaySecret,
     *     pass.privacyPassToken,
     *     claimType = "age_over18_verified",
     *     idempotencyKey = idempotencyKey,
     * )
     * ```
     *
     * Source: Persona, "Generate a Relay claim".
     *
     * @param relayToken the relay's token.
     * @param relaySecret the relay's secret.
     * @param privacyPassToken the pass to redeem.
     * @param claimType what was asked: a claim of another type is refused. Left out, any is accepted.
     * @param decryptionKey the key that opens the claim; by default the client's.
     * @param idempotencyKey names this redemption: best made by the caller, and stored beside the relay
     * before the call. What [RelayPassException.idempotencyKey] carries serves the same end. Left out,
     * the call makes one of its own. For one relay and pass only. The same key asks for the same answer
     * for 24 hours, after a lost answer, a cancellation or a crash. The call goes out under this key
     * alone, and "not finished yet" ends it. After [PermissionDeniedException] without an
     * `idempotencyKey` make a new one: Persona keeps that answer too. An error with an `idempotencyKey`,
     * whatever its kind, asks to be repeated with that key. It is as secret as the pass.
     * @throws PermissionDeniedException retryable: the person has most likely not finished.
     * @throws PassRejectedException or [PassExpiredException]; [NotFoundException] for an unknown relay
     * or a wrong secret; [ConflictException], [UnprocessableException], [RateLimitedException],
     * [ServerException], [NetworkException].
     * @throws OutcomeUnknownException the answer never arrived.
     * @throws DecryptionException or [ClaimMismatchException], [ProtocolException]: the answer arrived
     * and is no good; the exception's `claimPayload` has it.
     */
    public suspend fun generateClaim(
        relayToken: String,
        relaySecret: String,
        privacyPassToken: String,
        claimType: String? = null,
        decryptionKey: EncryptionKey? = null,
        idempotencyKey: String? = null,
        timeout: Duration? = null,
    ): GeneratedClaim {
        val keys = decryptionKey?.let(::listOf)
        return redeem(relayToken, relaySecret, privacyPassToken, claimType, keys, idempotencyKey, null, timeout)
    }

    /** As the other [generateClaim], with the one of several keys that fits. */
    public suspend fun generateClaim(
        relayToken: String,
        relaySecret: String,
        privacyPassToken: String,
        claimType: String? = null,
        decryptionKeys: List<EncryptionKey>,
        idempotencyKey: String? = null,
        timeout: Duration? = null,
    ): GeneratedClaim =
        redeem(relayToken, relaySecret, privacyPassToken, claimType, decryptionKeys, idempotencyKey, null, timeout)

    /**
     * As the other [generateClaim], in this form only.
     *
     * @param encryptionForm the relay's own ([Relay.encryptionForm]), stored beside it: a claim in another
     * form is refused. `null`: the client's. [EncryptionForm.AUTO] takes either.
     * @param decryptionKeys keys of which one opens the claim; by default the client's.
     */
    public suspend fun generateClaim(
        relayToken: String,
        relaySecret: String,
        privacyPassToken: String,
        claimType: String? = null,
        decryptionKeys: List<EncryptionKey>? = null,
        idempotencyKey: String? = null,
        encryptionForm: EncryptionForm?,
        timeout: Duration? = null,
    ): GeneratedClaim =
        redeem(
            relayToken,
            relaySecret,
            privacyPassToken,
            claimType,
            decryptionKeys,
            idempotencyKey,
            encryptionForm,
            timeout,
        )

    @JvmSynthetic
    internal suspend fun redeem(
        relayToken: String,
        relaySecret: String,
        privacyPassToken: String,
        claimType: String?,
        decryptionKeys: List<EncryptionKey>?,
        idempotencyKey: String?,
        encryptionForm: EncryptionForm?,
        timeout: Duration?,
    ): GeneratedClaim {
        val keys = decryptionKeys?.map { it.privateJwk }
        val form = encryptionForm?.code
        val arguments =
            ClaimArguments(relayToken, relaySecret, privacyPassToken, claimType, keys, idempotencyKey, form)
        return client.call(timeout, arguments, NativeClient::generateClaim).lift()
    }

    /** Both ways to issue, and a mixture of them, which the core refuses. */
    @JvmSynthetic
    internal suspend fun issue(
        claimType: String?,
        relayToken: String?,
        relaySecret: String?,
        timeout: Duration? = null,
    ): PrivacyPass =
        client
            .call(timeout, IssueArguments(claimType, relayToken, relaySecret), NativeClient::issuePrivacyPass)
            .lift()
}
