package dev.relaypass

import dev.relaypass.support.Sandbox
import dev.relaypass.support.runJava
import java.io.File
import java.nio.file.Path
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir

/** The README's examples are files of these tests, as printed; here they are run. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReadmeTest {
    @TempDir
    lateinit var folder: Path

    private val sandbox = Sandbox.start()

    @AfterAll
    fun stop() = sandbox.close()

    private fun run(
        mainClass: String,
        vararg arguments: String,
    ): String {
        val environment =
            mapOf(
                "RELAYPASS_API_KEY" to sandbox.apiKey,
                "RELAYPASS_BASE_URL" to sandbox.url,
                "RELAYPASS_STORE" to "sqlite://$folder/${arguments.firstOrNull()}.db",
                "RELAYPASS_SEAL_KEY" to java.util.Base64.getEncoder().encodeToString(Random.nextBytes(32)),
            )
        return runJava(mainClass, *arguments, environment = environment)
    }

    @Test
    fun `every block of code is a file that is compiled, and every file is in a block`() {
        val blocks = Regex("^```(kotlin|java)\n(.*?)^```$", setOf(RegexOption.MULTILINE, RegexOption.DOT_MATCHES_ALL))
        val printed = blocks.findAll(File("README.md").readText()).map { it.groupValues[2] }.toSet()
        val kotlin = listOf("ThreeSteps", "Durable", "Errors", "MyStoreTest").map { "src/test/kotlin/readme/$it.kt" }
        val compiled =
            (kotlin + "src/test/java/readme/Shop.java").map { name ->
                // Where a file lies is no part of the example.
                File(name).readText().replace("^package .*\n\n".toRegex(), "")
            }
        assertEquals(compiled.toSet(), printed)
    }

    @Test
    fun `the three steps`() {
        // In Persona's sandbox environment everybody passes at once.
        assertEquals("over 18\n", run("readme.three.ThreeStepsKt"))
    }

    @Test
    fun `durable verifications`() {
        // Whoever passes at once is asked about before the pass is bought.
        val told = run("readme.programs.ProgramsKt", "durable").lines()
        assertEquals("linkable_by_time", told[0].substringBefore(':'))
        assertEquals("true PASSED", told[1])
    }

    @Test
    fun java() = assertEquals("true true\n", run("readme.programs.ProgramsKt", "java"))

    @Test
    fun errors() =
        runBlocking<Unit> {
            val client = sandbox.client()
            val relay = client.relays.create(CLAIM_TYPE)
            val pass = client.relays.issuePrivacyPass(CLAIM_TYPE)
            fun ask() = run("readme.programs.ProgramsKt", "errors", relay.relayToken, relay.relaySecret, pass.privacyPassToken)
            assertEquals("not yet\n", ask())
            sandbox.finish(relay.relayToken)
            assertEquals("true\n", ask())
        }
}
