package dev.relaypass

import dev.relaypass.generated.uniffiForeignFutureHandleCount
import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import dev.relaypass.support.StoreOf
import dev.relaypass.support.await
import dev.relaypass.support.before
import dev.relaypass.support.later
import dev.relaypass.support.thrownBy
import java.lang.reflect.Proxy
import java.util.UUID
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executors
import kotlin.coroutines.CoroutineContext
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineName
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ThreadContextElement
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.TestInstance

/** A store in Kotlin, and all that can go wrong with one. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StoreTest {
    private val sandbox = Sandbox.start()

    @BeforeEach
    fun reset() {
        sandbox.reset()
    }

    @AfterAll
    fun stop() = sandbox.close()

    /** A method of a store, the shortest call that comes to it, and a store that does this there. */
    private enum class Way(
        val method: String,
        val call: suspend (RelayPass) -> Unit,
        val storeThat: (suspend () -> Nothing) -> RelayStore,
    ) {
        LOAD("load", { it.verifications.get(UUID.randomUUID().toString()) }, { StoreOf(load = { _ -> it() }) }),
        SWAP("compareAndSwap", { it.verifications.start(CLAIM_TYPE) }, { StoreOf(compareAndSwap = { _, _, _ -> it() }) }),
        SCAN("scan", { it.verifications.recover() }, { StoreOf(scan = { _, _, _ -> it() }) }),
    }

    @TestFactory
    fun `started, pending, passed, forgotten`() =
        mapOf("prompt" to MapStore(), "late" to later(MapStore())).map { (kind, store) ->
            dynamicTest("a $kind store") {
                runBlocking {
                    sandbox.reset()
                    val verifications = sandbox.client(store = store).verifications
                    val started = verifications.start(CLAIM_TYPE, reference = "order-1")
                    assertEquals(VerificationStatus.PENDING, started.status)
                    assertNull(started.claim)
                    assertEquals(started.id, verifications.start(CLAIM_TYPE, reference = "order-1").id)
                    assertEquals(Completion.Pending, verifications.complete(started.id))

                    sandbox.visit(started)
                    // Another client, as another process would have it.
                    val completion = sandbox.client(store = store).verifications.complete(started.id)
                    assertInstanceOf(Completion.Passed::class.java, completion)
                    assertEquals(true, completion.claim?.passed)
                    val over = verifications.get(started.id)
                    assertEquals(VerificationStatus.PASSED, over.status)
                    assertEquals(completion.claim, over.claim)
                    assertNull(over.hostedUrl)
                    assertNull(over.sessionAccessToken)

                    verifications.forget(started.id)
                    thrownBy<NotFoundException> { verifications.get(started.id) }
                    assertEquals(listOf(1, 1, 0), listOf("billed", "redeemed", "double_spends").map(sandbox::ledger))
                }
            }
        }

    @Test
    fun `passes bought ahead are counted, and used`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = MapStore())
            assertEquals(2, client.passes.prefetch(CLAIM_TYPE, 2))
            assertEquals(2, client.passes.count(CLAIM_TYPE))
            val started = client.verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, client.verifications.complete(started.id))
            assertEquals(1, client.passes.count(CLAIM_TYPE))
            for (count in listOf(-1, 1001, Int.MAX_VALUE, Int.MIN_VALUE)) {
                thrownBy<InvalidArgumentException> { client.passes.prefetch(CLAIM_TYPE, count) }
            }
        }

    private class OwnException(
        message: String,
    ) : Exception(message)

    private class OwnThrowable : Throwable("canary")

    @TestFactory
    fun `a store that throws - the cause is the same object, whatever it is`() =
        Way.entries.map { way ->
            dynamicTest(way.method) {
                runBlocking {
                    val thrown =
                        listOf(
                            OwnException("canary"),
                            // As coroutines copy it in debug mode, when it crosses a dispatcher.
                            IllegalStateException("canary", OwnException("canary")),
                            java.io.IOException("canary"),
                            // Undeclared, and no Exception at all.
                            OwnThrowable(),
                            OutOfMemoryError("canary"),
                            StackOverflowError("canary"),
                            AssertionError("canary"),
                            LinkageError("canary"),
                            InterruptedException("canary"),
                            // What a cancelled coroutine throws, in one that is not cancelled.
                            CancellationException("canary"),
                        )
                    for (own in thrown) {
                        for (where in listOf(Dispatchers.Unconfined, Dispatchers.IO)) {
                            val client = sandbox.client(store = way.storeThat { throw own })
                            val error = withContext(where) { thrownBy<StoreException> { way.call(client) } }
                            assertSame(own, error.cause)
                            assertTrue("\\b${way.method}\\b".toRegex() in error.message!!, error.message)
                            assertTrue(error.operation.startsWith("verifications."), error.operation)
                            assertFalse("canary" in error.toString())
                        }
                    }
                    assertEquals(0, Calls.count)
                }
            }
        }

    @TestFactory
    fun `a store that throws later - the cause is the same object`() =
        Way.entries.map { way ->
            dynamicTest(way.method) {
                runBlocking {
                    val own = OwnException("canary")
                    val client =
                        sandbox.client(
                            store =
                                way.storeThat {
                                    delay(1)
                                    throw own
                                },
                        )
                    assertSame(own, thrownBy<StoreException> { way.call(client) }.cause)
                }
            }
        }

    @TestFactory
    fun `a store that hangs - its time limit is an error, and its coroutine is cancelled`() =
        Way.entries.map { way ->
            dynamicTest(way.method) {
                runBlocking(Dispatchers.Default) {
                    val cancelled = CompletableDeferred<Throwable>()
                    val store =
                        way.storeThat {
                            try {
                                awaitCancellation()
                            } catch (stopped: CancellationException) {
                                cancelled.complete(stopped)
                                throw stopped
                            }
                        }
                    val client = sandbox.client(store = store, storeTimeout = 50.milliseconds)
                    val error = thrownBy<StoreException> { way.call(client) }
                    assertTrue("took longer than 0.05 seconds" in error.message!!, error.message)
                    assertNull(error.cause)
                    withTimeout(20.seconds) { cancelled.await() }
                }
            }
        }

    @TestFactory
    fun `a store that hangs - a cancelled call leaves it, and cancels its coroutine`() =
        Way.entries.map { way ->
            dynamicTest(way.method) {
                runBlocking(Dispatchers.Default) {
                    val called = CompletableDeferred<Unit>()
                    val left = CompletableDeferred<Unit>()
                    val store =
                        way.storeThat {
                            called.complete(Unit)
                            try {
                                awaitCancellation()
                            } finally {
                                left.complete(Unit)
                            }
                        }
                    val client = sandbox.client(store = store)
                    val pending = async { way.call(client) }
                    called.await()
                    pending.cancel()
                    withTimeout(20.seconds) {
                        left.await()
                        thrownBy<CancellationException> { pending.await() }
                    }
                }
            }
        }

    @Test
    fun `a store may call the client again`() =
        runBlocking<Unit> {
            val inner = sandbox.client(store = MapStore())
            var depth = 0
            lateinit var client: RelayPass
            val store = MapStore()
            client =
                sandbox.client(
                    store =
                        StoreOf(store, load = { key ->
                            if (depth < 3) {
                                depth += 1
                                thrownBy<NotFoundException> { client.verifications.get(UUID.randomUUID().toString()) }
                                inner.passes.count(CLAIM_TYPE)
                                client.relays.create(CLAIM_TYPE)
                            }
                            store.load(key)
                        }),
                )
            thrownBy<NotFoundException> { client.verifications.get(UUID.randomUUID().toString()) }
            assertEquals(3, depth)
        }

    @Test
    fun `a store's context is the caller's - dispatcher, name, and thread-locals`() {
        val local = ThreadLocal<String?>()

        class Element(
            private val value: String,
        ) : ThreadContextElement<String?> {
            override val key get() = Key

            override fun updateThreadContext(context: CoroutineContext): String? = local.get().also { local.set(value) }

            override fun restoreThreadContext(
                context: CoroutineContext,
                oldState: String?,
            ) = local.set(oldState)
        }
        val seen = ConcurrentHashMap.newKeySet<String>()
        val store =
            before(MapStore()) {
                delay(1)
                seen += "${Thread.currentThread().name} ${currentCoroutineContext()[CoroutineName]?.name} ${local.get()}"
            }
        val client = sandbox.client(store = store)
        Executors.newSingleThreadExecutor { Thread(it, "mine") }.asCoroutineDispatcher().use { dispatcher ->
            runBlocking(dispatcher + CoroutineName("name") + Element("local")) {
                thrownBy<NotFoundException> { client.verifications.get(UUID.randomUUID().toString()) }
            }
            // In debug mode the thread's name has the coroutine's behind it.
            val expected = setOf("mine name local")
            assertEquals(expected, seen.map { it.replace(" @name#\\d+".toRegex(), "") }.toSet())
        }
    }

    private object Key : CoroutineContext.Key<ThreadContextElement<String?>>

    @Test
    fun `what start leaves to the background runs without a caller, and its failure costs nothing`() =
        runBlocking<Unit>(CoroutineName("caller")) {
            val inBackground = CompletableDeferred<String>()
            val store =
                before(MapStore()) {
                    if (currentCoroutineContext()[CoroutineName]?.name != "caller") {
                        inBackground.complete(Thread.currentThread().name)
                        throw OwnException("in the background")
                    }
                }
            val client = sandbox.client(store = store)
            val started = client.verifications.start(CLAIM_TYPE)
            withTimeout(20.seconds) { inBackground.await() }
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, client.verifications.complete(started.id))
            assertEquals(1, sandbox.ledger("billed"))
        }

    @TestFactory
    fun `64 verifications at once`() =
        mapOf<String, CoroutineContext>("one thread" to kotlin.coroutines.EmptyCoroutineContext, "threads" to Dispatchers.Default)
            .map { (kind, context) ->
                dynamicTest("on $kind") {
                    runBlocking(context) {
                        sandbox.reset()
                        val client = sandbox.client(store = later(MapStore()), sealKeys = listOf(Random.nextBytes(32)))
                        val ended =
                            List(64) {
                                async {
                                    val started = client.verifications.start(CLAIM_TYPE)
                                    withContext(Dispatchers.IO) { sandbox.visit(started) }
                                    client.verifications.complete(started.id).status
                                }
                            }.awaitAll()
                        assertEquals(List(64) { VerificationStatus.PASSED }, ended)
                        assertEquals(listOf(64, 64, 0), listOf("billed", "redeemed", "double_spends").map(sandbox::ledger))
                    }
                }
            }

    @Test
    fun `64 callers who complete the same verification are billed once`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = later(MapStore()))
            val started = client.verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            val ended = List(64) { async(Dispatchers.Default) { client.verifications.complete(started.id) } }.awaitAll()
            assertTrue(ended.all { it is Completion.Passed })
            assertEquals(listOf(1, 1, 0), listOf("billed", "redeemed", "double_spends").map(sandbox::ledger))
        }

    @Test
    fun `a finished verification costs one load and no request`() =
        runBlocking<Unit> {
            val store = MapStore()
            val client = sandbox.client(store = store)
            val started = client.verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            client.verifications.complete(started.id)
            fun counted() = listOf(sandbox.requests(), store.loads.get(), store.swaps.get(), store.scans.get())
            val (requests, loads, swaps, scans) = counted()
            client.verifications.complete(started.id)
            assertEquals(listOf(requests, loads + 1, swaps, scans), counted())
        }

    @Test
    fun `a damaged record is left untouched`() =
        runBlocking<Unit> {
            val store = MapStore()
            val client = sandbox.client(store = store)
            val id = client.verifications.start(CLAIM_TYPE).id
            client.verifications.complete(id) // nothing is left to the background
            val key = store.records.keys.single { it.endsWith(id) }
            for (bytes in listOf(ByteArray(0), "canary".toByteArray(), ByteArray(70_000), byteArrayOf(9))) {
                val damaged = StoreRecord(bytes, store.records[key]!!.version, null, null)
                store.records[key] = damaged
                val error = thrownBy<StoreException> { client.verifications.complete(id) }
                assertFalse("canary" in error.toString())
                assertSame(damaged, store.records[key])
            }
        }

    @Test
    fun `a scan with keys that no text may hold is an error, not a silence`() =
        runBlocking<Unit> {
            @Suppress("UNCHECKED_CAST")
            val withNull = listOf<String?>(null) as List<String>
            for (keys in listOf(withNull, listOf("half a pair: \uD800"))) {
                val client = sandbox.client(store = StoreOf(scan = { _, _, _ -> keys }))
                val error = thrownBy<StoreException> { client.verifications.recover() }
                assertInstanceOf(IllegalArgumentException::class.java, error.cause)
            }
        }

    @TestFactory
    fun `an answer of the wrong type, as a mock may give it, is an error at once`() =
        Way.entries.map { way ->
            dynamicTest(way.method) {
                runBlocking {
                    val mock =
                        Proxy.newProxyInstance(javaClass.classLoader, arrayOf(RelayStore::class.java)) { _, _, _ -> Any() }
                    val client = sandbox.client(store = mock as RelayStore)
                    val error = thrownBy<StoreException> { way.call(client) }
                    assertInstanceOf(ClassCastException::class.java, error.cause)
                }
            }
        }

    @Test
    fun `the flow resumes when a store is back`() =
        runBlocking<Unit> {
            var down = false
            val store = before(MapStore()) { if (down) throw OwnException("down") }
            val verifications = sandbox.client(store = store).verifications
            val started = verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            verifications.get(started.id)
            down = true
            assertInstanceOf(OwnException::class.java, thrownBy<StoreException> { verifications.complete(started.id) }.cause)
            down = false
            assertInstanceOf(Completion.Passed::class.java, verifications.complete(started.id))
        }

    @Test
    fun `a store that does a swap and denies it once - the flow goes on`() =
        runBlocking<Unit> {
            val store = MapStore()
            val lies = AtomicInteger()
            val lying =
                StoreOf(store, compareAndSwap = { key, expected, next ->
                    store.compareAndSwap(key, expected, next) && lies.incrementAndGet() != 2
                })
            val client = sandbox.client(store = lying)
            val started = client.verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, client.verifications.complete(started.id))
            assertEquals(listOf(1, 0), listOf("billed", "double_spends").map(sandbox::ledger))
        }

    @Test
    fun `seal keys - no secret in the store, the first seals, all open`() =
        runBlocking<Unit> {
            val store = MapStore()
            val (old, fresh) = List(2) { Random.nextBytes(32) }
            val started = sandbox.client(store = store, sealKeys = listOf(old)).verifications.start(CLAIM_TYPE)
            val kept = store.records.values.joinToString("") { String(it.value, Charsets.ISO_8859_1) }
            assertFalse(started.sessionAccessToken!! in kept)
            for (keys in listOf(emptyList(), listOf(fresh))) {
                thrownBy<DecryptionException> { sandbox.client(store = store, sealKeys = keys).verifications.get(started.id) }
            }
            val rotated = sandbox.client(store = store, sealKeys = listOf(fresh, old)).verifications
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, rotated.complete(started.id))
            val after = sandbox.client(store = store, sealKeys = listOf(fresh)).verifications
            assertEquals(VerificationStatus.PASSED, after.get(started.id).status)
            for (length in listOf(0, 16, 31, 33)) {
                thrownBy<InvalidArgumentException> { sandbox.client(store = store, sealKeys = listOf(ByteArray(length))) }
            }
        }

    @Test
    fun `without a store it says so`() =
        runBlocking<Unit> {
            val client = sandbox.client()
            val id = UUID.randomUUID().toString()
            val calls =
                listOf<suspend () -> Any>(
                    { client.verifications.start(CLAIM_TYPE) },
                    { client.verifications.complete(id) },
                    { client.verifications.get(id) },
                    { client.verifications.forget(id) },
                    { client.verifications.recover() },
                    { client.passes.prefetch(CLAIM_TYPE, 1) },
                    { client.passes.count(CLAIM_TYPE) },
                )
            for (call in calls) thrownBy<InvalidArgumentException> { call() }
        }

    @Test
    fun `a store by URL - memory, and a URL that is refused without showing it`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = StoreUrl("memory:"))
            val started = client.verifications.start(CLAIM_TYPE)
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, client.verifications.complete(started.id))
            val error = thrownBy<InvalidArgumentException> { sandbox.client(store = StoreUrl("canary://u:canary@h")) }
            assertFalse("canary" in error.stackTraceToString().replace("StoreTest", ""))
        }

    @Test
    fun `records are equal by their bytes, and show none`() {
        val one = StoreRecord("canary".toByteArray(), 1, null, 2)
        assertEquals(StoreRecord("canary".toByteArray(), 1, null, 2), one)
        assertEquals(StoreRecord("canary".toByteArray(), 1, null, 2).hashCode(), one.hashCode())
        assertFalse(one == StoreRecord("canarz".toByteArray(), 1, null, 2))
        assertFalse(one == StoreRecord("canary".toByteArray(), 1, 2, 2))
        assertFalse("canary" in "$one")
        thrownBy<IllegalArgumentException> { StoreRecord(ByteArray(0), -1, null, null) }
    }

    @Test
    fun `no coroutine of a store is left in the binding's tables`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = later(MapStore()))
            repeat(20) { thrownBy<NotFoundException> { client.verifications.get(UUID.randomUUID().toString()) } }
            await("the table is empty") { uniffiForeignFutureHandleCount() == 0 }
        }
}
