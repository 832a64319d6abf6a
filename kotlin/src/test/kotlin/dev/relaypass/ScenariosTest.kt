package dev.relaypass

import dev.relaypass.generated.GetArguments
import dev.relaypass.generated.NativeClient
import dev.relaypass.support.MapStore
import dev.relaypass.support.ROOT
import dev.relaypass.support.Sandbox
import dev.relaypass.support.await
import dev.relaypass.support.later
import dev.relaypass.support.text
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.add
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicContainer
import org.junit.jupiter.api.DynamicContainer.dynamicContainer
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.TestInstance

/** The behaviour that all languages share: tests/scenarios, against the sandbox. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ScenariosTest {
    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    @TestFactory
    fun scenarios(): List<DynamicContainer> {
        val files = ROOT.resolve("tests/scenarios").listFiles { file -> file.extension == "json" }!!.sorted()
        return files.map { file ->
            val scenarios = Json.parseToJsonElement(file.readText()).jsonArray.map { it.jsonObject }
            dynamicContainer(
                file.name,
                scenarios.map { scenario ->
                    dynamicTest(scenario.text("name")) { runBlocking { Scenario(scenario).play() } }
                },
            )
        }
    }

    private inner class Scenario(
        private val scenario: JsonObject,
    ) {
        private val described = scenario.member("client")
        private val hostStore = later(MapStore())
        private val saved = HashMap<String, JsonElement>()
        private val told = CopyOnWriteArrayList<EventKind>()

        /** Beside the first, which has no name: other processes, with the same options and store. */
        private val clients = HashMap<String, RelayPass>()

        suspend fun play() {
            sandbox.reset()
            val outcome =
                attempt {
                    clients[""] = makeClient(described)
                    JsonObject(emptyMap())
                }
            compare(outcome, described.member("expect"), "client")
            if ("error" in described.member("expect")) return
            try {
                scenario["steps"]!!.jsonArray.forEachIndexed { index, step -> take(index, step.jsonObject) }
            } finally {
                clients.values.forEach(RelayPass::close)
            }
        }

        private suspend fun take(
            index: Int,
            step: JsonObject,
        ) {
            val name = step.text("do")
            val arguments = fillIn(step.member("with")).jsonObject
            val outcome = attempt { if (name == "events") events(arguments) else perform(clientOf(step), name, arguments) }
            compare(outcome, fillIn(step.member("expect")).jsonObject, "step $index, $name")
            step["save"]?.let { saved[it.jsonPrimitive.content] = outcome.members }
        }

        private fun events(arguments: JsonObject): JsonObject {
            val count = arguments["count"]!!.jsonPrimitive.int
            await("$count events are told") { told.size >= count }
            return buildJsonObject { put("kinds", JsonArray(told.map { JsonPrimitive(it.code) })) }
        }

        private fun clientOf(step: JsonObject): RelayPass {
            val laidOver = fillIn(step.member("client_options")).jsonObject
            return clients.getOrPut(step.textOrNull("client") ?: "") {
                val environment = laidOver["environment"] ?: described["environment"]
                val options = described.member("options") + laidOver.filterKeys { it != "environment" }
                val over = mapOf("options" to JsonObject(options)) + listOfNotNull(environment?.let { "environment" to it })
                makeClient(JsonObject(described + over))
            }
        }

        private fun makeClient(described: JsonObject): RelayPass {
            val options = JsonObject(described.member("options").filterValues { it != JsonNull })
            refuseWhatCannotBeSaid(options)
            val own = if (described.textOrNull("environment") == "sandbox") sandbox.apiKey else sandbox.productionApiKey
            val apiKey = if ("api_key" in described) described.textOrNull("api_key") else own
            // A client without a key has no prefix to tell the environment by.
            val environment =
                options.textOrNull("environment") ?: described.textOrNull("environment").takeIf { apiKey == null }
            return RelayPass {
                this.apiKey = apiKey
                baseUrl = described.textOrNull("base_url") ?: sandbox.url
                this.environment = environment?.let(Environment::of)
                timeout = options["timeout"]?.jsonPrimitive?.double?.seconds
                retries = options["retries"]?.jsonPrimitive?.int
                caPem = options.textOrNull("ca_pem")
                // The sandbox takes what is sent to a proxy for itself.
                anonymousProxies = options["anonymous_proxy"]?.let(::textsOf)?.map { if (it == "sandbox") sandbox.url else it }
                identifiedProxy = options.textOrNull("identified_proxy")
                options["decryption_key"]?.let { decryptionKeys = keysOf(it) }
                encryptionForm =
                    options.textOrNull("encryption_form")?.let { code -> EncryptionForm.entries.first { it.code == code } }
                store = options.textOrNull("store")?.let { if (it == "host") hostStore else StoreUrl(it) }
                sealKeys = listOfNotNull(options.textOrNull("seal_key")?.let(::bytesOf))
                passBinding =
                    options.textOrNull("pass_binding")?.let { code -> PassBinding.entries.first { it.code == code } }
                // Nothing waits in scenarios, unless they say so.
                purchaseWindow = (options["purchase_window"]?.jsonPrimitive?.double ?: 0.0).seconds
                passPool = options["pass_pool"]?.jsonPrimitive?.int
                privacy = options.textOrNull("privacy")?.let { code -> Privacy.entries.first { it.code == code } }
                isolation = options.textOrNull("isolation")?.let { code -> Isolation.entries.first { it.code == code } }
                onEvent = { event -> told += event.kind }
            }.also { checkKnown(options, KNOWN_OPTIONS) }
        }

        private fun fillIn(value: JsonElement): JsonElement =
            when (value) {
                is JsonPrimitive -> if (value.isString && value.content.startsWith("$")) savedAs(value.content) else value
                is JsonArray -> JsonArray(value.map(::fillIn))
                is JsonObject -> JsonObject(value.mapValues { (_, member) -> fillIn(member) })
            }

        private fun savedAs(path: String): JsonElement {
            val name = path.drop(1).substringBefore(".")
            val found = checkNotNull(saved[name]) { "the scenario names $path, and nothing is saved as $name" }
            return if ("." in path) lookUp(found, path.substringAfter("."), path) else found
        }
    }

    /**
     * Five options are enums here: a text that is none of theirs cannot be said, which is better than an
     * error. That the core refuses it is checked past them.
     */
    private fun refuseWhatCannotBeSaid(options: JsonObject) {
        val environment = options.textOrNull("environment")?.takeIf { it !in Environment.entries.map(Environment::code) }
        val passBinding = options.textOrNull("pass_binding")?.takeIf { it !in PassBinding.entries.map(PassBinding::code) }
        val encryptionForm =
            options.textOrNull("encryption_form")?.takeIf { it !in EncryptionForm.entries.map(EncryptionForm::code) }
        val privacy = options.textOrNull("privacy")?.takeIf { it !in Privacy.entries.map(Privacy::code) }
        val isolation = options.textOrNull("isolation")?.takeIf { it !in Isolation.entries.map(Isolation::code) }
        if (listOf(environment, passBinding, encryptionForm, privacy, isolation).any { it != null }) {
            CoreClient(
                RelayPassOptions().lower().copy(
                    environment = environment,
                    passBinding = passBinding,
                    encryptionForm = encryptionForm,
                    privacy = privacy,
                    isolation = isolation,
                ),
            )
        }
    }

    private suspend fun perform(
        client: RelayPass,
        name: String,
        arguments: JsonObject,
    ): JsonObject =
        when (name) {
            "relays.create" -> {
                checkKnown(arguments, setOf("claim_type", "encryption_key"))
                val claimType = arguments.text("claim_type")
                when (val key = arguments["encryption_key"]) {
                    is JsonObject -> client.relays.create(claimType, mapOf(key))
                    else -> client.relays.create(claimType, arguments.textOrNull("encryption_key"))
                }.members()
            }
            "relays.issue_privacy_pass" -> {
                checkKnown(arguments, setOf("claim_type", "relay_token", "relay_secret"))
                val (claimType, token, secret) =
                    listOf("claim_type", "relay_token", "relay_secret").map(arguments::textOrNull)
                if ((claimType == null) != (token != null && secret != null)) {
                    // A mixture of both cannot be said here. That the core refuses it is checked past that.
                    client.relays.issue(claimType, token, secret).members()
                } else if (claimType == null) {
                    client.relays.issuePrivacyPass(token!!, secret!!).members()
                } else {
                    client.relays.issuePrivacyPass(claimType).members()
                }
            }
            "relays.generate_claim" -> {
                val (token, secret, pass) =
                    listOf("relay_token", "relay_secret", "privacy_pass_token").map(arguments::text)
                val claimType = arguments.textOrNull("claim_type")
                val idempotencyKey = arguments.textOrNull("idempotency_key")
                val given = arguments["decryption_key"]
                val form = arguments.textOrNull("encryption_form")?.let(EncryptionForm::of)
                when {
                    form != null -> {
                        val keys = given?.let(::keysOf)
                        client.relays.generateClaim(token, secret, pass, claimType, keys, idempotencyKey, form)
                    }
                    given is JsonArray ->
                        client.relays.generateClaim(token, secret, pass, claimType, keysOf(given), idempotencyKey)
                    else -> {
                        val key = given?.let { keysOf(it).single() }
                        client.relays.generateClaim(token, secret, pass, claimType, key, idempotencyKey)
                    }
                }.members()
            }
            "verifications.start" ->
                client.verifications
                    .start(arguments.text("claim_type"), arguments.textOrNull("reference"), themeOf(arguments))
                    .members()
            "verifications.complete" -> {
                val reissue = arguments["reissue"]?.jsonPrimitive?.boolean ?: false
                client.verifications.complete(arguments.text("id"), reissue).members()
            }
            "verifications.get" -> client.verifications.get(arguments.text("id"), themeOf(arguments)).members()
            "verifications.forget" -> {
                client.verifications.forget(arguments.text("id"))
                JsonObject(emptyMap())
            }
            "verifications.recover" -> buildJsonObject { put("driven", client.verifications.recover()) }
            "passes.prefetch" -> {
                val count = arguments["count"]!!.jsonPrimitive.int
                buildJsonObject { put("bought", client.passes.prefetch(arguments.text("claim_type"), count)) }
            }
            "passes.count" -> buildJsonObject { put("count", client.passes.count(arguments.text("claim_type"))) }
            "privacy_report" -> client.privacyReport().members()
            "close" -> {
                client.closeAndJoin(arguments["timeout"]?.jsonPrimitive?.double?.seconds)
                JsonObject(emptyMap())
            }
            "generate_key" -> {
                val key = EncryptionKey.generate(arguments["bits"]!!.jsonPrimitive.int)
                buildJsonObject {
                    put("public_key_pem", key.publicKeyPem)
                    put("public_jwk", Json.parseToJsonElement(key.publicJwk))
                    put("private_key_pem", key.privateKeyPem)
                }
            }
            "sandbox.finish" -> sandbox.finish(arguments.text("relay_token"), arguments.text("result"))
            "sandbox.visit" -> {
                sandbox.visit(arguments.text("hosted_url"), arguments.text("result"))
                JsonObject(emptyMap())
            }
            "sandbox.clock", "sandbox.faults", "sandbox.settings" -> sandbox.post(name.removePrefix("sandbox."), arguments)
            "sandbox.ledger", "sandbox.requests" -> sandbox.get(name.removePrefix("sandbox."))
            else -> error("the scenario asks for $name, which this runner does not know")
        }
}

private val KNOWN_OPTIONS =
    setOf("environment", "timeout", "retries", "decryption_key", "encryption_form", "ca_pem", "anonymous_proxy", "identified_proxy") +
        setOf("store", "seal_key", "pass_binding", "purchase_window", "pass_pool", "privacy", "isolation")

/** One text, or a list of them. */
private fun textsOf(given: JsonElement): List<String> =
    when (given) {
        is JsonArray -> given.map { it.jsonPrimitive.content }
        else -> listOf(given.jsonPrimitive.content)
    }

/** One key, or a list of them: in PEM, as the JSON of a JWK, or as its members. */
private fun keysOf(given: JsonElement): List<EncryptionKey> =
    when (given) {
        is JsonArray -> given.flatMap(::keysOf)
        is JsonObject -> listOf(EncryptionKey.fromJwk(mapOf(given)))
        is JsonPrimitive -> {
            val text = given.content
            listOf(if (text.startsWith("{")) EncryptionKey.fromJwk(text) else EncryptionKey.fromPem(text))
        }
    }

/** The members of a JWK as a program has them. */
private fun mapOf(jwk: JsonObject): Map<String, Any?> =
    jwk.mapValues { (_, member) ->
        when (member) {
            is JsonArray -> member.map { it.jsonPrimitive.content }
            is JsonPrimitive -> if (member.isString) member.content else member.boolean
            is JsonObject -> error("a JWK has no objects here")
        }
    }

/** A theme is an enum here, too; that the core refuses another text is checked past it. */
private suspend fun themeOf(arguments: JsonObject): Theme? =
    arguments.textOrNull("theme")?.let { code ->
        Theme.entries.find { it.code == code } ?: run {
            val id = "00000000-0000-4000-8000-000000000000"
            CoreClient(RelayPassOptions().lower()).call(null, GetArguments(id, code), NativeClient::getVerification)
            error("the core takes the theme $code")
        }
    }

private fun checkKnown(
    given: JsonObject,
    known: Set<String>,
) = check(known.containsAll(given.keys)) { "this runner does not know ${given.keys - known}" }

/** What came of a step: its result, or its error. */
private class Outcome(
    val members: JsonObject,
    val error: RelayPassException?,
)

private suspend fun attempt(action: suspend () -> JsonObject): Outcome =
    try {
        Outcome(action(), null)
    } catch (error: RelayPassException) {
        Outcome(error.members(), error)
    }

private fun compare(
    outcome: Outcome,
    expected: JsonObject,
    where: String,
) {
    val code = expected.textOrNull("error")
    if (outcome.error != null && code == null) throw AssertionError("$where fails: ${outcome.error}", outcome.error)
    assertEquals(code, outcome.error?.code, "$where: the error's code")
    for ((path, value) in expected - "error") {
        compareValue(lookUp(outcome.members, path, where), value, "$where: $path")
    }
}

private fun compareValue(
    actual: JsonElement,
    expected: JsonElement,
    where: String,
) {
    if (expected !is JsonObject) return assertEquals(expected, actual, where)
    val (kind, value) = expected.entries.single()
    when (kind) {
        "type" -> assertEquals(value.jsonPrimitive.content, typeOf(actual), where)
        "contains" -> {
            val held = if (actual is JsonArray) value in actual else value.jsonPrimitive.content in actual.jsonPrimitive.content
            assertTrue(held, "$where contains $value")
        }
        "not" -> assertNotEquals(value, actual, where)
        "length" ->
            assertEquals(value.jsonPrimitive.int, if (actual is JsonArray) actual.size else actual.jsonPrimitive.content.length, where)
        else -> error("$where: this runner does not know the comparison $kind")
    }
}

private fun typeOf(value: JsonElement): String =
    when {
        value is JsonNull -> "null"
        value !is JsonPrimitive -> "object"
        value.isString -> "string"
        value.booleanOrNull != null -> "boolean"
        else -> "number"
    }

private fun lookUp(
    value: JsonElement,
    path: String,
    where: String,
): JsonElement =
    path.split(".").fold(value) { inside, member ->
        val found = if (inside is JsonArray) inside.getOrNull(member.toInt()) else (inside as? JsonObject)?.get(member)
        found ?: throw AssertionError("$where has no $path")
    }

private fun JsonObject.member(name: String): JsonObject = this[name]?.jsonObject ?: JsonObject(emptyMap())

private fun JsonObject.textOrNull(name: String): String? = this[name]?.jsonPrimitive?.contentOrNull

private fun bytesOf(hexadecimal: String) = hexadecimal.chunked(2) { it.toString().toInt(16).toByte() }.toByteArray()

// Results and errors with the members and names that scenarios use.

private fun Relay.members() =
    buildJsonObject {
        put("relay_token", relayToken)
        put("relay_secret", relaySecret)
        put("relay_session_access_token", relaySessionAccessToken)
        put("encryption_form", encryptionForm?.code)
        put("request_id", requestId)
        put("rate_limit", rateLimit.members())
    }

private fun PrivacyPass.members() =
    buildJsonObject {
        put("privacy_pass_token", privacyPassToken)
        put("request_id", requestId)
        put("rate_limit", rateLimit.members())
    }

private fun GeneratedClaim.members() =
    buildJsonObject {
        put("claim_payload", claimPayload)
        put("token_consumed", tokenConsumed)
        put("claim", claim.members())
        put("request_id", requestId)
        put("rate_limit", rateLimit.members())
    }

private fun RateLimit?.members(): JsonElement =
    if (this == null) {
        JsonNull
    } else {
        buildJsonObject {
            put("limit", limit)
            put("remaining", remaining)
            put("reset_seconds", resetSeconds)
        }
    }

private fun Claim?.members(): JsonElement =
    if (this == null) {
        JsonNull
    } else {
        buildJsonObject {
            put("claim_type", claimType)
            put("claim_result", claimResult)
            put("passed", passed)
            put(
                "methodology",
                buildJsonArray {
                    methodology.forEach {
                        add(
                            buildJsonObject {
                                put("method", it.method)
                                put("result", it.result)
                            },
                        )
                    }
                },
            )
        }
    }

private fun Verification.members() =
    buildJsonObject {
        put("id", id)
        put("claim_type", claimType)
        put("status", status.code)
        put("claim", claim.members())
        put("session_access_token", sessionAccessToken)
        put("hosted_url", hostedUrl)
        put("purchase_failure", purchaseFailure)
        put("expires_at", expiresAt.toEpochMilli())
    }

private fun Completion.members() =
    buildJsonObject {
        put("status", status.code)
        put("claim", claim.members())
    }

private fun PrivacyReport.members() =
    buildJsonObject {
        put("findings", JsonArray(findings.map { it.members() }))
        put("text", text)
    }

private fun PrivacyFinding.members() =
    buildJsonObject {
        put("code", code.code)
        put("severity", severity.code)
        put("who", who)
        put("links", links)
        put("why", why)
        put("evidence", evidence)
        put("change", change)
    }

private fun RelayPassException.members() =
    buildJsonObject {
        put("message", message)
        put("status", status)
        put("retryable", retryable)
        put("operation", operation)
        put("title", title)
        put("details", details)
        put("token_consumed", tokenConsumed)
        put("claim_payload", claimPayload)
        put("idempotency_key", idempotencyKey)
    }
