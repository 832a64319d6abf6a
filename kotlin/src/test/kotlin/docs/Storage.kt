package docs.storage

import dev.relaypass.RelayPass
import dev.relaypass.StoreUrl
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers

suspend fun main() {
    val client = RelayPass {
        apiKey = System.getenv("RELAYPASS_API_KEY")
        baseUrl = System.getenv("RELAYPASS_BASE_URL")
        store = StoreUrl("sqlite:verifications.sqlite")
    }
    val verification = client.verifications.start("age_over18_verified", reference = "order-1234")
    // … the visitor opens verification.hostedUrl; here, a click on the sandbox's page …
    val click = HttpRequest.newBuilder(URI(verification.hostedUrl!!)).POST(BodyPublishers.ofString("result=passed"))
    HttpClient.newHttpClient().send(click.build(), BodyHandlers.discarding())
    println(client.verifications.complete(verification.id).status.name.lowercase())
}
