package dev.relaypass

import dev.relaypass.generated.NativeClient
import dev.relaypass.generated.PrivacyReportArguments
import kotlin.time.Duration

/**
 * Persona Relay for one customer and one environment.
 *
 * Make one and share it; every call may run at the same time as others. It keeps no process alive. A
 * server that is told to stop closes it: see [closeAndJoin].
 *
 * ```
 * val client = RelayPass { apiKey = System.getenv("RELAYPASS_API_KEY") }
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
     * A client with these options. Everything is checked, and nothing is sent.
     *
     * @throws InvalidArgumentException and what to change.
     */
    public constructor(options: RelayPassOptions) : this(CoreClient(options.lower()))

    /**
     * A client with the options that are set there.
     *
     * @throws InvalidArgumentException and what to change.
     */
    public constructor(configure: RelayPassOptions.() -> Unit = {}) : this(RelayPassOptions().apply(configure))

    /**
     * What can be linked with the present configuration, and by what was seen: by this client since it was
     * made, and by all who share its store. Nothing is sent.
     *
     * What is measured is quoted with its figures; what is not, says so. No key, URL or address is in it.
     *
     * ```
     * val report = client.privacyReport()
     * println(report.text)
     * val grave = report.findings.filter { it.severity == PrivacySeverity.HIGH }
     * ```
     *
     * @param timeout how long the whole call may take.
     * @throws StoreException or, for what another seal key has sealed, [DecryptionException].
     */
    public suspend fun privacyReport(timeout: Duration? = null): PrivacyReport =
        client.call(timeout, PrivacyReportArguments(), NativeClient::privacyReport).lift()

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
     * or [RelayPassOptions.timeout], if that is longer.
     * @throws RequestTimeoutException when something was still under way when the time was up: the client
     * is closed, and work in the background was broken off, as in a crash.
     */
    public suspend fun closeAndJoin(within: Duration? = null) {
        client.close(within)
    }

    /** As [closeAndJoin], blocking the thread: for `use`, and for code without coroutines. */
    override fun close() {
        awaitToTheEnd { client.close(within = null) }
    }

    /** As the other [close], with a limit. */
    public fun close(within: Duration) {
        awaitToTheEnd { client.close(within) }
    }

    /** The environment, and no secret. */
    override fun toString(): String = "RelayPass(environment=${environment.code})"
}
