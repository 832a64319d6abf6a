package dev.relaypass

import com.nimbusds.jose.EncryptionMethod
import com.nimbusds.jose.JOSEObjectType
import com.nimbusds.jose.JWEAlgorithm
import com.nimbusds.jose.JWEHeader
import com.nimbusds.jose.JWEObject
import com.nimbusds.jose.Payload
import com.nimbusds.jose.crypto.RSADecrypter
import com.nimbusds.jose.crypto.RSAEncrypter
import com.nimbusds.jose.jwk.JWK
import com.nimbusds.jose.jwk.RSAKey
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator
import dev.relaypass.support.Sandbox
import java.security.KeyFactory
import java.security.spec.PKCS8EncodedKeySpec
import java.util.Base64
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance

/** JSON Web Keys and JWEs, held against another implementation: Nimbus. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JoseTest {
    private val sandbox = Sandbox.start()
    private val theirs: RSAKey = RSAKeyGenerator(2048).keyID("of-theirs").generate()

    @AfterAll
    fun stop() = sandbox.close()

    private fun encrypted(
        key: RSAKey,
        algorithm: JWEAlgorithm = JWEAlgorithm.RSA_OAEP_256,
        method: EncryptionMethod = EncryptionMethod.A256GCM,
        change: JWEHeader.Builder.() -> Unit = {},
    ): String {
        val jwe = JWEObject(JWEHeader.Builder(algorithm, method).apply(change).build(), Payload(CLAIM))
        jwe.encrypt(RSAEncrypter(key.toPublicJWK()))
        return jwe.serialize()
    }

    @Test
    fun `what they encrypt opens with their key`() {
        for (payload in listOf(encrypted(theirs), encrypted(theirs) { keyID("of-theirs").type(JOSEObjectType.JOSE).contentType("json") })) {
            for (key in listOf(EncryptionKey.fromJwk(theirs.toJSONString()), EncryptionKey.fromJwk(theirs.toJSONObject()))) {
                assertTrue(openClaim(payload, key, CLAIM_TYPE).passed)
                assertTrue(openClaim(payload, listOf(key), CLAIM_TYPE).passed)
            }
        }
    }

    @Test
    fun `what they can do and Persona does not is refused`() {
        val key = EncryptionKey.fromJwk(theirs.toJSONString())
        for (payload in listOf(
            encrypted(theirs, JWEAlgorithm.RSA_OAEP_512),
            encrypted(theirs, method = EncryptionMethod.A128GCM),
            encrypted(theirs, method = EncryptionMethod.A256CBC_HS512),
            encrypted(theirs) { compressionAlgorithm(com.nimbusds.jose.CompressionAlgorithm.DEF) },
        )) {
            assertThrows(DecryptionException::class.java) { openClaim(payload, key) }
        }
    }

    @Test
    fun `they open what comes for our key`() =
        runBlocking<Unit> {
            val ours = EncryptionKey.generate()
            val public = JWK.parse(ours.publicJwk).toRSAKey()
            assertTrue(openClaim(encrypted(public), ours).passed)
            val client =
                RelayPass {
                    apiKey = sandbox.productionApiKey
                    baseUrl = sandbox.url
                    encryptionForm = EncryptionForm.JWK
                }
            val relay = client.relays.create(CLAIM_TYPE, public.toJSONObject())
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            sandbox.finish(relay.relayToken)
            val answer = client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken)
            assertNull(answer.claim)
            val jwe = JWEObject.parse(answer.claimPayload)
            val der = Base64.getMimeDecoder().decode(ours.privateKeyPem.lines().filter { !it.startsWith("-") }.joinToString(""))
            jwe.decrypt(RSADecrypter(KeyFactory.getInstance("RSA").generatePrivate(PKCS8EncodedKeySpec(der))))
            assertEquals("passed", jwe.payload.toJSONObject()["claim_result"])
            client.close()
        }

    @Test
    fun `a named key is picked by its name, and keeps it`() =
        runBlocking<Unit> {
            val payload = encrypted(theirs) { keyID("of-theirs") }
            val named = EncryptionKey.fromJwk(theirs.toJSONObject() + ("kid" to "of-theirs"))
            assertTrue("\"kid\":\"of-theirs\"" in named.privateJwk)
            val other = EncryptionKey.generate()
            assertTrue(openClaim(payload, listOf(other, named)).passed)
            // Another key of that name is believed, and does not open it; this one is not asked any more.
            val wrong = EncryptionKey.fromJwk(other.privateJwk.replaceFirst("{", "{\"kid\":\"of-theirs\","))
            val unnamed = EncryptionKey.fromPem(named.privateKeyPem)
            assertThrows(DecryptionException::class.java) { openClaim(payload, listOf(unnamed, wrong)) }
        }

    @Test
    fun `a payload in another form than is said is refused`() {
        val payload = encrypted(theirs)
        val keys = listOf(EncryptionKey.fromJwk(theirs.toJSONString()))
        for (form in listOf(null, EncryptionForm.AUTO, EncryptionForm.JWK)) assertTrue(openClaim(payload, keys, null, form).passed)
        assertThrows(ClaimMismatchException::class.java) { openClaim(payload, keys, null, EncryptionForm.PEM) }
    }

    @Test
    fun `the public half has five members`() =
        runBlocking<Unit> {
            val members = Json.parseToJsonElement(EncryptionKey.generate().publicJwk).jsonObject
            assertEquals(listOf("kty", "n", "e", "alg", "use"), members.keys.toList())
        }

    @Test
    fun `a private JWK given as encryption key never leaves, and is not repeated`() =
        runBlocking<Unit> {
            val client = sandbox.client()
            val refused =
                runCatching { client.relays.create(CLAIM_TYPE, theirs.toJSONObject()) }.exceptionOrNull()
            assertTrue(refused is InvalidArgumentException)
            assertFalse(theirs.privateExponent.toString() in refused.toString())
        }

    private companion object {
        const val CLAIM = """{"claim_type":"age_over18_verified","claim_result":"passed"}"""
    }
}
