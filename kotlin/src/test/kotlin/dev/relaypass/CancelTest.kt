package dev.relaypass

import dev.relaypass.support.Sandbox
import dev.relaypass.support.SilentServer
import dev.relaypass.support.await
import dev.relaypass.support.thrownBy
import java.util.UUID
import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.startCoroutine
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.completeWith
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** Taking calls back: by cancelling their coroutine, and by time. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CancelTest {
    private val sandbox = Sandbox.start()
    private val silent = SilentServer()

    @AfterAll
    fun stop() {
        silent.close()
        sandbox.close()
    }

    @Test
    fun `a cancelled call hangs up, and ends with what it was cancelled with`() =
        runBlocking<Unit>(Dispatchers.IO) {
            val client = RelayPass { baseUrl = silent.url }
            var caught: Throwable? = null
            val reason = CancellationException("mine")
            val call =
                launch {
                    try {
                        client.relays.create(CLAIM_TYPE)
                    } catch (error: Throwable) {
                        caught = error
                        throw error
                    }
                }
            val connection = silent.asked()
            call.cancel(reason)
            connection.hungUp()
            withTimeout(20.seconds) { call.join() }
            // In debug mode coroutines copy what they throw; the original is then the cause.
            assertSame(reason, generateSequence(caught) { it.cause }.last())
            assertEquals(0, Calls.count)
        }

    @Test
    fun `withTimeout takes a call back`() =
        runBlocking<Unit> {
            val client = RelayPass { baseUrl = silent.url }
            thrownBy<TimeoutCancellationException> { withTimeout(50.milliseconds) { client.relays.create(CLAIM_TYPE) } }
            silent.asked().hungUp()
            assertTrue(currentCoroutineContext().isActive)
        }

    @Test
    fun `a failing sibling takes a call back`() =
        runBlocking<Unit>(Dispatchers.IO) {
            val client = RelayPass { baseUrl = silent.url }
            val error =
                thrownBy<IllegalStateException> {
                    coroutineScope {
                        launch { client.relays.create(CLAIM_TYPE) }
                        val connection = silent.asked()
                        launch {
                            connection.hungUp()
                        }
                        throw IllegalStateException("sibling")
                    }
                }
            assertEquals("sibling", error.message)
        }

    @Test
    fun `in a coroutine that is cancelled already nothing is sent`() =
        runBlocking<Unit> {
            sandbox.reset()
            val relays = sandbox.client().relays
            val calls =
                listOf<suspend () -> Any>(
                    { relays.create(CLAIM_TYPE) },
                    { relays.issuePrivacyPass(CLAIM_TYPE) },
                    { relays.generateClaim("token", "secret", "pass") },
                )
            for (call in calls) {
                val cancelled =
                    launch {
                        currentCoroutineContext().job.cancel()
                        thrownBy<CancellationException> { call() }
                    }
                cancelled.join()
            }
            assertEquals(0, sandbox.requests())
        }

    @Test
    fun `an outcome that is there is returned even if the caller was cancelled meanwhile`() =
        runBlocking<Unit>(Dispatchers.Default) {
            var relay: Relay? = null
            // Cancelled in the moment between: over for Rust, not yet for the caller.
            val call =
                launch {
                    val job = currentCoroutineContext().job
                    relay =
                        callNative(null) { number, _ ->
                            val native = dev.relaypass.generated.generateKeys(2048L, number)
                            job.cancel()
                            Relay(native.publicKeyPem, "", "", null, null)
                        }
                }
            call.join()
            assertTrue(relay!!.relayToken.startsWith("-----BEGIN"))
        }

    @Test
    fun `a call goes on where it cannot be cancelled, and where there is no job`() =
        runBlocking<Unit> {
            val client = sandbox.client()
            val outside =
                launch {
                    currentCoroutineContext().job.cancel()
                    withContext(NonCancellable) { assertTrue(client.relays.create(CLAIM_TYPE).relayToken.isNotEmpty()) }
                }
            outside.join()
            val done = CompletableDeferred<Relay>()
            val create: suspend () -> Relay = { client.relays.create(CLAIM_TYPE) }
            create.startCoroutine(Continuation(EmptyCoroutineContext) { done.completeWith(it) })
            assertTrue(done.await().relayToken.isNotEmpty())
        }

    @Test
    fun `a cancelled redemption is asked for again under the key that it was given`() =
        runBlocking<Unit>(Dispatchers.IO) {
            sandbox.reset()
            val relays = sandbox.client().relays
            val relay = relays.create(CLAIM_TYPE)
            val pass = relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val key = UUID.randomUUID().toString()
            suspend fun redeem() =
                relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken, idempotencyKey = key)
            sandbox.faults("""{"step": "redeem", "fault": "delay", "milliseconds": 60000}""")
            val redemption = async { redeem() }
            await("the redemption arrives") { sandbox.ledger("redeemed") == 1 }
            redemption.cancelAndJoin()

            assertEquals(true, redeem().claim?.passed)
            assertEquals(listOf(1, 0), listOf("redeemed", "double_spends").map(sandbox::ledger))
        }

    @Test
    fun `timeout limits one call, the client's own every request`() =
        runBlocking<Unit> {
            for ((own, ofCall) in listOf(60.seconds to 50.milliseconds, 50.milliseconds to null)) {
                val client = RelayPass { baseUrl = silent.url; timeout = own; retries = 0 }
                thrownBy<RequestTimeoutException> { client.relays.create(CLAIM_TYPE, timeout = ofCall) }
                silent.asked()
            }
        }

    @Test
    fun `a timeout that is no time is an invalid argument`() =
        runBlocking<Unit> {
            val client = sandbox.client()
            for (timeout in listOf(Duration.ZERO, (-1).seconds, Duration.INFINITE, 86_400.seconds)) {
                thrownBy<InvalidArgumentException> { client.relays.create(CLAIM_TYPE, timeout = timeout) }
            }
        }

    @Test
    fun `a text that is no Unicode is refused, and not shown`() =
        runBlocking<Unit> {
            val error = thrownBy<IllegalArgumentException> { sandbox.client().relays.create("canary\uD800") }
            assertEquals("A text is not well-formed Unicode.", error.message)
            thrownBy<IllegalArgumentException> { RelayPass { apiKey = "canary\uD800" } }
            assertEquals(0, Calls.count)
        }
}
