package dev.relaypass

import kotlinx.coroutines.asContextElement
import kotlin.coroutines.CoroutineContext

/** Marks code that relaypass called: a store's methods and a listener. A call may wait for it to end. */
internal object CalledBack {
    private val mark = ThreadLocal<Boolean>()

    /** Marks what runs in a context. A thread that blocks in there is marked as well. */
    val context: CoroutineContext = mark.asContextElement(true)

    val isSet: Boolean get() = mark.get() == true
}
