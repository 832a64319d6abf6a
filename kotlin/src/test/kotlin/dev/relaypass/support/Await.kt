package dev.relaypass.support

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import org.junit.jupiter.api.Assertions.fail

/** Waits until something holds that another thread is about to bring about. */
fun await(
    what: String,
    most: Duration = 20.seconds,
    holds: () -> Boolean,
) {
    val began = TimeSource.Monotonic.markNow()
    while (!holds()) {
        if (began.elapsedNow() > most) fail<Unit>("it does not happen: $what")
        Thread.sleep(5.milliseconds.inWholeMilliseconds)
    }
}

/** What an action throws. */
inline fun <reified E : Throwable> thrownBy(action: () -> Unit): E {
    try {
        action()
    } catch (error: Throwable) {
        if (error is E) return error
        throw AssertionError("it throws something else: $error", error)
    }
    throw AssertionError("nothing was thrown")
}
