package dev.relaypass

import java.util.concurrent.CompletableFuture
import java.util.function.Consumer
import kotlin.coroutines.Continuation
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.startCoroutine
import kotlin.time.toKotlinDuration
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import java.time.Duration as JavaDuration

/**
 * [RelayPass] for Java, and for code without coroutines: the same calls, blocking the thread until they
 * end.
 *
 * Every call throws what the one of [RelayPass] throws. When its thread is interrupted, the call is
 * cancelled and throws [InterruptedException]. An outcome that is there by then is not lost, because it
 * may have cost money: it is returned, and the thread stays interrupted.
 *
 * ```java
 * RelayPassBlocking client = RelayPassBlocking.builder().apiKey(apiKey).store("memory:").build();
 * Verification started = client.getVerifications().start("age_over18_verified", "order-7");
 * ```
 */
public class RelayPassBlocking internal constructor(
    private val client: RelayPass,
    private val timeout: JavaDuration? = null,
) : AutoCloseable {
    /** The three steps. */
    public val relays: RelaysBlocking = RelaysBlocking(client.relays, timeout)

    /** Durable verifications: what to use if there is a store. */
    public val verifications: VerificationsBlocking = VerificationsBlocking(client.verifications, timeout)

    /** Passes bought ahead. They need a store. */
    public val passes: PassesBlocking = PassesBlocking(client.passes, timeout)

    /** The environment this client speaks for. */
    public val environment: Environment get() = client.environment

    /** The same client, whose calls may take this long as a whole, retries included. */
    public fun within(timeout: JavaDuration): RelayPassBlocking = RelayPassBlocking(client, timeout)

    /** See [RelayPass.privacyReport]. */
    @Throws(InterruptedException::class)
    public fun privacyReport(): PrivacyReport = await { client.privacyReport(timeout?.toKotlinDuration()) }

    /**
     * See [RelayPass.closeAndJoin]. Closes what [within] gave as well, for it is the same client. An
     * interrupt does not end it: it has a limit. The thread stays interrupted.
     */
    override fun close() {
        awaitToTheEnd { client.closeAndJoin() }
    }

    /** As the other [close], and waits this long for what is under way. */
    public fun close(within: JavaDuration) {
        awaitToTheEnd { client.closeAndJoin(within.toKotlinDuration()) }
    }

    /** The environment, and no secret. */
    override fun toString(): String = "RelayPassBlocking(environment=${environment.code})"

    /** Where clients and keys come from. */
    public companion object {
        /** Describes a client. Nothing is read from environment variables. */
        @JvmStatic
        public fun builder(): Builder = Builder()

        /**
         * Generates a key pair for claims: see [EncryptionKey.Companion.generate].
         *
         * @param bits 2048, 3072 or 4096.
         */
        @JvmStatic
        @JvmOverloads
        @Throws(InterruptedException::class)
        public fun generateKey(bits: Int = 2048): EncryptionKey = await { EncryptionKey.generate(bits) }
    }

    /**
     * How a [RelayPassBlocking] is described; each method returns the builder. What is not said has the
     * default that [RelayPassOptions] tells.
     */
    public class Builder internal constructor() {
        private val options = RelayPassOptions()

        /** See [RelayPassOptions.apiKey]. */
        public fun apiKey(apiKey: String?): Builder = apply { options.apiKey = apiKey }

        /** See [RelayPassOptions.baseUrl]. `null`: Persona itself. */
        public fun baseUrl(baseUrl: String?): Builder = apply { options.baseUrl = baseUrl }

        /** See [RelayPassOptions.environment]. */
        public fun environment(environment: Environment?): Builder = apply { options.environment = environment }

        /** See [RelayPassOptions.timeout]. */
        public fun timeout(timeout: JavaDuration?): Builder =
            apply { options.timeout = timeout?.toKotlinDuration() }

        /** See [RelayPassOptions.retries]. */
        public fun retries(retries: Int): Builder = apply { options.retries = retries }

        /** As the other one. `null`: the default. */
        public fun retries(retries: Int?): Builder = apply { options.retries = retries }

        /** See [RelayPassOptions.caPem]. */
        public fun caPem(caPem: String?): Builder = apply { options.caPem = caPem }

        /** See [RelayPassOptions.anonymousProxy]. */
        public fun anonymousProxy(url: String?): Builder = apply { options.anonymousProxy = url }

        /** See [RelayPassOptions.anonymousProxies]. `null`: none. */
        public fun anonymousProxies(urls: List<String>?): Builder = apply { options.anonymousProxies = urls }

        /** See [RelayPassOptions.identifiedProxy]. */
        public fun identifiedProxy(url: String?): Builder = apply { options.identifiedProxy = url }

        /** See [RelayPassOptions.decryptionKey]. */
        public fun decryptionKey(key: EncryptionKey?): Builder = apply { options.decryptionKey = key }

        /** See [RelayPassOptions.decryptionKeys]. `null`: none. */
        public fun decryptionKeys(keys: List<EncryptionKey>?): Builder = apply { options.decryptionKeys = keys }

        /** See [RelayPassOptions.encryptionForm]. `null`: the default. */
        public fun encryptionForm(form: EncryptionForm?): Builder = apply { options.encryptionForm = form }

        /**
         * A built-in store: `memory:`, `sqlite:///absolute/path` or `postgres://…`. A SQLite file must be
         * relaypass's own: never open it with another SQLite library in this process.
         */
        public fun store(url: String): Builder = apply { options.store = StoreUrl(url) }

        /** A store of yours, written in Java. */
        public fun store(store: BlockingRelayStore): Builder = apply { options.store = BlockingStoreAdapter(store) }

        /** A store of yours, written in Kotlin. */
        public fun store(store: RelayStore): Builder = apply { options.store = store }

        /** See [RelayPassOptions.idleTimeout]. */
        public fun idleTimeout(timeout: JavaDuration): Builder =
            apply { options.idleTimeout = timeout.toKotlinDuration() }

        /** See [RelayPassOptions.storeTimeout]. */
        public fun storeTimeout(timeout: JavaDuration?): Builder =
            apply { options.storeTimeout = timeout?.toKotlinDuration() }

        /** See [RelayPassOptions.sealKeys]. */
        public fun sealKeys(vararg keys: ByteArray): Builder = apply { options.sealKeys = keys.toList() }

        /** See [RelayPassOptions.passBinding]. */
        public fun passBinding(binding: PassBinding?): Builder = apply { options.passBinding = binding }

        /** See [RelayPassOptions.purchaseWindow]. */
        public fun purchaseWindow(window: JavaDuration): Builder =
            apply { options.purchaseWindow = window.toKotlinDuration() }

        /** See [RelayPassOptions.passPool]. */
        public fun passPool(size: Int): Builder = apply { options.passPool = size }

        /** As the other one. `null`: the default. */
        public fun passPool(size: Int?): Builder = apply { options.passPool = size }

        /** See [RelayPassOptions.privacy]. */
        public fun privacy(privacy: Privacy?): Builder = apply { options.privacy = privacy }

        /** See [RelayPassOptions.isolation]. */
        public fun isolation(isolation: Isolation?): Builder = apply { options.isolation = isolation }

        /** See [RelayPassOptions.background]. */
        public fun background(background: Boolean): Builder = apply { options.background = background }

        /** As the other one. `null`: the default. */
        public fun background(background: Boolean?): Builder = apply { options.background = background }

        /** See [RelayPassOptions.onEvent]. */
        public fun onEvent(listener: Consumer<RelayPassEvent>?): Builder =
            apply { options.onEvent = listener?.let { it::accept } }

        /**
         * Checks everything; nothing is sent.
         *
         * @throws InvalidArgumentException and what to change.
         */
        public fun build(): RelayPassBlocking = RelayPassBlocking(RelayPass(options))

        /** Nothing of what it was told. */
        override fun toString(): String = "RelayPassBlocking.Builder"
    }
}

/** [Relays], blocking. */
public class RelaysBlocking internal constructor(
    private val relays: Relays,
    timeout: JavaDuration?,
) {
    private val timeout = timeout?.toKotlinDuration()

    /** Step 1: see [Relays.create]. */
    @Throws(InterruptedException::class)
    public fun create(claimType: String): Relay = await { relays.create(claimType, timeout = timeout) }

    /** Step 1 with a public key to encrypt the claim with, in PEM or as the JSON of a JWK: see [Relays.create]. */
    @Throws(InterruptedException::class)
    public fun create(
        claimType: String,
        encryptionKey: String?,
    ): Relay = await { relays.create(claimType, encryptionKey, timeout) }

    /** Step 1 with the public half of a key: see [Relays.create]. */
    @Throws(InterruptedException::class)
    public fun create(
        claimType: String,
        encryptionKey: EncryptionKey,
    ): Relay = await { relays.create(claimType, encryptionKey, timeout) }

    /** Step 1 with the members of a JWK: see [Relays.create]. */
    @Throws(InterruptedException::class)
    public fun create(
        claimType: String,
        encryptionKey: Map<String, *>,
    ): Relay = await { relays.create(claimType, encryptionKey, timeout) }

    /** Step 2 for a claim type: see [Relays.issuePrivacyPass]. */
    @Throws(InterruptedException::class)
    public fun issuePrivacyPass(claimType: String): PrivacyPass =
        await { relays.issuePrivacyPass(claimType, timeout) }

    /** Step 2 for one relay: see [Relays.issuePrivacyPass]. */
    @Throws(InterruptedException::class)
    public fun issuePrivacyPass(
        relayToken: String,
        relaySecret: String,
    ): PrivacyPass = await { relays.issuePrivacyPass(relayToken, relaySecret, timeout) }

    /** Step 3: see [Relays.generateClaim]. */
    @Throws(InterruptedException::class)
    public fun generateClaim(redemption: ClaimRequest): GeneratedClaim =
        await {
            relays.redeem(
                redemption.relayToken,
                redemption.relaySecret,
                redemption.privacyPassToken,
                redemption.claimType,
                redemption.decryptionKeys,
                redemption.idempotencyKey,
                redemption.encryptionForm,
                timeout,
            )
        }
}

/**
 * What [RelaysBlocking.generateClaim] needs; each method returns the request. Its text shows no secret.
 *
 * ```java
 * new ClaimRequest(relayToken, relaySecret, privacyPassToken).claimType("age_over18_verified")
 * ```
 *
 * @param relayToken the relay's token.
 * @param relaySecret the relay's secret.
 * @param privacyPassToken the pass to redeem.
 */
public class ClaimRequest(
    internal val relayToken: String,
    internal val relaySecret: String,
    internal val privacyPassToken: String,
) {
    internal var claimType: String? = null
        private set
    internal var decryptionKeys: List<EncryptionKey>? = null
        private set
    internal var idempotencyKey: String? = null
        private set
    internal var encryptionForm: EncryptionForm? = null
        private set

    /** What was asked: a claim of another type is refused. */
    public fun claimType(claimType: String?): ClaimRequest = apply { this.claimType = claimType }

    /** The key that opens the claim; by default the client's. */
    public fun decryptionKey(key: EncryptionKey?): ClaimRequest = apply { decryptionKeys = key?.let(::listOf) }

    /** Keys of which one opens the claim; by default the client's. */
    public fun decryptionKeys(keys: List<EncryptionKey>?): ClaimRequest = apply { decryptionKeys = keys }

    /** The key under which Persona keeps the answer for 24 hours: see [Relays.generateClaim]. */
    public fun idempotencyKey(key: String?): ClaimRequest = apply { idempotencyKey = key }

    /** The relay's own form: a claim in another one is refused. By default the client's. */
    public fun encryptionForm(form: EncryptionForm?): ClaimRequest = apply { encryptionForm = form }

    /** The relay's token, and no secret. */
    override fun toString(): String = "ClaimRequest(relayToken=$relayToken)"
}

/** [Verifications], blocking. */
public class VerificationsBlocking internal constructor(
    private val verifications: Verifications,
    timeout: JavaDuration?,
) {
    private val timeout = timeout?.toKotlinDuration()

    /** See [Verifications.start]. */
    @JvmOverloads
    @Throws(InterruptedException::class)
    public fun start(
        claimType: String,
        reference: String? = null,
    ): Verification = await { verifications.start(claimType, reference, timeout) }

    /** See [Verifications.start]. */
    @Throws(InterruptedException::class)
    public fun start(
        claimType: String,
        reference: String?,
        theme: Theme?,
    ): Verification = await { verifications.start(claimType, reference, theme, timeout) }

    /** See [Verifications.complete]. */
    @JvmOverloads
    @Throws(InterruptedException::class)
    public fun complete(
        id: String,
        reissue: Boolean = false,
    ): Completion = await { verifications.complete(id, reissue, timeout) }

    /** See [Verifications.get]. */
    @Throws(InterruptedException::class)
    public fun get(id: String): Verification = await { verifications.get(id, timeout) }

    /** See [Verifications.get]. */
    @Throws(InterruptedException::class)
    public fun get(
        id: String,
        theme: Theme?,
    ): Verification = await { verifications.get(id, theme, timeout) }

    /** See [Verifications.forget]. */
    @Throws(InterruptedException::class)
    public fun forget(id: String): Unit = await { verifications.forget(id, timeout) }

    /** See [Verifications.recover]. */
    @Throws(InterruptedException::class)
    public fun recover(): Long = await { verifications.recover(timeout) }

    /** See [Verifications.prune]. */
    @Throws(InterruptedException::class)
    public fun prune(): Long = await { verifications.prune(timeout) }

    /** See [Verifications.createTable]. */
    @Throws(InterruptedException::class)
    public fun createTable(): Unit = await { verifications.createTable(timeout) }
}

/** [Passes], blocking. */
public class PassesBlocking internal constructor(
    private val passes: Passes,
    timeout: JavaDuration?,
) {
    private val timeout = timeout?.toKotlinDuration()

    /** See [Passes.prefetch]. */
    @Throws(InterruptedException::class)
    public fun prefetch(
        claimType: String,
        count: Int,
    ): Int = await { passes.prefetch(claimType, count, timeout) }

    /** See [Passes.count]. */
    @Throws(InterruptedException::class)
    public fun count(claimType: String): Int = await { passes.count(claimType, timeout) }
}

/**
 * Blocks the thread until the call ends. When the thread is interrupted, the call is cancelled, and an
 * outcome that was there already is returned: it may have cost money.
 *
 * `runBlocking` of coroutines before 1.9 leaves what it waits for when the thread is interrupted.
 *
 * @throws InterruptedException when the thread is interrupted: before, and nothing is sent, or meanwhile.
 */
internal fun <T> await(call: suspend () -> T): T {
    if (Thread.interrupted()) throw InterruptedException()
    val (outcome, isInterrupted) = waitFor(call, whenInterrupted = Job::cancel)
    if (isInterrupted) {
        if (outcome.exceptionOrNull() is CancellationException) throw InterruptedException()
        Thread.currentThread().interrupt()
    }
    return outcome.getOrThrow()
}

/** As [await], of what has an end of its own: it is not cancelled, and an interrupt is told afterwards. */
internal fun awaitToTheEnd(call: suspend () -> Unit) {
    val wasInterrupted = Thread.interrupted()
    val (outcome, isInterrupted) = waitFor(call, whenInterrupted = {})
    if (wasInterrupted || isInterrupted) Thread.currentThread().interrupt()
    outcome.getOrThrow()
}

/** What came of the call, and whether the thread was interrupted meanwhile. */
private fun <T> waitFor(
    call: suspend () -> T,
    whenInterrupted: (Job) -> Unit,
): Pair<Result<T>, Boolean> {
    val job = Job()
    val ended = CompletableFuture<Result<T>>()
    // No dispatcher: whoever resumes it goes on with it.
    call.startCoroutine(
        object : Continuation<T> {
            override val context: CoroutineContext get() = job

            override fun resumeWith(result: Result<T>) {
                ended.complete(result)
            }
        },
    )
    var isInterrupted = false
    while (true) {
        try {
            return ended.get() to isInterrupted
        } catch (_: InterruptedException) {
            isInterrupted = true
            whenInterrupted(job)
        }
    }
}
