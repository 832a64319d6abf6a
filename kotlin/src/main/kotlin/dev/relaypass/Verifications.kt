package dev.relaypass

import dev.relaypass.generated.CompleteArguments
import dev.relaypass.generated.CreateTableArguments
import dev.relaypass.generated.ForgetArguments
import dev.relaypass.generated.GetArguments
import dev.relaypass.generated.NativeClient
import dev.relaypass.generated.PruneArguments
import dev.relaypass.generated.RecoverArguments
import dev.relaypass.generated.StartArguments
import kotlin.time.Duration

/**
 * Durable verifications: whatever crashes when, nothing is billed twice and no claim is lost.
 *
 * They need a `store`. Every method may be called any number of times, from any process that has the
 * same store, and throws [StoreException] when the store fails: its `cause` is what the store threw. A
 * cancelled call leaves the verification as it is stored; call again. Each takes a `timeout`: how long
 * the whole call may take, retries and the store included.
 */
public class Verifications internal constructor(
    private val client: CoreClient,
) {
    /**
     * Starts a verification: creates a relay, and returns as soon as it is stored. The pass is taken
     * from the pool, or bought in the background at a random moment ([RelayPassOptions.purchaseWindow]); if
     * the process ends meanwhile, [complete] or [recover] does what is missing.
     *
     * ```
     * val started = client.verifications.start("age_over18_verified", reference = order.number)
     * redirect(started.hostedUrl)
     * ```
     *
     * @param claimType what is asked about the person, such as `age_over18_verified`.
     * @param reference a name of yours for this verification, such as an order's number: the same
     * reference returns the same verification for as long as it is open. Once it is over, passed too,
     * the same reference begins a new one. Up to 512 visible ASCII characters; only its hash is stored.
     * @throws InvalidArgumentException without a store or an API key, or if the open verification of
     * the reference asks for another claim type.
     * @throws StoreException or what `relays.create` throws. Nothing is billed then.
     */
    public suspend fun start(
        claimType: String,
        reference: String? = null,
        timeout: Duration? = null,
    ): Verification = start(claimType, reference, theme = null, timeout)

    /**
     * As the other [start], and says how the page at `hostedUrl` looks.
     *
     * @param theme how it looks; with `null`, Persona decides.
     */
    public suspend fun start(
        claimType: String,
        reference: String? = null,
        theme: Theme?,
        timeout: Duration? = null,
    ): Verification =
        client
            .call(timeout, StartArguments(claimType, reference, theme?.code), NativeClient::startVerification)
            .lift()

    /**
     * Asks for the answer. Once it is known it is returned as it was stored, without a network call.
     *
     * ```
     * val passed = client.verifications.complete(id) is Completion.Passed
     * ```
     *
     * @param reissue accepts that another pass may be billed, after an error that left it to you: pass
     * rejected; unprocessable, unknown outcome or protocol while buying the pass. A conflict needs none:
     * call again. Otherwise it changes nothing.
     * @throws NotFoundException for an id that the store does not have, or that is none;
     * [InvalidArgumentException] for one of the other environment.
     * @throws AuthenticationException or [PermissionDeniedException], [ConflictException],
     * [RateLimitedException], [ServerException], [RequestTimeoutException], [NetworkException],
     * [StoreException]: nothing is lost. Call again when the cause is mended.
     * @throws PassRejectedException or, while buying, [UnprocessableException], [ProtocolException]: call
     * with [reissue], or start another one.
     * @throws OutcomeUnknownException nobody can tell whether a pass was billed or is spent.
     * @throws DecryptionException or [ClaimMismatchException]: the answer came and is no good. It is
     * kept, and the exception's `claimPayload` has it.
     */
    public suspend fun complete(
        id: String,
        reissue: Boolean = false,
        timeout: Duration? = null,
    ): Completion =
        client.call(timeout, CompleteArguments(id, reissue), NativeClient::completeVerification).lift()

    /**
     * A verification as it is stored. Nothing is sent, and nothing is changed.
     *
     * @throws NotFoundException or [InvalidArgumentException], [StoreException]; and the error that a
     * verification ended with.
     */
    public suspend fun get(
        id: String,
        timeout: Duration? = null,
    ): Verification = get(id, theme = null, timeout)

    /**
     * As the other [get], and says how the page at `hostedUrl` looks.
     *
     * @param theme how it looks; with `null`, Persona decides.
     */
    public suspend fun get(
        id: String,
        theme: Theme?,
        timeout: Duration? = null,
    ): Verification =
        client.call(timeout, GetArguments(id, theme?.code), NativeClient::getVerification).lift()

    /**
     * Deletes what is stored of a verification. A pass that is certainly unspent goes to the pool; what
     * was in flight is given up.
     *
     * @throws NotFoundException or [InvalidArgumentException], [StoreException].
     */
    public suspend fun forget(
        id: String,
        timeout: Duration? = null,
    ): Unit = client.call(timeout, ForgetArguments(id), NativeClient::forgetVerification)

    /**
     * Drives on whatever a crash or a broken network left behind, and says how many records it drove
     * on. Call it about once a minute, from as many processes as you like, or set `background`. Its cost
     * follows what is open, not what is stored. A record that fails does not keep the others: `onEvent`
     * is told of it.
     *
     * @throws InvalidArgumentException without a store; or [StoreException].
     */
    public suspend fun recover(timeout: Duration? = null): Long =
        client.call(timeout, RecoverArguments(), NativeClient::recoverVerifications).saturated()

    /**
     * Deletes what need not be kept any more from a built-in store, and says how many records that were:
     * verifications that ended 30 days ago, above all. What is open stays. When the time is up, the rest
     * waits for the next call.
     *
     * @throws InvalidArgumentException with a store of yours: delete there what `expiresAt` allows; or
     * [StoreException].
     */
    public suspend fun prune(timeout: Duration? = null): Long =
        client.call(timeout, PruneArguments(), NativeClient::pruneVerifications).saturated()

    /**
     * Creates the table of a built-in store, unless it is there. Only PostgreSQL needs it.
     *
     * @throws InvalidArgumentException with a store of yours; or [StoreException],
     * [RequestTimeoutException].
     */
    public suspend fun createTable(timeout: Duration? = null): Unit =
        client.call(timeout, CreateTableArguments(), NativeClient::createTable)
}
