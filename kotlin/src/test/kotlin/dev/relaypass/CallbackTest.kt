package dev.relaypass

import dev.relaypass.generated.FfiConverterString
import dev.relaypass.generated.FfiConverterTypeHostStore
import dev.relaypass.generated.UniffiForeignFutureCompleteRustBuffer
import dev.relaypass.generated.UniffiForeignFutureDroppedCallbackStruct
import dev.relaypass.generated.UniffiForeignFutureResultRustBuffer
import dev.relaypass.generated.uniffiCallbackInterfaceHostStore
import dev.relaypass.support.MapStore
import dev.relaypass.support.await
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Test

/** What Rust calls is answered, whatever becomes of it. */
class CallbackTest {
    @Test
    fun `a callback that Rust gives up at once is answered all the same`() {
        val store = FfiConverterTypeHostStore.handleMap.insert(StoreAdapter(MapStore()))
        val answers = AtomicInteger()
        val answer =
            object : UniffiForeignFutureCompleteRustBuffer {
                override fun callback(
                    callbackData: Long,
                    result: UniffiForeignFutureResultRustBuffer.UniffiByValue,
                ) {
                    answers.incrementAndGet()
                }
            }
        val dropped = UniffiForeignFutureDroppedCallbackStruct()
        // The threads on which it could begin later are all taken.
        val giveBack = CountDownLatch(1)
        val threads = CoroutineScope(Dispatchers.Default)
        repeat(64) { threads.launch { giveBack.await() } }
        try {
            uniffiCallbackInterfaceHostStore.load.callback(store, 0, FfiConverterString.lower("key"), answer, 0, dropped)
            dropped.`free`!!.callback(dropped.`handle`)
        } finally {
            giveBack.countDown()
        }
        await("Rust is answered") { answers.get() == 1 }
        FfiConverterTypeHostStore.handleMap.remove(store)
    }
}
