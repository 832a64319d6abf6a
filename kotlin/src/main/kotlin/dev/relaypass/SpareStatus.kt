package dev.relaypass

import dev.relaypass.generated.UniffiRustCallStatus

/**
 * Where Rust writes how a call went, to be used again: memory outside the heap, which JNA makes and
 * frees at some length. The generated code takes it for a call and puts it back after a success, when
 * it is as it was.
 */
internal object SpareStatus {
    private val spare = ThreadLocal<UniffiRustCallStatus?>()

    /** The thread's own, or a new one if that is in use, further up this very thread. */
    @JvmSynthetic
    fun take(): UniffiRustCallStatus = spare.get()?.also { spare.set(null) } ?: UniffiRustCallStatus()

    @JvmSynthetic
    fun putBack(status: UniffiRustCallStatus) = spare.set(status)
}
