package readme.durable

import dev.relaypass.RelayPass
import dev.relaypass.StoreUrl
import dev.relaypass.Verification
import dev.relaypass.VerificationStatus
import java.util.Base64

val client = RelayPass {
    apiKey = System.getenv("RELAYPASS_API_KEY")
    baseUrl = System.getenv("RELAYPASS_BASE_URL") // unset: Persona itself
    store = StoreUrl(System.getenv("RELAYPASS_STORE")) // sqlite:///absolute/path, postgres://…; or an object of yours
    sealKeys = listOf(Base64.getDecoder().decode(System.getenv("RELAYPASS_SEAL_KEY"))) // 32 bytes: no secret in your table
    onEvent = { println("${it.kind}: ${it.message}") }
}

/** Where the visitor goes. The same order gives the same verification. */
suspend fun begin(order: Int): Verification =
    client.verifications.start("age_over18_verified", reference = "order-$order")

/** From any process, any number of times: PASSED, FAILED, PENDING or EXPIRED. */
suspend fun end(id: String): VerificationStatus = client.verifications.complete(id).status
