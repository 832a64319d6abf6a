package dev.relaypass

import dev.relaypass.generated.ClientOptions
import dev.relaypass.generated.NativeClient
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import kotlin.time.Duration

/** The native client behind [RelayPass] and its parts. */
internal class CoreClient(
    options: ClientOptions,
) {
    private val native = callNow { NativeClient.open(options) }

    val environment: Environment = Environment.of(native.environment())

    /** Makes a call with these arguments. */
    suspend fun <A, T> call(
        timeout: Duration?,
        arguments: A,
        method: suspend NativeClient.(arguments: A, number: ULong, seconds: Double) -> T,
    ): T = call(timeout) { number, seconds -> method(arguments, number, seconds) }

    /** Makes a call. */
    suspend fun <T> call(
        timeout: Duration?,
        action: suspend NativeClient.(number: ULong, seconds: Double) -> T,
    ): T = callNative(timeout) { number, seconds -> native.action(number, seconds) }

    /** Closes it, also in a coroutine that is cancelled: it has an end of its own. */
    suspend fun close(within: Duration?) {
        val isCalledBack = CalledBack.isSet
        withContext(NonCancellable) {
            call(within) { number, seconds -> closeClient(isCalledBack, number, seconds) }
        }
    }
}
