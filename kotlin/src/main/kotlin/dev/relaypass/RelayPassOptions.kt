package dev.relaypass

import dev.relaypass.generated.ClientOptions
import kotlin.time.Duration
import kotlin.time.DurationUnit.SECONDS

/**
 * How a [RelayPass] is described. What is not set has its default. Nothing is read from environment
 * variables.
 *
 * ```
 * val client = RelayPass {
 *     apiKey = System.getenv("RELAYPASS_API_KEY")
 *     store = StoreUrl("sqlite:///var/lib/shop/relaypass.db")
 *     background = true
 * }
 * ```
 *
 * A variable that is called as an option is hides it there: `this.apiKey = apiKey`. The text shows no
 * option.
 */
public class RelayPassOptions {
    /** The API key. Without one the client can create and redeem, but not issue. */
    public var apiKey: String? = null

    /**
     * Where Persona is; the default is `https://api.withpersona.com`. Plain `http` is for loopback
     * addresses only.
     */
    public var baseUrl: String? = null

    /**
     * The environment; by default the API key's prefix tells (`persona_production_` or
     * `persona_sandbox_`), and a client without key is for production.
     */
    public var environment: Environment? = null

    /**
     * How long one request may take; the default is 10 seconds, the most 600 seconds. A call with its
     * retries takes at most 30 seconds, or this, whichever is longer.
     */
    public var timeout: Duration? = null

    /**
     * For how long a connection to Persona that nobody uses is used again; the default is 20 seconds, the
     * most 600 seconds. It may stay open for about as long again. Load balancers close idle connections,
     * many after 60 seconds: stay below, for a request sent into their closing has an unknown outcome.
     */
    public var idleTimeout: Duration? = null

    /** How often a failed request is asked again: 0 to 10; the default is 3. */
    public var retries: Int? = null

    /** Certificates to trust beside the public ones, in PEM: a company's own authority. */
    public var caPem: String? = null

    /**
     * The way out for the calls that must not name us: `http://`, `https://` or `socks5h://`. Several stand in
     * [anonymousProxies], or in one text with blanks or commas between them (a comma in a URL is `%2C`).
     */
    public var anonymousProxy: String?
        get() = anonymousProxies?.firstOrNull()
        set(url) {
            anonymousProxies = url?.let(::listOf)
        }

    /**
     * Several ways out for the calls that must not name us. One of them is drawn for each verification and
     * serves all calls of its relay, in every process that has the same list. One that does not answer is an
     * error for those that were given it: no call leaves by another one, or directly. `null`, the default: none.
     * Refused are an empty list, which never means a direct connection, more than 100, and two that differ at
     * most in the password.
     */
    public var anonymousProxies: List<String>? = null

    /** The way out for the one call that names us. */
    public var identifiedProxy: String? = null

    /**
     * The key that opens claims. With it, every relay is created with its public half and a claim that
     * is not encrypted is refused, unless a call says otherwise.
     */
    public var decryptionKey: EncryptionKey?
        get() = decryptionKeys?.firstOrNull()
        set(key) {
            decryptionKeys = key?.let(::listOf)
        }

    /**
     * The keys that open claims, the newest first: new relays are created with the public half of the
     * first, and all of them open. To rotate, put the new one first. From 1 to 16; `null`, the default:
     * none. An empty list is refused, and never means that claims are not encrypted.
     */
    public var decryptionKeys: List<EncryptionKey>? = null

    /**
     * In which form Persona gets the encryption key; the default is [EncryptionForm.AUTO], the one that
     * she takes. The claim comes back in the form that goes with it; another one is refused.
     */
    public var encryptionForm: EncryptionForm? = null

    /**
     * Where verifications and passes are kept: a [RelayStore] of yours, or a [StoreUrl]. Without one
     * there are the three steps. A SQLite file must be relaypass's own: never open it with another
     * SQLite library in this process.
     */
    public var store: Store? = null

    /** How long one call of the store may take; the default is 10 seconds, the most 600 seconds. */
    public var storeTimeout: Duration? = null

    /**
     * The keys, 32 random bytes each, under which records are sealed before they reach the store. The
     * first seals and all open: to rotate, put the new one first. Without one, records are stored as
     * they are, secrets included.
     */
    public var sealKeys: List<ByteArray> = emptyList()

    /** What verifications bind their passes to; the default is [PassBinding.CLAIM_TYPE]. */
    public var passBinding: PassBinding? = null

    /**
     * How long after its relay a verification may buy its pass: at a random moment of this time, so that by
     * the clock a signature may be for any relay of the last window. From 0, which buys at once, to 1200
     * seconds; the default is 120 seconds. A `complete` that finds no pass buys one, and [onEvent] is told
     * [EventKind.LINKABLE_BY_TIME]: ask when the visitor returns, or hold passes ready ([passPool]).
     */
    public var purchaseWindow: Duration? = null

    /**
     * How many passes to hold ready for each claim type that is asked for: 0 to 1000; the default is 0.
     * [background] fills the pool.
     */
    public var passPool: Int? = null

    /**
     * How far the client goes so that Persona cannot tell whose a relay is; the default is
     * [Privacy.STANDARD]. [Privacy.STRICT] needs a [passPool] and an [anonymousProxy] that is not the way out
     * of the call that names you. The pool is bought in the common hours only, from 10:00 to 11:00 UTC: whole
     * on Tuesdays, and on other days if less than half of it is left. A verification takes its pass from it
     * when the answer is asked for; without one it is pending, and [onEvent] is told
     * [EventKind.WAITING_FOR_PASS]. What could tell Persona whose a pass is, is refused
     * ([PrivacyRefusedException]). A redemption waits up to 2 seconds, and a pass that was shown is shown for
     * no other relay.
     */
    public var privacy: Privacy? = null

    /**
     * What anonymous calls of different relays share; the default is [Isolation.NONE]. With [Isolation.RELAY]
     * relays share no connection: each anonymous call has one of its own, and through a SOCKS proxy whose URL
     * has no credentials random ones, so that Tor gives it a circuit of its own. It costs a TCP and a TLS
     * handshake for each anonymous call. [Privacy.STRICT] isolates always.
     */
    public var isolation: Isolation? = null

    /**
     * Whether to drive open verifications on and fill the pool, about once a minute, from the first call
     * that needs the store for as long as the client is open; the default is `false`. What the process
     * was doing there when it ended is done by the next one, as after a crash.
     */
    public var background: Boolean? = null

    /**
     * Is told what your log should know, on a thread of relaypass, with the elements of the caller's
     * coroutine context (such as a logging context), before the call goes on: it must return soon. What
     * it throws is ignored, with one warning in the platform's log (`dev.relaypass`).
     */
    public var onEvent: ((RelayPassEvent) -> Unit)? = null

    /** No option: some are secrets. */
    override fun toString(): String = "RelayPassOptions"

    @JvmSynthetic
    internal fun lower() =
        ClientOptions(
            apiKey = apiKey,
            baseUrl = baseUrl,
            environment = environment?.code,
            timeoutSeconds = timeout?.toDouble(SECONDS),
            idleTimeoutSeconds = idleTimeout?.toDouble(SECONDS),
            retries = retries?.toLong(),
            caPem = caPem,
            anonymousProxy = anonymousProxies,
            identifiedProxy = identifiedProxy,
            decryptionKey = decryptionKeys?.map { it.privateJwk },
            encryptionForm = encryptionForm?.code,
            storeUrl = (store as? StoreUrl)?.url,
            store = (store as? RelayStore)?.let(::StoreAdapter),
            storeTimeoutSeconds = storeTimeout?.toDouble(SECONDS),
            sealKeys = sealKeys,
            passBinding = passBinding?.code,
            purchaseWindowSeconds = purchaseWindow?.toDouble(SECONDS),
            passPool = passPool?.toLong(),
            privacy = privacy?.code,
            isolation = isolation?.code,
            background = background,
            onEvent = onEvent?.let(::ListenerAdapter),
        )
}
