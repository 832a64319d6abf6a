package dev.relaypass.support

import dev.relaypass.EncryptionKey
import dev.relaypass.Environment
import dev.relaypass.PassBinding
import dev.relaypass.RelayPass
import dev.relaypass.RelayPassEvent
import dev.relaypass.Store
import dev.relaypass.Verification
import java.io.File
import java.net.HttpURLConnection
import java.net.URI
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

/** The stand-in for Persona, as `relaypass sandbox` serves it. It ends with [close], or with us. */
class Sandbox private constructor(
    private val process: Process,
    ready: JsonObject,
) : AutoCloseable {
    val url = ready.text("url")
    val apiKey = ready.text("api_key")
    val productionApiKey = ready.text("production_api_key")

    /** A client of this sandbox, with its production key. It waits for no random moment. */
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
    ) = RelayPass {
        this.apiKey = apiKey
        baseUrl = url
        this.environment = environment
        this.timeout = timeout
        this.retries = retries
        this.decryptionKey = decryptionKey
        this.store = store
        this.storeTimeout = storeTimeout
        this.sealKeys = sealKeys
        this.passBinding = passBinding
        this.purchaseWindow = Duration.ZERO
        this.background = background
        this.onEvent = onEvent
    }

    fun post(
        path: String,
        body: JsonElement = JsonObject(emptyMap()),
    ): JsonObject = control(path, body.toString())

    fun get(path: String): JsonObject = control(path, null)

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
        val (status, page) = ask(hostedUrl, "application/x-www-form-urlencoded", "result=$result")
        check(status == 200 && "is recorded" in page) { "the page does not record the result: $page" }
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

    private fun control(
        path: String,
        body: String?,
    ): JsonObject {
        val (status, answer) = ask("$url/_sandbox/$path", "application/json", body)
        check(status in 200..299) { "the sandbox refuses $path: $answer" }
        return Json.parseToJsonElement(answer).jsonObject
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

/** Status and text of an answer; on a connection of its own, which nobody else can have closed. */
private fun ask(
    url: String,
    type: String,
    body: String?,
): Pair<Int, String> {
    val connection = URI(url).toURL().openConnection() as HttpURLConnection
    connection.setRequestProperty("Connection", "close")
    connection.setRequestProperty("Content-Type", type)
    if (body != null) {
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.outputStream.use { it.write(body.toByteArray()) }
    }
    val status = connection.responseCode
    val answer = if (status < 400) connection.inputStream else connection.errorStream
    return status to (answer?.use { it.readBytes().decodeToString() } ?: "")
}
