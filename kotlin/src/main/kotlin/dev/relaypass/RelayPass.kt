package dev.relaypass

import dev.relaypass.generated.ClientOptions
import kotlin.time.Duration
import kotlin.time.DurationUnit.SECONDS

/**
 * Persona Relay for one customer and one environment.
 *
 * Make one and share it; every call may run at the same time as others. It keeps no process alive. A
 * server that is told to stop closes it: see [closeAndJoin].
 *
 * ```
 * val client = RelayPass(apiKey = System.getenv("PERSONA_API_KEY"))
 * val claimType = "age_over18_verified"
 * val relay = client.relays.create(claimType)
 * val pass = client.relays.issuePrivacyPass(claimType)
 * // … the person verifies with Persona …
 * val answer = client.relays.generateClaim(
 *     relay.relayToken,
 *     relay.relaySecret,
 *     pass.privacyPassToken,
 *     claimType,
 * )
 * println(answer.claim?.passed)
 * ```
 */
public class RelayPass private constructor(
    private val client: CoreClient,
) : AutoCloseable {
    /** The three steps. */
    public val relays: Relays = Relays(client)

    /** Durable verifications: what to use if there is a store. */
    public val verifications: Verifications = Verifications(client)

    /** Passes bought ahead. They need a store. */
    public val passes: Passes = Passes(client)

    /** The environment this client speaks for. */
    public val environment: Environment get() = client.environment

    /**
     * Checks everything; nothing is sent. Nothing is read from environment variables.
     *
     * @param apiKey the API key. Without one the client can create and redeem, but not issue.
     * @param baseUrl where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for
     * loopback addresses only.
     * @param environment the environment; by default the API key's prefix tells (`persona_production_`
     * or `persona_sandbox_`), and a client without key is for production.
     * @param timeout how long one request may take; the default is 10 seconds, the most 10 minutes. A
     * call with its retries takes at most 30 seconds, or this, whichever is longer.
     * @param retries how often a failed request is asked again; the default is 3, the most 10.
     * @param caPem certificates to trust beside the public ones, in PEM: a company's own authority.
     * @param anonymousProxy the way out for the calls that must not name us: `http://`, `https://` or
     * `socks5h://`.
     * @param identifiedProxy the way out for the one call that names us.
     * @param decryptionKey the key that opens claims. With it, every relay is created with its public
     * half and a claim that is not encrypted is refused, unless a call says otherwise.
     * @param store where verifications and passes are kept: a [RelayStore] of yours, or a [StoreUrl].
     * Without one there are the three steps. A SQLite file must be relaypass's own: never open it with
     * another SQLite library in this process.
     * @param storeTimeout how long one call of the store may take; the default is 10 seconds, the most 10
     * minutes.
     * @param sealKeys the keys, 32 random bytes each, under which records are sealed before they reach
     * the store. The first seals and all open: to rotate, put the new one first. Without one, records
     * are stored as they are, secrets included.
     * @param passBinding what verifications bind their passes to; by default the claim type.
     * @param passPool how many passes to hold ready for each claim type that is asked for: 0 (the
     * default) to 100. `background` fills the pool.
     * @param background whether to drive open verifications on and fill the pool, about once a minute,
     * from the first call that needs the store for as long as the client is open; by default `false`.
     * What the process was doing there when it ended is done by the next one, as after a crash.
     * @param onEvent is told what your log should know, on a thread of relaypass, with the elements of
     * the caller's coroutine context (such as a logging context), before the call goes on: it must
     * return soon. What it throws is ignored, with one warning in the platform's log (`dev.relaypass`).
     * @throws InvalidArgumentException and what to change.
     */
    public constructor(
        apiKey: String? = null,
        baseUrl: String? = null,
        environment: Environment? = null,
        timeout: Duration? = null,
        retries: Int? = null,
        caPem: String? = null,
        anonymousProxy: String? = null,
        identifiedProxy: String? = null,
        decryptionKey: EncryptionKey? = null,
        store: Store? = null,
        storeTimeout: Duration? = null,
        sealKeys: List<ByteArray> = emptyList(),
        passBinding: PassBinding? = null,
        passPool: Int? = null,
        background: Boolean? = null,
        onEvent: ((RelayPassEvent) -> Unit)? = null,
    ) : this(
        CoreClient(
            ClientOptions(
                apiKey = apiKey,
                baseUrl = baseUrl,
                environment = environment?.code,
                timeoutSeconds = timeout?.toDouble(SECONDS),
                retries = retries?.toLong(),
                caPem = caPem,
                anonymousProxy = anonymousProxy,
                identifiedProxy = identifiedProxy,
                decryptionKey = decryptionKey?.privateKeyPem,
                storeUrl = (store as? StoreUrl)?.url,
                store = (store as? RelayStore)?.let(::StoreAdapter),
                storeTimeoutSeconds = storeTimeout?.toDouble(SECONDS),
                sealKeys = sealKeys,
                passBinding = passBinding?.code,
                passPool = passPool?.toLong(),
                background = background,
                onEvent = onEvent?.let(::ListenerAdapter),
            ),
        ),
    )

    /**
     * Closes the client, in order. From now on every new call throws [ClosedException]. Calls under way,
     * purchases of `verifications.start` and the work of `background` come to their end. Then a built-in
     * store is closed, and one of yours is not called any more.
     *
     * It may be called again, and by several at the same time. From within a method of a store or
     * `onEvent`, it begins to close and returns at once. Cancelling does not end it: it has a limit.
     *
     * Without it nothing is lost: the next `complete` or `recover` does what was left undone.
     *
     * ```
     * monitor.subscribe(ApplicationStopped) { client.close(within = 20.seconds) }
     * ```
     *
     * @param within how long to wait for what is under way; by default the time of one call: 30 seconds,
     * or the client's `timeout`, if that is longer.
     * @throws RequestTimeoutException when something was still under way when the time was up: the client
     * is closed, and work in the background was broken off, as in a crash.
     */
    public suspend fun closeAndJoin(within: Duration? = null) {
        client.close(within)
    }

    /** As [closeAndJoin], blocking the thread: for `use`, and for code without coroutines. */
    override fun close() {
        await { client.close(within = null) }
    }

    /** As the other [close], with a limit. */
    public fun close(within: Duration) {
        await { client.close(within) }
    }

    /** The environment, and no secret. */
    override fun toString(): String = "RelayPass(environment=${environment.code})"
}
