package dev.relaypass

import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import dev.relaypass.support.await
import dev.relaypass.support.before
import dev.relaypass.support.thrownBy
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** Closing: what is under way ends first, and nobody waits for himself. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClosingTest {
    private val sandbox = Sandbox.start()

    @BeforeEach
    fun reset() {
        sandbox.reset()
    }

    @AfterAll
    fun stop() = sandbox.close()

    private fun billed(): Int = sandbox.ledger("billed")

    @Test
    fun `use finishes a purchase, and the store is left alone afterwards`() =
        runBlocking<Unit>(Dispatchers.Default) {
            sandbox.signsLate()
            val called = AtomicInteger()
            sandbox.client(store = before(MapStore()) { called.incrementAndGet() }).use { client ->
                client.verifications.start(CLAIM_TYPE)
            }
            assertEquals(1, billed())
            val calls = called.get()
            delay(200.milliseconds)
            assertEquals(calls, called.get())
        }

    @Test
    fun `a store that hangs is waited for no longer than said`() =
        runBlocking<Unit>(Dispatchers.Default) {
            val called = AtomicInteger()
            val goOn = CompletableDeferred<Unit>()
            val store =
                before(MapStore()) {
                    called.incrementAndGet()
                    goOn.await()
                }
            val client = sandbox.client(store = store)
            val recovering = async { runCatching { client.verifications.recover() } }
            await("the store is called") { called.get() == 1 }
            val took =
                measureTime {
                    val timeout = thrownBy<RequestTimeoutException> { client.closeAndJoin(within = 200.milliseconds) }
                    assertEquals("close", timeout.operation)
                }
            assertTrue(took < 5.seconds, "$took")
            goOn.complete(Unit)
            // It takes up nothing more, and the store is called no more.
            val recovered = withTimeout(20.seconds) { recovering.await() }
            assertTrue(recovered.isSuccess, "$recovered")
            assertEquals(1, called.get())
            client.closeAndJoin()
        }

    @Test
    fun `a store may close its client, suspending or blocking`() =
        runBlocking<Unit>(Dispatchers.Default) {
            for (close in listOf<suspend (RelayPass) -> Unit>({ it.closeAndJoin() }, { it.close() })) {
                val own = AtomicReference<RelayPass>()
                val client = sandbox.client(store = before(MapStore()) { close(own.get()) })
                own.set(client)
                // A close that waited for itself would throw when its time is up, and the scan with it.
                assertEquals(0, client.verifications.recover())
                client.closeAndJoin()
            }
        }

    @Test
    fun `a listener may close its client`() =
        runBlocking<Unit>(Dispatchers.Default) {
            val own = AtomicReference<RelayPass>()
            val client = sandbox.client(store = MapStore(), onEvent = { own.get().close() })
            own.set(client)
            val id = client.verifications.start(CLAIM_TYPE).id
            assertEquals(Completion.Pending, withTimeout(20.seconds) { client.verifications.complete(id) })
            thrownBy<ClosedException> { client.relays.create(CLAIM_TYPE) }
        }

    @Test
    fun `several may close at once, one of them in Java`() =
        runBlocking<Unit>(Dispatchers.IO) {
            sandbox.signsLate()
            val client = sandbox.client(store = MapStore())
            client.verifications.start(CLAIM_TYPE)
            val closing =
                List(3) { async { client.closeAndJoin() } } + async { client.close(within = 20.seconds) }
            withTimeout(20.seconds) { closing.awaitAll() }
            assertEquals(1, billed())
        }

    @Test
    fun `an interrupt does not end it, and is not lost`() {
        sandbox.signsLate()
        val client = sandbox.client(store = MapStore())
        runBlocking { client.verifications.start(CLAIM_TYPE) }
        Thread.currentThread().interrupt()
        client.close()
        assertTrue(Thread.interrupted(), "it is still interrupted")
        assertEquals(1, billed())
    }

    private fun Sandbox.signsLate() = faults("""{"step": "sign", "fault": "delay", "milliseconds": 300}""")
}
