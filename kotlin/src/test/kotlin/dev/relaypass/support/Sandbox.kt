package dev.relaypass.support

import dev.relaypass.EncryptionKey
import dev.relaypass.Environment
import dev.relaypass.PassBinding
import dev.relaypass.RelayPass
import dev.relaypass.RelayPassEvent
import dev.relaypass.Store
import dev.relaypass.Verification
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.util.concurrent.TimeUnit.SECONDS
import kotlin.time.Duration
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The folder of the whole repository. */
val ROOT: File = File("..").canonicalFile

private val TARGET = ROOT.resolve(System.getenv("CARGO_TARGET_DIR").orEmpty().ifEmpty { "target" })

/** The command that the sandbox comes with. */
val CLI: File = File(System.getenv("RELAYPASS_CLI") ?: TARGET.resolve("debug/relaypass").path)

private val HTTP = HttpClient.newHttpClient()

/** The stand-in for Persona, as `relaypass sandbox` serves it. It ends with [close], or with us. */
class Sandbox private constructor(
    private val process: Process,
    ready: JsonObject,
) : AutoCloseable {
    val url = ready.text("url")
    val apiKey = ready.text("api_key")
    val productionApiKey = ready.text("production_api_key")

    /** A client of this sandbox, with its production key. */
    fun client(
        apiKey: String? = productionApiKey,
        environment: Environment? = null,
        timeout: Duration? = null,
        retries: Int? = null,
        decryptionKey: EncryptionKey? = null,
        store: Store? = null,
        storeTimeout: Duration? = null,
        sealKeys: List<ByteArray> = emptyList(),
        passBinding: PassBinding? = null,
        background: Boolean? = null,
        onEvent: ((RelayPassEvent) -> Unit)? = null,
    ) = RelayPass(
        apiKey = apiKey,
        baseUrl = url,
        environment = environment,
        timeout = timeout,
        retries = retries,
        decryptionKey = decryptionKey,
        store = store,
        storeTimeout = storeTimeout,
        sealKeys = sealKeys,
        passBinding = passBinding,
        background = background,
        onEvent = onEvent,
    )

    fun post(
        path: String,
        body: JsonElement = JsonObject(emptyMap()),
    ): JsonObject = control(request(path).POST(BodyPublishers.ofString(body.toString())))

    fun get(path: String): JsonObject = control(request(path).GET())

    fun reset() = post("reset")

    fun finish(
        relayToken: String,
        result: String = "passed",
    ) = post("relays/$relayToken/finish", buildJsonObject { put("result", JsonPrimitive(result)) })

    /** Does the check as the visitor would, on the page. */
    fun visit(
        hostedUrl: String,
        result: String = "passed",
    ) {
        val request = HttpRequest.newBuilder(URI(hostedUrl)).POST(BodyPublishers.ofString("result=$result"))
        val answer = HTTP.send(request.build(), BodyHandlers.ofString())
        check(answer.statusCode() == 200 && "is recorded" in answer.body()) {
            "the page does not record the result: ${answer.body()}"
        }
    }

    fun visit(verification: Verification) = visit(verification.hostedUrl!!)

    /** Faults to come, each as JSON. */
    fun faults(vararg faults: String) = post("faults", Json.parseToJsonElement("""{"faults": [${faults.joinToString()}]}"""))

    /** A number of the ledger: `billed`, `redeemed`, `double_spends`. */
    fun ledger(member: String): Int = get("ledger")[member]!!.jsonPrimitive.int

    /** How many requests have arrived since the last reset. */
    fun requests(): Int = get("requests")["requests"]!!.jsonArray.size

    override fun close() {
        process.outputStream.close()
        check(process.waitFor(30, SECONDS)) { "the sandbox does not end" }
    }

    private fun request(path: String) =
        HttpRequest.newBuilder(URI("$url/_sandbox/$path")).header("content-type", "application/json")

    private fun control(request: HttpRequest.Builder): JsonObject {
        val answer = HTTP.send(request.build(), BodyHandlers.ofString())
        check(answer.statusCode() in 200..299) { "the sandbox refuses ${answer.uri()}: ${answer.body()}" }
        return Json.parseToJsonElement(answer.body()).jsonObject
    }

    companion object {
        fun start(vararg flags: String): Sandbox {
            check(CLI.canExecute()) { "$CLI is not there; build it (cargo build), or set RELAYPASS_CLI" }
            val process =
                ProcessBuilder(CLI.path, "sandbox", "--until-stdin-closes", *flags)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start()
            val line = checkNotNull(process.inputReader().readLine()) { "the sandbox does not start" }
            return Sandbox(process, Json.parseToJsonElement(line).jsonObject)
        }
    }
}

/** A member that is a text. */
fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content
