package dev.relaypass

import dev.relaypass.generated.CallException
import dev.relaypass.generated.cancelCall
import java.nio.charset.CharacterCodingException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import kotlin.coroutines.Continuation
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn
import kotlin.coroutines.jvm.internal.CoroutineStackFrame
import kotlin.time.Duration
import kotlin.time.DurationUnit.SECONDS
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExecutorCoroutineDispatcher
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.isActive
import dev.relaypass.generated.InternalException as Panic

/** A call in flight, as what it calls back finds it: by its number. */
internal class Call(
    val number: ULong,
    caller: CoroutineContext,
) {
    /**
     * Where the store and the listener run: where the call was made. Not as children of the caller's
     * job: the call decides what a failure of theirs means. Where no thread is named, not on Rust's
     * either: a store may block.
     */
    val context: CoroutineContext =
        when (caller[ContinuationInterceptor]) {
            null, Dispatchers.Unconfined -> caller.minusKey(Job) + Dispatchers.IO
            else -> caller.minusKey(Job)
        }

    /**
     * Whether an executor decides where that is: a busy pool may have its callers do the work, and some
     * have no threads at all. Then the thread that asks would be Rust's.
     */
    val isExecutors: Boolean =
        context[ContinuationInterceptor].let { where ->
            where is ExecutorCoroutineDispatcher && where !== Dispatchers.Default && where !== Dispatchers.IO
        }

    private val thrown = ArrayList<Throwable>()

    /** Keeps what a store threw, and says under which number. */
    fun keep(error: Throwable): ULong =
        synchronized(thrown) {
            thrown.add(error)
            thrown.size.toULong()
        }

    /** What is kept under a number. */
    fun thrown(number: ULong): Throwable? = synchronized(thrown) { thrown.getOrNull(number.toInt() - 1) }
}

/** The calls in flight. */
internal object Calls {
    private val latest = AtomicLong()
    private val open = ConcurrentHashMap<ULong, Call>()

    init {
        NativeThreads.prepare()
    }

    val count: Int get() = open.size

    fun open(caller: CoroutineContext): Call {
        val call = Call(latest.incrementAndGet().toULong(), caller)
        open[call.number] = call
        return call
    }

    /** The call of a number; `null` for 0, which is the background, and for one that is over. */
    fun find(number: ULong): Call? = open[number]

    fun close(call: Call) {
        open.remove(call.number)
    }
}

/**
 * Makes a native call that the caller's coroutine takes back when it is cancelled.
 *
 * It waits for the outcome even then, which is a moment: an outcome that was there before Rust heard
 * of it is returned, for it may have cost money.
 *
 * @param start makes the call of this number, with this limit in seconds; `NaN`: without one.
 */
internal suspend fun <T> callNative(
    timeout: Duration?,
    start: suspend (number: ULong, seconds: Double) -> T,
): T {
    val caller = currentCoroutineContext()
    caller.ensureActive() // else nothing is sent
    NativeLibrary.locate() // says what helps, where JNA would not
    val call = Calls.open(caller)
    // What is cancelled with the caller, and ends with the call.
    val watch = Job(parent = caller[Job])
    try {
        return toItsEnd(
            start = { start(call.number, timeout?.toDouble(SECONDS) ?: Double.NaN) },
            onceItWaits = {
                watch.invokeOnCompletion {
                    // Not when a sibling cancels the children of a caller who goes on.
                    if (!caller.isActive) runCatching { cancelCall(call.number) }
                }
            },
        )
    } catch (failed: CallException.Failed) {
        throw failed.failure.toException(call)
    } catch (_: CallException.Cancelled) {
        caller.ensureActive() // throws what the caller was cancelled with
        throw CancellationException("The call was cancelled.")
    } catch (_: CharacterCodingException) {
        throw notUnicode()
    } catch (_: Panic) {
        throw mistakeOfOurs()
    } finally {
        watch.complete()
        Calls.close(call)
    }
}

/**
 * Runs what cannot be cancelled, as `withContext(NonCancellable)` does, and does something else if and
 * when it waits: Rust does not know a call before that.
 */
private suspend fun <T> toItsEnd(
    start: suspend () -> T,
    onceItWaits: () -> Unit,
): T =
    suspendCoroutineUninterceptedOrReturn { caller ->
        val end = End(caller)
        start.startCoroutineUninterceptedOrReturn(end).also { if (it === COROUTINE_SUSPENDED) onceItWaits() }
    }

/** Resumes the caller, whose frame it stays linked to: thread-locals of the context are restored along it. */
private class End<T>(
    private val caller: Continuation<T>,
) : Continuation<T>,
    CoroutineStackFrame {
    override val context: CoroutineContext = caller.context + NonCancellable

    override val callerFrame: CoroutineStackFrame? get() = caller as? CoroutineStackFrame

    override fun getStackTraceElement(): StackTraceElement? = null

    // It resumes on the caller's dispatcher already.
    override fun resumeWith(result: Result<T>) = caller.resumeWith(result)
}

/** As [callNative], without waiting: for what blocks nobody. */
internal inline fun <T> callNow(start: () -> T): T =
    try {
        NativeLibrary.locate()
        start()
    } catch (failed: CallException.Failed) {
        throw failed.failure.toException(call = null)
    } catch (_: CharacterCodingException) {
        throw notUnicode()
    } catch (_: Panic) {
        throw mistakeOfOurs()
    }

/** Rust panicked. What it says may hold anything. */
internal fun mistakeOfOurs(): RelayPassException = InternalException("This is a mistake of relaypass, please report it.")

/** A text with half a surrogate pair in it cannot cross over. What it says may be a secret. */
internal fun notUnicode(): IllegalArgumentException = IllegalArgumentException("A text is not well-formed Unicode.")
