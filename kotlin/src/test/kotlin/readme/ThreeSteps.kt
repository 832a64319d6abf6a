package readme.three

import dev.relaypass.EncryptionKey
import dev.relaypass.RelayPass

const val CLAIM_TYPE = "age_over18_verified"

suspend fun main() {
    val key = EncryptionKey.generate() // the claim travels encrypted
    val client = RelayPass {
        apiKey = System.getenv("RELAYPASS_API_KEY")
        baseUrl = System.getenv("RELAYPASS_BASE_URL") // unset: Persona itself
        decryptionKey = key
    }

    // 1. A relay for the visitor. Only relaySessionAccessToken may go to the browser.
    val relay = client.relays.create(CLAIM_TYPE)

    // 2. A Privacy Pass, blindly signed: the one call that carries the API key, and that is billed.
    val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)

    // 3. When the visitor has finished: the pass for the claim.
    val answer = client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken, CLAIM_TYPE)
    println(if (answer.claim?.passed == true) "over 18" else "not over 18")
}
