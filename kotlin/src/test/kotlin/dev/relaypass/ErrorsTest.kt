package dev.relaypass

import dev.relaypass.generated.exampleFailures
import dev.relaypass.generated.panic
import dev.relaypass.support.Sandbox
import dev.relaypass.support.thrownBy
import java.lang.reflect.Modifier
import kotlin.time.Duration
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** Every code has its class, and an exception says all it knows except secrets. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ErrorsTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    private val classes =
        mapOf(
            "invalid_argument" to InvalidArgumentException::class,
            "authentication" to AuthenticationException::class,
            "permission_denied" to PermissionDeniedException::class,
            "not_found" to NotFoundException::class,
            "conflict" to ConflictException::class,
            "unprocessable" to UnprocessableException::class,
            "rate_limited" to RateLimitedException::class,
            "server_error" to ServerException::class,
            "timeout" to RequestTimeoutException::class,
            "network" to NetworkException::class,
            "protocol" to ProtocolException::class,
            "pass_rejected" to PassRejectedException::class,
            "pass_expired" to PassExpiredException::class,
            "decryption" to DecryptionException::class,
            "claim_mismatch" to ClaimMismatchException::class,
            "privacy_refused" to PrivacyRefusedException::class,
            "store" to StoreException::class,
            "outcome_unknown" to OutcomeUnknownException::class,
            "closed" to ClosedException::class,
            "cancelled" to CancelledException::class,
            "internal" to InternalException::class,
        )

    @Test
    fun `every code of the core has one class, and no class is left over`() {
        val failures = exampleFailures()
        assertEquals(classes.keys.toList(), failures.map { it.code })
        for (failure in failures) {
            val error = failure.toException(call = null)
            assertEquals(classes[failure.code], error::class)
            assertEquals(failure.code, error.code)
            assertEquals("example", error.operation)
            assertTrue("an example of ${failure.code}" in error.message!!, error.message)
            assertFalse(error.retryable)
            val absent = listOf(error.status, error.title, error.details, error.meta, error.requestId, error.rateLimit)
            assertTrue(absent.all { it == null })
            assertTrue(listOf(error.claimPayload, error.tokenConsumed, error.idempotencyKey).all { it == null })
            assertTrue(Modifier.isPublic(error.javaClass.modifiers))
        }
        val sealed = RelayPassException::class.java.permittedSubclasses.toSet()
        assertEquals(classes.values.map { it.java }.toSet(), sealed - UnknownCodeException::class.java)
    }

    @Test
    fun `a panic is an internal error that does not repeat it`() =
        runBlocking<Unit> {
            val error = thrownBy<InternalException> { callNative(timeout = null) { number, _ -> panic(number) } }
            assertEquals("internal", error.code)
            assertFalse("canary" in error.stackTraceToString())
        }

    @Test
    fun `an unknown code is an exception of the base`() {
        val error: RelayPassException = exampleFailures().first().copy(code = "of_tomorrow").toException(call = null)
        assertEquals("of_tomorrow", error.code)
        assertEquals(UnknownCodeException::class, error::class)
    }

    @Test
    fun `an exception carries what Persona said`() =
        runBlocking<Unit> {
            val client = sandbox.client(apiKey = "persona_production_canary")
            val error = thrownBy<AuthenticationException> { client.relays.issuePrivacyPass(CLAIM_TYPE) }
            assertEquals(401, error.status)
            assertEquals("relays.issue_privacy_pass", error.operation)
            assertNotNull(error.title)
            assertTrue(error.requestId!!.startsWith("req_"))
            assertFalse("canary" in error.stackTraceToString())
        }

    @Test
    fun `an argument that is refused names the call`() =
        runBlocking<Unit> {
            val client = RelayPass()
            val calls: Map<String, suspend () -> Any> =
                mapOf(
                    "relays.create" to suspend { client.relays.create(CLAIM_TYPE, timeout = Duration.ZERO) },
                    "verifications.get" to suspend { client.verifications.get("no id") },
                    "passes.count" to suspend { client.passes.count("") },
                    "generate_key_pair" to suspend { EncryptionKey.generate(1) },
                    "read_key_pair" to suspend { EncryptionKey.fromPem("") },
                )
            for ((name, call) in calls) {
                assertEquals(name, thrownBy<InvalidArgumentException> { call() }.operation)
            }
        }

    @Test
    fun `a broken way to Persona has its cause`() =
        runBlocking<Unit> {
            val client = RelayPass { baseUrl = "http://127.0.0.1:1"; retries = 0 }
            val error = thrownBy<NetworkException> { client.relays.create(CLAIM_TYPE) }
            assertNotEquals("", error.cause!!.message)
        }

    @Test
    fun `a mistake in the options names it, and shows no secret`() {
        val error = thrownBy<InvalidArgumentException> { RelayPass { apiKey = "canary canary" } }
        assertNull(error.cause)
        assertFalse("canary" in error.stackTraceToString())
        assertTrue("ErrorsTest" in error.stackTraceToString())
        thrownBy<InvalidArgumentException> { EncryptionKey.fromPem("canary") }
        thrownBy<ProtocolException> { openClaim("canary") }
        runBlocking { thrownBy<InvalidArgumentException> { EncryptionKey.generate(-1) } }
    }

    @Test
    fun `a claim that does not open is not lost, and does not show`() =
        runBlocking<Unit> {
            val (right, wrong) = List(2) { async { EncryptionKey.generate() } }.awaitAll()
            val client = sandbox.client()
            val relay = client.relays.create(CLAIM_TYPE, encryptionKey = right)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val error =
                thrownBy<DecryptionException> {
                    client.relays.generateClaim(
                        relay.relayToken,
                        relay.relaySecret,
                        pass.privacyPassToken,
                        decryptionKey = wrong,
                    )
                }
            assertEquals(true, error.tokenConsumed)
            assertTrue(openClaim(error.claimPayload!!, right, CLAIM_TYPE).passed)
            assertFalse(error.claimPayload!!.take(40) in error.stackTraceToString())
        }

    @Test
    fun `an exception's key may be handed on`() =
        runBlocking<Unit> {
            val client = sandbox.client(retries = 0)
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)

            suspend fun redeem(key: String?) =
                client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken, idempotencyKey = key)
            val unfinished = thrownBy<PermissionDeniedException> { redeem(null) }
            assertTrue(unfinished.retryable)
            assertNull(unfinished.idempotencyKey)
            sandbox.finish(relay.relayToken)
            sandbox.faults("""{"step": "redeem", "fault": "drop_after_commit"}""")
            val lost = thrownBy<OutcomeUnknownException> { redeem(unfinished.idempotencyKey) }
            assertFalse(lost.idempotencyKey!! in lost.stackTraceToString())
            assertEquals(true, redeem(lost.idempotencyKey).claim?.passed)
        }

    @Test
    fun `a caller can make an exception to test its own handling`() {
        val error: RelayPassException = RateLimitedException("slow down", ErrorFacts { retryable = true; status = 429 })
        assertInstanceOf(RuntimeException::class.java, error)
        assertEquals("rate_limited", error.code)
        assertEquals(429, error.status)
    }
}
