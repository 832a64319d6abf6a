package dev.relaypass

import dev.relaypass.generated.ClientOptions
import dev.relaypass.generated.NativeClient
import kotlin.time.Duration

/** The native client behind [RelayPass] and its parts. */
internal class CoreClient(
    options: ClientOptions,
) : AutoCloseable {
    private val native = callNow { NativeClient.open(options) }

    val environment: Environment = Environment.of(native.environment())

    /** Makes a call, unless the client is closed; one that has begun is not disturbed by that. */
    suspend fun <T> call(
        timeout: Duration?,
        action: suspend NativeClient.(number: ULong, seconds: Double) -> T,
    ): T {
        check(!native.uniffiIsDestroyed) { "This RelayPass is closed." }
        return callNative(timeout) { number, seconds -> native.action(number, seconds) }
    }

    override fun close() {
        native.close()
    }
}
