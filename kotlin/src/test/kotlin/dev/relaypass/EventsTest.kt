package dev.relaypass

import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import java.util.logging.Handler
import java.util.logging.LogRecord
import java.util.logging.Logger
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.ThreadContextElement
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** `onEvent`: it is told in time, where the call was made, and it cannot do harm. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EventsTest {
    private val sandbox = Sandbox.start()

    @BeforeEach
    fun reset() {
        sandbox.reset()
    }

    @AfterAll
    fun stop() = sandbox.close()

    /** A person who has not finished is asked about twice. */
    private suspend fun askTwice(onEvent: (RelayPassEvent) -> Unit): String {
        val verifications = sandbox.client(store = MapStore(), onEvent = onEvent).verifications
        val id = verifications.start(CLAIM_TYPE).id
        repeat(2) { assertEquals(Completion.Pending, verifications.complete(id)) }
        return id
    }

    @Test
    fun `an event says what happened to which verification, before its call ends`() =
        runBlocking<Unit> {
            val events = CopyOnWriteArrayList<RelayPassEvent>()
            val id = askTwice(events::add)
            val pending = events.filter { it.kind === EventKind.PENDING }
            assertTrue(pending.isNotEmpty(), "$events")
            for (event in pending) {
                assertEquals(id, event.verificationId)
                assertTrue(event.requestId!!.startsWith("req_"))
                assertTrue(" " in event.message)
            }
        }

    @Test
    fun `a kind is one object if it is known, and equal by its name if not`() {
        assertSame(EventKind.PENDING, EventKind.of("pending"))
        assertEquals("of_later", EventKind.of("of_later").code)
        assertEquals(EventKind.of("of_later"), EventKind.of("of_later"))
    }

    @Test
    fun `an event is told with the thread-locals of its call`() {
        val local = ThreadLocal<String?>()
        val seen = CopyOnWriteArrayList<String?>()
        runBlocking(Element(local, "mine")) { askTwice { seen += local.get() } }
        assertTrue(seen.isNotEmpty())
        assertEquals(setOf<String?>("mine"), seen.toSet())
    }

    @Test
    fun `a listener may block on a call of the same client`() =
        runBlocking<Unit> {
            val statuses = CopyOnWriteArrayList<VerificationStatus>()
            lateinit var verifications: Verifications
            val client =
                sandbox.client(store = MapStore(), onEvent = { event ->
                    event.verificationId?.let { id -> statuses += runBlocking { verifications.get(id).status } }
                })
            verifications = client.verifications
            val id = verifications.start(CLAIM_TYPE).id
            withTimeout(20.seconds) { repeat(2) { verifications.complete(id) } }
            assertTrue(statuses.isNotEmpty())
            assertEquals(setOf(VerificationStatus.PENDING), statuses.toSet())
        }

    private class Element(
        private val local: ThreadLocal<String?>,
        private val value: String,
    ) : ThreadContextElement<String?> {
        override val key get() = Key

        override fun updateThreadContext(context: CoroutineContext): String? = local.get().also { local.set(value) }

        override fun restoreThreadContext(
            context: CoroutineContext,
            oldState: String?,
        ) = local.set(oldState)
    }

    private object Key : CoroutineContext.Key<Element>

    @Test
    fun `a listener that throws costs nothing but one warning`() {
        for (own in listOf(Exception("of the listener"), StackOverflowError("of the listener"))) {
            val warnings = CopyOnWriteArrayList<LogRecord>()
            val handler =
                object : Handler() {
                    override fun publish(record: LogRecord) {
                        warnings += record
                    }

                    override fun flush() = Unit

                    override fun close() = Unit
                }
            val logger = Logger.getLogger("dev.relaypass")
            logger.addHandler(handler)
            logger.useParentHandlers = false
            try {
                val told = AtomicInteger()
                runBlocking {
                    askTwice {
                        told.incrementAndGet()
                        throw own
                    }
                    askTwice { }
                }
                assertTrue(told.get() >= 2, "$told")
                assertSame(own, warnings.single().thrown)
                assertTrue("onEvent" in warnings.single().message)
            } finally {
                logger.removeHandler(handler)
                logger.useParentHandlers = true
            }
        }
    }
}
