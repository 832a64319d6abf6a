package dev.relaypass

import dev.relaypass.support.MapStore
import dev.relaypass.support.Sandbox
import dev.relaypass.support.thrownBy
import java.io.PrintWriter
import java.io.StringWriter
import java.lang.reflect.Modifier
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** What is logged shows no secret; what is stored keeps every value. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RedactionTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    /** Every way in which an object's text may come into a log. */
    private fun textsOf(value: Any) = listOf("$value", listOf(value).toString(), mapOf("it" to value).toString(), String.format("%s", value))

    @Test
    fun `results show everything but their secrets`() =
        runBlocking<Unit> {
            val client = sandbox.client(store = MapStore())
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val generated = client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken)
            val started = client.verifications.start(CLAIM_TYPE)
            val secrets =
                listOf(
                    relay.relaySecret,
                    relay.relaySessionAccessToken,
                    pass.privacyPassToken,
                    generated.claimPayload,
                    started.sessionAccessToken!!,
                    started.hostedUrl!!,
                )
            assertTrue(secrets.all { it.length > 10 })
            for (result in listOf(relay, pass, generated, started)) {
                for (text in textsOf(result)) {
                    assertTrue(secrets.none { it in text }, text)
                    assertTrue(REDACTED in text, text)
                    assertTrue(result.javaClass.simpleName in text)
                }
            }
            assertTrue(relay.requestId!! in "$relay" && relay.relayToken in "$relay")
            assertTrue(started.id in "$started")
            // What is stored keeps every value.
            fun copied(secret: String) =
                Relay(relay.relayToken, secret, relay.relaySessionAccessToken, relay.requestId, relay.rateLimit)
            assertEquals(relay, copied(relay.relaySecret))
            assertEquals(relay.hashCode(), copied(relay.relaySecret).hashCode())
            assertNotEquals(relay, copied("another"))

            sandbox.visit(started)
            client.verifications.complete(started.id)
            assertTrue("hostedUrl=null" in "${client.verifications.get(started.id)}")
        }

    @Test
    fun `clients, stores, requests and keys show no secret`() =
        runBlocking<Unit> {
            val key = EncryptionKey.generate()
            val body = key.privateKeyPem.lines()[3]
            val client =
                RelayPass {
                    apiKey = "persona_sandbox_canary"
                    anonymousProxy = "http://user:canary@127.0.0.1:1"
                    decryptionKey = key
                }
            val options = RelayPassOptions().apply { apiKey = "persona_sandbox_canary" }
            val builder = RelayPassBlocking.builder().apiKey("persona_sandbox_canary")
            val request = ClaimRequest("token", "canary", "canary").idempotencyKey("canary").decryptionKey(key)
            for (value in listOf(key, client, options, builder, builder.build(), request, StoreUrl("postgres://u:canary@h/d"))) {
                for (text in textsOf(value)) assertFalse("canary" in text || body in text || "PRIVATE" in text, text)
            }
            assertTrue("PUBLIC KEY" in "$key")
            assertTrue("sandbox" in "$client")
            assertEquals(key, EncryptionKey.fromPem(key.privateKeyPem))
            assertNotEquals(key, EncryptionKey.generate())
        }

    @Test
    fun `exceptions show no secret, in their text, their stack and their causes`() {
        val facts = ErrorFacts { claimPayload = "canary"; idempotencyKey = "canary"; operation = "relays.generate_claim" }
        assertFalse("canary" in "$facts")
        val error = OutcomeUnknownException("lost", facts)
        val written = StringWriter().also { error.printStackTrace(PrintWriter(it)) }.toString()
        assertFalse("canary" in written)
        assertEquals("canary", error.idempotencyKey)
    }

    @Test
    fun `a failure's generated text, which holds secrets, is no cause of what is thrown`() =
        runBlocking<Unit> {
            sandbox.faults("""{"step": "redeem", "fault": "drop_after_commit"}""")
            val client = sandbox.client(retries = 0)
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val error =
                thrownBy<OutcomeUnknownException> {
                    client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken)
                }
            val chain = generateSequence<Throwable>(error) { it.cause } + error.suppressed
            assertTrue(chain.none { it.javaClass.name.startsWith("dev.relaypass.generated") })
            assertFalse(error.idempotencyKey!! in error.stackTraceToString())
        }

    @Test
    fun `no public field gives a secret away`() {
        for (type in listOf(EncryptionKey::class, RelayPass::class, Relay::class, OutcomeUnknownException::class)) {
            assertTrue(type.java.fields.all { Modifier.isStatic(it.modifiers) }, type.simpleName)
        }
    }
}
