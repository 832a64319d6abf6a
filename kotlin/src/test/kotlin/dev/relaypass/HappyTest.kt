package dev.relaypass

import dev.relaypass.support.Sandbox
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** The three steps, as people take them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HappyTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    @Test
    fun `the three steps lead to the claim`() =
        runBlocking<Unit> {
            val client = sandbox.client(decryptionKey = EncryptionKey.generate())
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val answer =
                client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken, CLAIM_TYPE)
            assertEquals(true, answer.tokenConsumed)
            assertEquals(true, answer.claim?.passed)
            assertEquals(CLAIM_TYPE, answer.claim?.claimType)
            assertEquals(Environment.PRODUCTION, client.environment)
        }
}

/** What all tests ask. */
const val CLAIM_TYPE = "age_over18_verified"
