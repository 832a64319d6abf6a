package dev.relaypass

/** Where verifications and passes are kept: a [RelayStore] of yours, or a built-in one by [StoreUrl]. */
public sealed interface Store

/**
 * A built-in store: `memory:`, `sqlite:///absolute/path` or `postgres://…`. Its text does not show
 * the URL, which may hold a password.
 *
 * ```
 * val client = RelayPass { store = StoreUrl("sqlite:///var/lib/shop/relaypass.db") }
 * ```
 */
public class StoreUrl(
    internal val url: String,
) : Store {
    /** Whether the other is the same URL. */
    override fun equals(other: Any?): Boolean = other is StoreUrl && other.url == url

    /** As [equals] wants it. */
    override fun hashCode(): Int = url.hashCode()

    /** Not the URL. */
    override fun toString(): String = "StoreUrl($REDACTED)"
}

/**
 * What a [RelayStore] keeps under a key.
 *
 * @property value opaque bytes, up to 64 KiB; any byte may occur in them, zero included. Those given
 * to a store are its to keep. They may be secret, and show in no text.
 * @property version set by relaypass: drawn at random, up to 2^52, for the first record under a key, and
 * one more with every swap; at most 2^53, so its column is a `bigint`.
 * @property dueAt when somebody should look at it again, in milliseconds since the epoch; `null`:
 * never.
 * @property expiresAt after this time, in milliseconds since the epoch, the store may drop the record,
 * or keep it; `null`: the record must be kept.
 * @throws IllegalArgumentException for a negative number.
 */
public class StoreRecord(
    public val value: ByteArray,
    public val version: Long,
    public val dueAt: Long?,
    public val expiresAt: Long?,
) {
    init {
        // The core's numbers have no sign: these could not be told to it.
        require(version >= 0 && (dueAt ?: 0) >= 0 && (expiresAt ?: 0) >= 0) { "A number of a record is negative." }
    }

    /** Whether the other has the same bytes and numbers. */
    override fun equals(other: Any?): Boolean =
        other is StoreRecord &&
            value.contentEquals(other.value) &&
            version == other.version &&
            dueAt == other.dueAt &&
            expiresAt == other.expiresAt

    /** As [equals] wants it. */
    override fun hashCode(): Int =
        ((value.contentHashCode() * 31 + version.hashCode()) * 31 + dueAt.hashCode()) * 31 + expiresAt.hashCode()

    /** Everything but the bytes. */
    override fun toString(): String =
        "StoreRecord(value=${value.size} bytes, version=$version, dueAt=$dueAt, expiresAt=$expiresAt)"
}

/**
 * The contract between relaypass and your database: three methods. `checkStore` of
 * `dev.relaypass.testing` tests all of what follows.
 *
 * - **Keys** are 1 to 255 characters out of `A-Z a-z 0-9 - . _ ~ /`, compared byte for byte: `a`
 *   and `A` are two keys, and `_` is no wildcard.
 * - **[compareAndSwap] is atomic, and durable** when it returns. Of several writers who expect the
 *   same version, exactly one gets `true`.
 * - **[load] sees the latest swap**, whoever made it. No replica that lags, no cache.
 * - **Errors are errors.** A method that cannot do its work throws; it never says `null` or `false`
 *   instead. What it threw is the `cause` of the [StoreException] that the caller gets: the same
 *   object, whatever it is.
 * - **A method may be called again** after it failed or took longer than `storeTimeout`, and a write
 *   may still land after that.
 * - **Methods run at the same time**, with no order among them, and may call the client again.
 *
 * A method runs in the coroutine context of the call that needs it: its dispatcher and its other
 * elements, such as a logging context. In the background it runs on [kotlinx.coroutines.Dispatchers.IO].
 * When the call is cancelled, or `storeTimeout` is over, the method's coroutine is cancelled. A method
 * that blocks its thread must switch to a dispatcher for that itself.
 *
 * A store that holds its client is never collected, nor is the client: make one of each, not one per
 * request.
 */
public interface RelayStore : Store {
    /** The record under [key], or `null`. */
    public suspend fun load(key: String): StoreRecord?

    /**
     * Puts [next] under [key] (`null`: deletes it) if the version there is [expected] (`null`: if
     * nothing is there), in one atomic step. Says whether it did.
     */
    public suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean

    /**
     * Up to [limit] keys that begin with [prefix].
     *
     * With [dueBefore], in milliseconds since the epoch: only those whose `dueAt` is at or before it,
     * the oldest `dueAt` first, keys with the same one in their own order. Its cost must follow the
     * number of such keys, not the number of records: an index on `dueAt` does it. With `null`: all of
     * them, in the order of their keys, byte by byte.
     */
    public suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ): List<String>
}
