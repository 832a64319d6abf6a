package dev.relaypass

import dev.relaypass.generated.CountArguments
import dev.relaypass.generated.NativeClient
import dev.relaypass.generated.PrefetchArguments
import kotlin.time.Duration

/**
 * Passes bought ahead, so that a verification need not wait for one, and so that the time at which one
 * is bought says nothing about it. They need a `store`. Each call takes a `timeout`: how long it may
 * take as a whole, retries and the store included.
 */
public class Passes internal constructor(
    private val client: CoreClient,
) {
    /**
     * Buys passes ahead, and says how many it bought. Each is billed. No more than 100 of a claim type, or `passPool` if that is more,
     * are ever held ready. What was bought before an error or a cancellation stays in the pool; when the
     * timeout is over, it returns how many it bought until then. Without one, each pass may take as long
     * as a call. A strict client buys in the common hours only: it notes that passes are wanted, and buys
     * none now, but in the sandbox.
     *
     * ```
     * client.passes.prefetch("age_over18_verified", count = 10)
     * ```
     *
     * @param claimType what the passes are for, such as `age_over18_verified`.
     * @param count how many to buy.
     * @throws InvalidArgumentException without an API key or a store, or for more than that; or
     * [StoreException], and what `relays.issuePrivacyPass` throws.
     */
    public suspend fun prefetch(
        claimType: String,
        count: Int,
        timeout: Duration? = null,
    ): Int =
        client.call(timeout, PrefetchArguments(claimType, count.toLong()), NativeClient::prefetchPasses).toInt()

    /**
     * How many passes of a claim type are ready. Nothing is sent.
     *
     * @throws InvalidArgumentException without a store; or [StoreException].
     */
    public suspend fun count(
        claimType: String,
        timeout: Duration? = null,
    ): Int = client.call(timeout, CountArguments(claimType), NativeClient::countPasses).toInt()
}
