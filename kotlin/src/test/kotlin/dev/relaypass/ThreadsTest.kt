package dev.relaypass

import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import dev.relaypass.support.StoreOf
import dev.relaypass.support.before
import dev.relaypass.support.thrownBy
import java.util.UUID
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asContextElement
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** Which threads a call takes, and what happens on its caller's own before it first waits. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ThreadsTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    /** Runs what is dispatched to it where it stands: a store within the first poll of its call. */
    private object Here : CoroutineDispatcher() {
        override fun dispatch(
            context: CoroutineContext,
            block: Runnable,
        ) = block.run()
    }

    @Test
    fun `a call that need not wait changes no thread`() =
        runBlocking<Unit>(Dispatchers.Unconfined) {
            val client = sandbox.client()
            val thread = Thread.currentThread()
            // There is no store.
            thrownBy<InvalidArgumentException> { client.verifications.get("id") }
            assertSame(thread, Thread.currentThread())
        }

    @Test
    fun `a call that waits comes back to the caller's thread`() {
        Executors.newSingleThreadExecutor { Thread(it, "mine") }.asCoroutineDispatcher().use { mine ->
            runBlocking(mine) {
                sandbox.client().relays.create(CLAIM_TYPE)
                assertEquals("mine", Thread.currentThread().name.substringBefore(" @"))
            }
        }
    }

    @Test
    fun `a store that answers at once, called at once, is nothing to wait for`() =
        runBlocking<Unit> {
            val seen = CopyOnWriteArrayList<Thread>()
            val client = sandbox.client(store = before(MapStore()) { seen += Thread.currentThread() })
            withContext(Here) {
                val thread = Thread.currentThread()
                thrownBy<NotFoundException> { client.verifications.get(UUID.randomUUID().toString()) }
                assertEquals(listOf(thread), seen)
                assertSame(thread, Thread.currentThread())
            }
        }

    @Test
    fun `where no thread is named, a store may block, and blocks none of Rust's`() =
        runBlocking<Unit>(Dispatchers.Unconfined) {
            val seen = CopyOnWriteArrayList<String>()
            val client = sandbox.client(store = before(MapStore()) { seen += Thread.currentThread().name })
            client.verifications.start(CLAIM_TYPE)
            assertTrue(seen.isNotEmpty())
            assertTrue(seen.all { it.startsWith("DefaultDispatcher-worker") }, "$seen")
        }

    @Test
    fun `a store on an executor without threads of its own may block on the same client`() =
        runBlocking<Unit> {
            val direct = Executor { it.run() }.asCoroutineDispatcher()
            val counting = sandbox.client(store = MapStore())
            val store = before(MapStore()) { runBlocking { counting.passes.count(CLAIM_TYPE) } }
            val client = sandbox.client(store = store)
            withTimeout(20.seconds) {
                withContext(direct) { client.verifications.start(CLAIM_TYPE) }
            }
        }

    @Test
    fun `a thread-local of the caller's context ends with it, although a call waited in it`() =
        runBlocking<Unit> {
            val local = ThreadLocal<String?>()
            withContext(Dispatchers.Default) {
                withContext(local.asContextElement("alice")) { sandbox.client().relays.create(CLAIM_TYPE) }
                assertNull(local.get())
            }
        }

    @Test
    fun `a sibling that cancels the caller's children leaves the call alone`() =
        runBlocking<Unit> {
            val caller = coroutineContext
            val kept = MapStore()
            val store = before(kept) { caller.cancelChildren() }
            val client = sandbox.client(store = store)
            withContext(Dispatchers.Default) {
                val own = currentCoroutineContext()
                val again = sandbox.client(store = before(kept) { own.cancelChildren() })
                again.verifications.start(CLAIM_TYPE)
            }
            client.verifications.start(CLAIM_TYPE)
        }

    @Test
    fun `a call that its store cancels before it first waits ends, and ends its store`() =
        runBlocking<Unit> {
            val ended = CompletableDeferred<Unit>()
            val call =
                launch(Here) {
                    val job = currentCoroutineContext().job
                    val store =
                        StoreOf(load = {
                            job.cancel()
                            try {
                                awaitCancellation()
                            } finally {
                                ended.complete(Unit)
                            }
                        })
                    val verifications = sandbox.client(store = store).verifications
                    thrownBy<CancellationException> { verifications.get(UUID.randomUUID().toString()) }
                }
            withTimeout(20.seconds) {
                call.join()
                ended.await()
            }
            assertEquals(0, Calls.count)
        }

    @Test
    fun `an outcome is given although the store of a call that need not wait cancelled it`() =
        runBlocking<Unit> {
            val call =
                launch(Here) {
                    val job = currentCoroutineContext().job
                    val client = sandbox.client(store = before(MapStore()) { job.cancel() })
                    assertEquals(0, client.passes.count(CLAIM_TYPE))
                    assertFalse(job.isActive)
                }
            call.join()
        }

    @Test
    fun `a listener may wait for the thread that makes the call`() {
        Executors.newSingleThreadExecutor { Thread(it, "mine") }.asCoroutineDispatcher().use { mine ->
            runBlocking(mine) {
                val kept = MapStore()
                val own = IllegalStateException("of the store")
                var broken = false
                val store =
                    StoreOf(
                        kept,
                        load = { key -> if (broken) throw own else kept.load(key) },
                        scan = { prefix, _, limit -> kept.scan(prefix, null, limit) },
                    )
                val told = CopyOnWriteArrayList<EventKind>()
                val client =
                    sandbox.client(store = store, onEvent = { event ->
                        runBlocking(mine) { told += event.kind }
                    })
                client.verifications.start(CLAIM_TYPE)
                broken = true
                withTimeout(20.seconds) {
                    // On the caller's thread from beginning to end, were it not for the listener.
                    withContext(Here) { assertEquals(0, client.verifications.recover()) }
                }
                assertEquals(setOf(EventKind.BACKGROUND_FAILURE), told.toSet())
            }
        }
    }
}
