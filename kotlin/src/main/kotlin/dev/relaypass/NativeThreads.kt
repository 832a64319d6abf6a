package dev.relaypass

import com.sun.jna.Callback
import com.sun.jna.CallbackThreadInitializer
import com.sun.jna.Native
import dev.relaypass.generated.uniffiCallbackInterfaceHostListener
import dev.relaypass.generated.uniffiCallbackInterfaceHostReopen
import dev.relaypass.generated.uniffiCallbackInterfaceHostStore
import dev.relaypass.generated.uniffiForeignFutureDroppedCallbackImpl
import dev.relaypass.generated.uniffiRustFutureContinuationCallbackImpl

/**
 * Rust's threads as threads of the JVM: daemons that stay attached from their first callback to their
 * end.
 *
 * By itself JNA detaches a thread after every callback. That costs as much as the callback does, and
 * fails, with a line on standard error, where a callback leads to another one on the same thread.
 */
internal object NativeThreads {
    init {
        val stayAttached = CallbackThreadInitializer(true, false, "relaypass")
        val callbacks: List<Callback> =
            listOf(
                uniffiRustFutureContinuationCallbackImpl,
                uniffiForeignFutureDroppedCallbackImpl,
                uniffiCallbackInterfaceHostStore.load,
                uniffiCallbackInterfaceHostStore.compareAndSwap,
                uniffiCallbackInterfaceHostStore.scan,
                uniffiCallbackInterfaceHostStore.uniffiFree,
                uniffiCallbackInterfaceHostStore.uniffiClone,
                uniffiCallbackInterfaceHostReopen.reopen,
                uniffiCallbackInterfaceHostReopen.uniffiFree,
                uniffiCallbackInterfaceHostReopen.uniffiClone,
                uniffiCallbackInterfaceHostListener.onEvent,
                uniffiCallbackInterfaceHostListener.uniffiFree,
                uniffiCallbackInterfaceHostListener.uniffiClone,
            )
        for (callback in callbacks) Native.setCallbackThreadInitializer(callback, stayAttached)
    }

    /** Sees to it before the first callback. */
    fun prepare(): Unit = Unit
}
