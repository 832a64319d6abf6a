// The three steps, by a program that logs all it gets: results, clients, keys and exceptions, in every
// way that the JVM has to print them. Its own secrets go to the file SECRETS.

package tests.cross

import dev.relaypass.EncryptionKey
import dev.relaypass.RelayPass
import dev.relaypass.RelayPassException
import dev.relaypass.RelayPassOptions
import dev.relaypass.StoreUrl
import dev.relaypass.openClaim
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive

private const val CLAIM_TYPE = "age_over18_verified"

private val apiKey = System.getenv("RELAYPASS_API_KEY")
private val baseUrl = System.getenv("RELAYPASS_BASE_URL")

/** A client of the sandbox, with more options. */
private fun client(configure: RelayPassOptions.() -> Unit = {}) =
    RelayPass(RelayPassOptions().also { it.apiKey = apiKey }.also { it.baseUrl = baseUrl }.apply(configure))

private fun show(thing: Any?) {
    println(thing)
    println(listOf(thing))
    println(mapOf("thing" to thing))
    println("$thing ${thing.hashCode()}")
    System.getLogger("talkative").log(System.Logger.Level.ERROR, "{0}", thing)
}

private fun showException(exception: RelayPassException) {
    show(exception)
    exception.printStackTrace()
    with(exception) {
        listOf(code, operation, retryable, status, title, details, meta, requestId, rateLimit, message, cause).forEach(::show)
    }
}

private suspend fun makeKey(): EncryptionKey {
    val key = EncryptionKey.generate()
    val lines = key.privateKeyPem.lines().filter { it.isNotEmpty() }
    File(System.getenv("SECRETS")).writeText(JsonArray(lines.map(::JsonPrimitive)).toString())
    return key
}

private fun visitorVerifies(relayToken: String) {
    val sandbox = System.getenv("SANDBOX_URL")
    val request =
        HttpRequest
            .newBuilder(URI("$sandbox/_sandbox/relays/$relayToken/finish"))
            .header("content-type", "application/json")
            .POST(BodyPublishers.ofString("""{"result": "${System.getenv("VISITOR")}"}"""))
    val answer = HttpClient.newHttpClient().send(request.build(), BodyHandlers.discarding())
    check(answer.statusCode() == 200) { "the sandbox refuses" }
}

private suspend fun threeSteps(key: EncryptionKey) {
    val client = client { decryptionKey = key }
    listOf(client, client.relays, client.verifications, client.passes).forEach(::show)
    val relay = client.relays.create(CLAIM_TYPE).also(::show)
    val pass = client.relays.issuePrivacyPass(CLAIM_TYPE).also(::show)
    visitorVerifies(relay.relayToken)
    show(client.relays.generateClaim(relay.relayToken, relay.relaySecret, pass.privacyPassToken))
}

/** Secrets where they do not belong: the complaint must not repeat them. */
private suspend fun misuse(key: EncryptionKey) {
    val pem = key.privateKeyPem
    val secret = apiKey
    refused { client { apiKey = "$secret\nx" } }
    refused { client { baseUrl = "http://$secret@127.0.0.1" } }
    refused { client { baseUrl = "x$secret" } }
    refused { client { identifiedProxy = "ftp://$secret@127.0.0.1" } }
    refused { client { caPem = pem } }
    refused { client { store = StoreUrl(secret) } }
    refused { client { sealKeys = listOf(secret.toByteArray()) } }
    val relays = client().relays
    refused { relays.create(CLAIM_TYPE, encryptionKey = pem) }
    refused { relays.create("$apiKey ") }
    refused { relays.generateClaim("$apiKey ", "$apiKey ", apiKey) }
    refused { relays.generateClaim("a", "a", apiKey) }
    refused { relays.generateClaim("a", "$apiKey ", "a") }
    refused { EncryptionKey.fromPem(pem.dropLast(40)) }
    refused { openClaim(apiKey, decryptionKey = key) }
}

private suspend fun refused(wrong: suspend () -> Unit) {
    try {
        wrong()
    } catch (exception: RelayPassException) {
        return showException(exception)
    }
    error("a misuse is accepted")
}

suspend fun main() {
    val key = makeKey()
    show(key)
    misuse(key)
    try {
        threeSteps(key)
    } catch (exception: RelayPassException) {
        showException(exception)
        throw exception
    }
}
