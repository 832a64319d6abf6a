package dev.relaypass

import dev.relaypass.generated.FfiConverterTypeHostListener
import dev.relaypass.generated.FfiConverterTypeHostStore
import dev.relaypass.generated.countCalls
import dev.relaypass.generated.uniffiContinuationHandleMap
import dev.relaypass.generated.uniffiForeignFutureHandleCount
import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import dev.relaypass.support.SilentServer
import dev.relaypass.support.StoreOf
import dev.relaypass.support.await
import dev.relaypass.support.before
import dev.relaypass.support.thrownBy
import java.io.File
import java.lang.ref.WeakReference
import java.util.UUID
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** Clients and stores that are closed, dropped and collected; and what many calls leave behind. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LifetimeTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    @Test
    fun `a closed client refuses calls, clearly`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = MapStore())
            client.close()
            client.close()
            val calls =
                listOf<suspend () -> Any>(
                    { client.relays.create(CLAIM_TYPE) },
                    { client.verifications.get(UUID.randomUUID().toString()) },
                    { client.passes.count(CLAIM_TYPE) },
                )
            for (call in calls) {
                assertEquals("closed", thrownBy<ClosedException> { call() }.code)
            }
            assertEquals(Environment.PRODUCTION, client.environment)
            assertEquals("RelayPass(environment=production)", "$client")
        }

    @Test
    fun `a client closed with calls in flight lets them end`() =
        runBlocking<Unit>(Dispatchers.Default) {
            val called = AtomicInteger()
            val goOn = CompletableDeferred<Unit>()
            val store =
                before(MapStore()) {
                    called.incrementAndGet()
                    goOn.await()
                }
            val client = sandbox.client(store = store)
            val calls = List(8) { async { client.passes.count(CLAIM_TYPE) } }
            await("all have begun") { called.get() == 8 }
            val closing = async { client.closeAndJoin() }
            await("it closes") { runBlocking { runCatching { client.relays.create(CLAIM_TYPE) } }.isFailure }
            goOn.complete(Unit)
            assertEquals(List(8) { 0 }, withTimeout(20.seconds) { calls.awaitAll() })
            withTimeout(20.seconds) { closing.await() }
        }

    @Test
    fun `a client closed with a call in flight whose caller then leaves hangs up`() =
        runBlocking<Unit>(Dispatchers.IO) {
            SilentServer().use { silent ->
                val client = RelayPass { baseUrl = silent.url }
                val call = async { client.relays.create(CLAIM_TYPE) }
                val connection = silent.asked()
                thrownBy<RequestTimeoutException> { client.closeAndJoin(within = 50.milliseconds) }
                call.cancelAndJoin()
                connection.hungUp()
            }
        }

    @Test
    fun `a client and its store that nobody holds are not collected during a call, and are after it`() =
        runBlocking<Unit>(Dispatchers.Default) {
            val storesBefore = FfiConverterTypeHostStore.handleMap.size
            val called = CompletableDeferred<Unit>()
            val goOn = CompletableDeferred<Unit>()
            // Made elsewhere, so that nothing here holds the store or the client.
            val (dropped, call) =
                sandbox.dropped(called, goOn).let { (store, start) -> store to async { start() } }
            called.await()
            repeat(5) {
                System.gc()
                Thread.sleep(20)
            }
            goOn.complete(Unit)
            assertEquals(0, withTimeout(20.seconds) { call.await() })
            await("the store is collected") {
                System.gc()
                dropped.get() == null && FfiConverterTypeHostStore.handleMap.size <= storesBefore
            }
        }

    private fun Sandbox.dropped(
        called: CompletableDeferred<Unit>,
        goOn: CompletableDeferred<Unit>,
    ): Pair<WeakReference<RelayStore>, suspend () -> Int> {
        val kept = MapStore()
        val store =
            StoreOf(kept, scan = { prefix, due, limit ->
                called.complete(Unit)
                goOn.await()
                kept.scan(prefix, due, limit)
            }, load = { key ->
                called.complete(Unit)
                goOn.await()
                kept.load(key)
            })
        var client: RelayPass? = client(store = store)
        return WeakReference<RelayStore>(store) to {
            val passes = client!!.passes
            client = null
            passes.count(CLAIM_TYPE)
        }
    }

    @Test
    fun `background work ends with the client`() =
        runBlocking<Unit> {
            val storesBefore = FfiConverterTypeHostStore.handleMap.size
            val client = sandbox.client(store = MapStore(), background = true, onEvent = {})
            client.passes.count(CLAIM_TYPE)
            client.close()
            await("Rust lets go of the store") { FfiConverterTypeHostStore.handleMap.size <= storesBefore }
        }

    @Test
    fun `10,000 calls leave no memory and no handle behind`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = MapStore(), onEvent = {})
            val id = UUID.randomUUID().toString()

            suspend fun work(rounds: Int) =
                repeat(rounds) {
                    thrownBy<NotFoundException> { client.verifications.get(id) }
                }
            work(2_000) // the runtimes of both sides settle
            val tables = tables()
            // What leaks grows every time; a compiler or a collector at work grows once.
            val grown =
                List(3) {
                    val before = residentKilobytes()
                    work(5_000) // two calls each
                    await("the tables are as before") { tables() == tables }
                    residentKilobytes() - before
                }
            println("kotlin: three times 10,000 calls, $grown KiB more resident, tables $tables")
            assertTrue(grown.min() < 4 * 1024, "$grown KiB more")
        }

    @Test
    fun `1,000 clients leave no handle behind`() =
        runBlocking<Unit> {
            val before = tables()
            repeat(1_000) {
                RelayPass { store = MapStore(); onEvent = {} }.close()
            }
            await("the tables are as before") { tables() == before }
        }

    /** What the binding and the package keep of calls, stores, listeners and coroutines. */
    private fun tables() =
        mapOf(
            "calls" to Calls.count,
            "calls in Rust" to countCalls(),
            "stores" to FfiConverterTypeHostStore.handleMap.size,
            "listeners" to FfiConverterTypeHostListener.handleMap.size,
            "continuations" to uniffiContinuationHandleMap.size,
            "coroutines" to uniffiForeignFutureHandleCount(),
        )

    /** After the collector has been at work. The heap itself has one size in these tests, all of it touched. */
    private fun residentKilobytes(): Long {
        System.gc()
        val line = File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
        return line.filter(Char::isDigit).toLong()
    }
}
