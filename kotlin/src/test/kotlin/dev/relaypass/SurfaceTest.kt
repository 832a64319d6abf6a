package dev.relaypass

import dev.relaypass.support.CLI
import dev.relaypass.support.text
import java.io.File
import java.time.Instant
import kotlin.reflect.KClass
import kotlin.reflect.KFunction
import kotlin.reflect.KFunction1
import kotlin.reflect.KFunction3
import kotlin.reflect.KFunction4
import kotlin.reflect.KMutableProperty
import kotlin.reflect.KParameter
import kotlin.reflect.KType
import kotlin.reflect.KVisibility.PUBLIC
import kotlin.reflect.full.declaredMemberFunctions
import kotlin.reflect.full.declaredMemberProperties
import kotlin.reflect.full.primaryConstructor
import kotlin.reflect.full.valueParameters
import kotlin.reflect.jvm.jvmErasure
import kotlin.time.Duration
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What the package offers, compared with what the core describes (`relaypass surface`). */
class SurfaceTest {
    private val surface: JsonObject =
        ProcessBuilder(CLI.path, "surface").start().let { process ->
            Json.parseToJsonElement(process.inputReader().readText()).jsonObject
        }
    private val options = described("options").apart()
    private val calls = surface.getValue("calls").jsonArray.map { it.jsonObject }.filter { it.text("name") != "close" }
    private val timeout = Described(surface.getValue("timeout").jsonObject)

    /** An argument or a member, as the core describes it. */
    private class Described(
        val json: JsonObject,
    ) {
        val name = camel(json.text("name"))
        val type = json.text("type")
        val isList = flag("list")
        val isOptional = flag("optional")
        val isSecret = flag("secret")

        fun flag(name: String) = json.getValue(name).jsonPrimitive.boolean

        fun values(vararg names: String): List<JsonPrimitive> = names.mapNotNull { json[it]?.jsonPrimitive }

        val choices: List<String> = json["choices"]?.jsonArray.orEmpty().map { it.jsonPrimitive.content }
    }

    private fun described(vararg path: String): List<Described> {
        val list = path.dropLast(1).fold(surface) { found, name -> found.getValue(name).jsonObject }[path.last()]
        return members(list!!.jsonArray)
    }

    private fun members(list: JsonArray) = list.map { Described(it.jsonObject) }

    /** What may be one or several is two here: the one, and a list in the plural. */
    private fun List<Described>.apart(): List<Described> =
        flatMap { member ->
            if (!member.isList || !member.isOptional) return@flatMap listOf(member)
            val name = member.json.text("name")
            fun changed(name: String, isList: Boolean, isOptional: Boolean) =
                Described(
                    JsonObject(
                        member.json +
                            mapOf("name" to JsonPrimitive(name), "list" to JsonPrimitive(isList), "optional" to JsonPrimitive(isOptional)),
                    ),
                )
            // Proxies, and keys.
            val plural = if (name.endsWith("xy")) name.dropLast(1) + "ies" else name + "s"
            listOf(changed(name, false, true), changed(plural, true, true))
        }

    private fun texts(vararg path: String) =
        path
            .dropLast(1)
            .fold(surface) { found, name -> found.getValue(name).jsonObject }
            .getValue(path.last())
            .jsonArray
            .map { it.jsonPrimitive.content }

    private fun classOf(type: KType): KClass<*> = type.jvmErasure

    private fun checkType(
        member: Described,
        type: KType,
        of: KClass<*>? = null,
    ) {
        val own = OWN_TYPES["${of?.simpleName}.${member.name}: ${member.type}"] ?: OWN_TYPES["${member.name}: ${member.type}"]
        val expected = own ?: TYPES.getValue(member.type)
        val one = if (member.isList) type.arguments.single().type!! else type
        assertTrue(classOf(one) in expected, "${member.name}: $type")
        if (member.isList) assertEquals(List::class, classOf(type))
    }

    @Test
    fun `a client has every option and no other`() {
        val found = RelayPassOptions::class.declaredMemberProperties.filter { it.visibility == PUBLIC }
        assertEquals(options.map { it.name }.sorted(), found.map { it.name }.sorted())
        val unset = RelayPassOptions()
        for (option in options) {
            val property = found.single { it.name == option.name }
            assertTrue(property is KMutableProperty<*>, option.name)
            assertEquals(option.isOptional, property.returnType.isMarkedNullable, option.name)
            // The core knows the defaults, and is asked.
            assertEquals(if (option.isOptional) null else emptyList<Any>(), property.get(unset), option.name)
            checkType(option, property.returnType)
        }
    }

    @Test
    fun `the builder for Java has every option and no other`() {
        val found = publicFunctions(RelayPassBlocking.Builder::class).map { it.name }.toSet()
        assertEquals(options.map { it.name }.toSet() + "build", found)
    }

    @Test
    fun `the text of an option tells its default and its range`() {
        val source = File("src/main/kotlin/dev/relaypass/RelayPassOptions.kt").readText()
        for (option in options) {
            val before = source.substringBefore("public var ${option.name}:").substringAfterLast("/**")
            val text = before.replace(Regex("\\s*\n\\s*\\*?\\s*"), " ")
            val told = option.values("default", "least", "most").map { it.content }
            for (word in told - option.choices.toSet()) {
                assertTrue(Regex("(?<![\\w,.])${Regex.escape(word)}(?!\\w|[.,]\\d)").containsMatchIn(text), "$word: $text")
            }
            if (option.type == "seconds") assertTrue(option.values("default", "most").all { "$it seconds" in text }, text)
        }
    }

    private val rooms = mapOf("relays" to Relays::class, "verifications" to Verifications::class, "passes" to Passes::class)
    private val roomsForJava =
        mapOf("relays" to RelaysBlocking::class, "verifications" to VerificationsBlocking::class, "passes" to PassesBlocking::class)

    /** What a client has beside its calls. */
    private val noCalls = setOf("close", "closeAndJoin", "within")

    /** Where a call is, and its name there: in a room, or in the client itself. */
    private fun placeOf(
        call: JsonObject,
        rooms: Map<String, KClass<*>>,
        client: KClass<*>,
    ): Pair<KClass<*>, String> {
        val path = camel(call.text("name")).split(".")
        return (if (path.size == 1) client else rooms.getValue(path.first())) to path.last()
    }

    @Test
    fun `every call takes what is described, and there is no other call`() {
        assertEquals(names(calls), namesIn(rooms, RelayPass::class))
        for (call in calls) {
            val (place, name) = placeOf(call, rooms, RelayPass::class)
            val functions = publicFunctions(place).filter { it.name == name }
            assertTrue(functions.all { it.isSuspend }, name)
            checkParameters(functions, members(call.getValue("arguments").jsonArray).apart() + timeout)
            for (function in functions) checkAnswer(call, function.returnType)
        }
        checkParameters(listOf(RelayPass::closeAndJoin), listOf(timeout), renamed = mapOf("timeout" to "within"))
    }

    @Test
    fun `every call is there for Java, and there is no other call`() {
        assertEquals(names(calls), namesIn(roomsForJava, RelayPassBlocking::class))
        for (call in calls) {
            val (place, name) = placeOf(call, roomsForJava, RelayPassBlocking::class)
            val functions = publicFunctions(place).filter { it.name == name }
            val arguments = members(call.getValue("arguments").jsonArray).apart()
            if (name == "generateClaim") {
                val request = ClaimRequest::class
                val taken = request.primaryConstructor!!.parameters.map { it.name } + publicFunctions(request).map { it.name }
                assertEquals(arguments.map { it.name }.sorted(), taken.map { it!! }.sorted())
            } else {
                // `within` of the client has the time.
                checkParameters(functions, arguments)
            }
            for (function in functions) checkAnswer(call, function.returnType)
        }
    }

    private fun names(calls: List<JsonObject>) = calls.map { camel(it.text("name")) }.toSet()

    private fun namesIn(
        rooms: Map<String, KClass<*>>,
        client: KClass<*>,
    ) = rooms.flatMap { (room, kind) -> publicFunctions(kind).map { "$room.${it.name}" } }.toSet() +
        (publicFunctions(client).map { it.name }.toSet() - noCalls)

    private fun publicFunctions(kind: KClass<*>): List<KFunction<*>> =
        kind.declaredMemberFunctions.filter { it.visibility == PUBLIC && it.name !in OF_EVERY_OBJECT }

    /** Of several functions of one name, each takes some of the arguments, and together they take all. */
    private fun checkParameters(
        functions: List<KFunction<*>>,
        arguments: List<Described>,
        renamed: Map<String, String> = emptyMap(),
    ) {
        val name = functions.first().name
        val taken = functions.flatMap { it.valueParameters }.groupBy { it.name!! }
        assertEquals(arguments.map { renamed[it.name] ?: it.name }.sorted(), taken.keys.sorted(), name)
        for (argument in arguments) {
            val parameters = taken.getValue(renamed[argument.name] ?: argument.name)
            for (parameter in parameters) checkType(argument, parameter.type)
            val mayBeLeftOut = parameters.any(KParameter::isOptional) || parameters.size < functions.size
            assertEquals(argument.isOptional, mayBeLeftOut, "$name: ${argument.name}")
            if (!argument.isOptional) assertFalse(parameters.any { it.type.isMarkedNullable }, "$name: ${argument.name}")
        }
    }

    private fun checkAnswer(
        call: JsonObject,
        type: KType,
    ) {
        val answer = call.getValue("answer").jsonPrimitive.contentOrNull
        val expected =
            when (answer) {
                null -> listOf(Unit::class)
                "whole" -> TYPES.getValue("whole")
                else -> listOf(resultOf(answer))
            }
        assertTrue(classOf(type) in expected && !type.isMarkedNullable, "${call.text("name")}: $type")
    }

    @Test
    fun `the functions take what is described`() {
        val openWithOne: KFunction3<String, EncryptionKey?, String?, Claim> = ::openClaim
        val openWithSeveral: KFunction3<String, List<EncryptionKey>, String?, Claim> = ::openClaim
        val openInForm: KFunction4<String, List<EncryptionKey>, String?, EncryptionForm?, Claim> = ::openClaim
        val readText: KFunction1<String, EncryptionKey> = EncryptionKey.Companion::fromJwk
        val functions =
            mapOf<String, List<KFunction<*>>>(
                "open_claim" to listOf(openWithOne, openWithSeveral, openInForm),
                "generate_key_pair" to listOf(EncryptionKey.Companion::generate),
                "read_key_pair" to listOf(EncryptionKey.Companion::fromPem),
                "read_jwk" to listOf(readText),
            )
        val found = surface.getValue("functions").jsonArray.map { it.jsonObject }
        assertEquals(functions.keys, found.map { it.text("name") }.toSet())
        for (function in found) {
            val arguments = members(function.getValue("arguments").jsonArray).apart()
            checkParameters(functions.getValue(function.text("name")), arguments)
        }
        val bits = members(found.single { it.text("name") == "generate_key_pair" }.getValue("arguments").jsonArray).single()
        for (file in listOf("EncryptionKey.kt", "RelayPassBlocking.kt")) {
            val source = File("src/main/kotlin/dev/relaypass/$file").readText()
            assertTrue("bits: Int = ${bits.values("default").single()}" in source, file)
            assertTrue("@param bits ${bits.choices.dropLast(1).joinToString()} or ${bits.choices.last()}." in source, file)
        }
    }

    private fun resultOf(name: String): KClass<*> = Class.forName("dev.relaypass.${camel("_$name")}").kotlin

    @Test
    fun `every result has what is described, and can be made`() {
        for (name in surface.getValue("results").jsonObject.keys) {
            val described = described("results", name)
            when (name) {
                "completion" -> {
                    val kinds = Completion::class.sealedSubclasses.map { it.simpleName!!.lowercase() }
                    assertEquals(texts("statuses").sorted(), kinds.sorted())
                    checkMembers(Completion::class, described)
                }
                "key_pair" -> checkMembers(EncryptionKey::class, described)
                else -> {
                    checkMembers(resultOf(name), described)
                    checkMade(resultOf(name), described)
                }
            }
        }
    }

    private fun checkMembers(
        result: KClass<*>,
        described: List<Described>,
    ) {
        val found = result.declaredMemberProperties.filter { it.visibility == PUBLIC }
        assertEquals(described.map { it.name }.sorted(), found.map { it.name }.sorted(), "$result")
        for (member in described) {
            val type = found.single { it.name == member.name }.returnType
            assertEquals(member.isOptional, type.isMarkedNullable, "$result: ${member.name}")
            checkType(member, type, result)
        }
    }

    /** By its one constructor, whose parameters are its members. */
    private fun checkMade(
        result: KClass<*>,
        described: List<Described>,
    ) {
        val parameters = result.primaryConstructor!!.parameters
        assertEquals(described.map { it.name }, parameters.map { it.name }, "$result")
        for ((member, parameter) in described zip parameters) {
            assertEquals(member.isOptional || member.isList, parameter.isOptional, "$result: ${member.name}")
        }
    }

    @Test
    fun `every code has a class, and every error its members`() {
        val classes = RelayPassException::class.sealedSubclasses.filter { it.visibility == PUBLIC }
        val errors = classes.map { it.primaryConstructor!!.callBy(mapOf(it.primaryConstructor!!.parameters.first() to "")) }
        assertEquals(texts("errors", "codes").sorted(), errors.map { it.code }.sorted())
        for (error in errors) {
            val name = NAMED_OTHERWISE[error.code] ?: (camel("_${error.code}").removeSuffix("Error") + "Exception")
            assertEquals(name, error::class.simpleName)
        }
        val members = described("errors", "members").filter { it.name != "message" }
        checkMembers(RelayPassException::class, members)
        val facts = members.filter { it.name != "code" }
        checkMembers(ErrorFacts::class, facts)
        assertTrue(ErrorFacts::class.declaredMemberProperties.all { it is KMutableProperty<*> })
    }

    @Test
    fun `a privacy report says what is described`() {
        val codes = PrivacyCode::class.java.fields.map { it.get(null) }.filterIsInstance<PrivacyCode>()
        assertEquals(texts("privacy", "codes"), codes.map { it.code })
        for (code in codes) assertSame(code, PrivacyCode.of(code.code))
        assertEquals(texts("privacy", "severities"), PrivacySeverity.entries.map { it.code })
    }

    @Test
    fun `events are what is described`() {
        val described = described("events", "members")
        checkMembers(RelayPassEvent::class, described)
        checkMade(RelayPassEvent::class, described)
        val kinds = EventKind::class.java.fields.map { it.get(null) }.filterIsInstance<EventKind>()
        assertEquals(texts("events", "kinds").sorted(), kinds.map { it.code }.sorted())
        for (kind in kinds) assertSame(kind, EventKind.of(kind.code))
    }

    @Test
    fun `texts of a few are types`() {
        assertEquals(texts("statuses").sorted(), VerificationStatus.entries.map { it.code }.sorted())
        fun choices(name: String) = options.single { it.name == name }.choices
        assertEquals(choices("environment"), Environment.entries.map { it.code })
        assertEquals(choices("passBinding"), PassBinding.entries.map { it.code })
        assertEquals(choices("privacy"), Privacy.entries.map { it.code })
        assertEquals(choices("encryptionForm"), EncryptionForm.entries.map { it.code })
        val arguments = calls.flatMap { members(it.getValue("arguments").jsonArray) }
        for (theme in arguments.filter { it.name == "theme" }) assertEquals(theme.choices, Theme.entries.map { it.code })
    }

    private companion object {
        fun camel(name: String) = Regex("_(.)").replace(name) { it.groupValues[1].uppercase() }

        val OF_EVERY_OBJECT = setOf("equals", "hashCode", "toString")

        val TYPES: Map<String, List<KClass<*>>> =
            mapOf(
                "text" to listOf(String::class),
                "whole" to listOf(Int::class, Long::class),
                "seconds" to listOf(Duration::class),
                "flag" to listOf(Boolean::class),
                "bytes" to listOf(ByteArray::class),
                "store" to listOf(Store::class),
                "listener" to listOf(Function1::class),
                "claim" to listOf(Claim::class),
                "method" to listOf(Method::class),
                "rate_limit" to listOf(RateLimit::class),
                "privacy_finding" to listOf(PrivacyFinding::class),
            )

        /** What Kotlin has a type of its own for. */
        val OWN_TYPES: Map<String, List<KClass<*>>> =
            mapOf(
                "environment: text" to listOf(Environment::class),
                "passBinding: text" to listOf(PassBinding::class),
                "privacy: text" to listOf(Privacy::class),
                "isolation: text" to listOf(Isolation::class),
                "status: text" to listOf(VerificationStatus::class),
                "kind: text" to listOf(EventKind::class),
                "PrivacyFinding.code: text" to listOf(PrivacyCode::class),
                "PrivacyFinding.severity: text" to listOf(PrivacySeverity::class),
                "expiresAt: whole" to listOf(Instant::class),
                "decryptionKey: text" to listOf(EncryptionKey::class),
                "decryptionKeys: text" to listOf(EncryptionKey::class),
                "encryptionKey: text" to listOf(String::class, EncryptionKey::class, Map::class),
                "encryptionForm: text" to listOf(EncryptionForm::class),
                "theme: text" to listOf(Theme::class),
            )

        /** A `TimeoutException` is Java's own. */
        val NAMED_OTHERWISE = mapOf("timeout" to "RequestTimeoutException")
    }
}
