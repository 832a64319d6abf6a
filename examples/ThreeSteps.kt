// The three steps, with an encrypted claim.
//
// Against a local sandbox, which prints the address and the key (production_api_key):
//
//     relaypass sandbox
//     RELAYPASS_BASE_URL=… RELAYPASS_API_KEY=… kotlin/run.sh examples.ThreeStepsKt

package examples

import dev.relaypass.EncryptionKey
import dev.relaypass.RelayPass
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers

private val sandboxUrl: String? = System.getenv("RELAYPASS_BASE_URL") // in production: leave it out
private const val CLAIM_TYPE = "age_over18_verified"

suspend fun main() {
    val key = EncryptionKey.generate() // in production: made once, and kept
    val client =
        RelayPass {
            apiKey = System.getenv("RELAYPASS_API_KEY")
            baseUrl = sandboxUrl
            decryptionKey = key
        }

    // 1. Open a session for the visitor. Names nobody.
    val relay = client.relays.create(CLAIM_TYPE)
    // 2. Buy a pass. Names you, but not the visitor; the only call that is billed.
    val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
    visitorVerifies(relay.relayToken)
    // 3. Redeem the pass for the claim. Names nobody.
    val answer =
        client.relays.generateClaim(
            relay.relayToken,
            relay.relaySecret,
            pass.privacyPassToken,
            CLAIM_TYPE,
        )
    println(if (answer.claim?.passed == true) "passed" else "failed")
}

/** In life the visitor does this in a browser, on Persona's page; here the sandbox is told. */
private fun visitorVerifies(relayToken: String) {
    val request =
        HttpRequest
            .newBuilder(URI("$sandboxUrl/_sandbox/relays/$relayToken/finish"))
            .header("content-type", "application/json")
            .POST(BodyPublishers.ofString("""{"result": "passed"}"""))
            .build()
    val answer = HttpClient.newHttpClient().send(request, BodyHandlers.discarding())
    check(answer.statusCode() == 200) { "the sandbox refuses: ${answer.statusCode()}" }
}
