package docs.readme

import dev.relaypass.RelayPass

suspend fun main() {
    val client = RelayPass {
        apiKey = System.getenv("RELAYPASS_API_KEY")
        baseUrl = System.getenv("RELAYPASS_BASE_URL")
    }
    val relay = client.relays.create("age_over18_verified")
    val issued = client.relays.issuePrivacyPass("age_over18_verified")
    // … the visitor's browser gets relay.relaySessionAccessToken and verifies with Persona …
    val answer = client.relays.generateClaim(relay.relayToken, relay.relaySecret, issued.privacyPassToken,
        "age_over18_verified")
    println(if (answer.claim?.passed == true) "passed" else "failed")
}
