package dev.relaypass

import dev.relaypass.support.CLI
import dev.relaypass.support.Sandbox
import dev.relaypass.support.Services
import dev.relaypass.support.runJava
import dev.relaypass.support.startJava
import dev.relaypass.support.text
import dev.relaypass.support.thrownBy
import dev.relaypass.testing.checkStore
import examples.stores.JdbcStore
import java.nio.file.Path
import java.util.UUID
import javax.sql.DataSource
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.io.TempDir
import org.postgresql.ds.PGSimpleDataSource
import tests.crash.Pool
import tests.crash.dataSourceOf

/** The example store on a real PostgreSQL, and the programs that are compiled with the tests. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExampleStoreTest {
    @TempDir
    lateinit var folder: Path

    private val sandbox = Sandbox.start()
    private val services = Services.start()

    @AfterAll
    fun stop() {
        services.close()
        sandbox.close()
    }

    /** A data source as the worker has it, with the table. */
    private fun database(url: String): DataSource {
        val source = Pool(dataSourceOf(url), 4)
        val ddl = ProcessBuilder(CLI.path, "store", "ddl").start().inputReader().readText()
        source.connection.use { connection -> connection.createStatement().use { it.execute(ddl) } }
        return source
    }

    @Test
    fun `the JDBC store keeps the contract`() =
        runBlocking<Unit> {
            val source = database(services.postgres())
            val report = checkStore(JdbcStore(source), reopen = { JdbcStore(source) })
            assertEquals(emptyList<String>(), report.skipped)
            assertTrue(report.passed.size > 5)
        }

    @Test
    fun `the JDBC store carries a verification, and has the table of the built-in store`() =
        runBlocking<Unit> {
            val url = services.postgres()
            val client = sandbox.client(store = JdbcStore(database(url)))
            val started = client.verifications.start(CLAIM_TYPE, reference = UUID.randomUUID().toString())
            sandbox.visit(started)
            assertInstanceOf(Completion.Passed::class.java, client.verifications.complete(started.id))
            val builtIn = sandbox.client(store = StoreUrl("$url?sslmode=disable"))
            assertEquals(VerificationStatus.PASSED, builtIn.verifications.get(started.id).status)
        }

    @Test
    fun `a database that is gone is the cause of the error`() =
        runBlocking<Unit> {
            val source = PGSimpleDataSource().apply { setURL("jdbc:postgresql://127.0.0.1:1/none") }
            val client = sandbox.client(store = JdbcStore(source))
            val error = thrownBy<StoreException> { client.passes.count(CLAIM_TYPE) }
            assertInstanceOf(java.sql.SQLException::class.java, error.cause)
        }

    private val environment get() =
        mapOf("RELAYPASS_BASE_URL" to sandbox.url, "RELAYPASS_API_KEY" to sandbox.productionApiKey)

    @Test
    fun `the example of the three steps prints passed, and ends by itself`() {
        assertEquals("passed\n", runJava("examples.ThreeStepsKt", environment = environment))
    }

    @Test
    fun `the benchmarks print what is measured`() {
        val sandboxed = environment + ("RELAYPASS_API_KEY" to sandbox.apiKey)
        fun numbers(
            name: String,
            vararg arguments: String,
        ) = Json.parseToJsonElement(runJava("tests.bench.$name", *arguments, environment = sandboxed)).jsonObject
        assertEquals(setOf("micros"), numbers("BindingKt", "100").keys)
        assertEquals(setOf("builtin", "host"), numbers("CallbackKt", "100").keys)
        val flows = numbers("FlowsKt", "20", "4", "10")
        assertEquals(setOf("flows", "seconds", "cpu_seconds"), flows.keys)
        assertEquals(20, flows["flows"]!!.jsonPrimitive.int)
    }

    /** What a worker answers to commands, by their number. */
    private fun worker(
        store: String,
        vararg commands: String,
    ): Map<Int, JsonObject> {
        val process =
            startJava("tests.crash.WorkerKt", environment = environment + mapOf("RELAYPASS_STORE" to store, "RELAYPASS_SEAL_KEY" to "ab".repeat(32)))
        process.outputWriter().use { input -> commands.forEach { input.write("$it\n") } }
        val lines = process.inputReader().readLines().map { Json.parseToJsonElement(it).jsonObject }
        assertEquals(0, process.waitFor())
        assertTrue("ready" in lines.first())
        return lines.drop(1).associateBy { it["number"]!!.jsonPrimitive.int }
    }

    @Test
    fun `the worker works on a built-in store and on the example`() {
        val postgres = services.postgres()
        // The worker seals, and who begins to seal needs an empty table.
        database(postgres).connection.use { it.createStatement().use { all -> all.execute("TRUNCATE relaypass_records") } }
        for (store in listOf("sqlite://$folder/worker.db", "example+$postgres")) {
            val answers =
                worker(
                    store,
                    """{"number": 1, "do": "verify", "reference": "${UUID.randomUUID()}"}""",
                    """{"number": 2, "do": "recover"}""",
                    """{"number": 3, "do": "told"}""",
                    """{"number": 4, "do": "complete", "id": "${UUID.randomUUID()}"}""",
                )
            assertEquals("passed", answers[1]!!["status"]?.jsonPrimitive?.content, "${answers[1]}")
            assertTrue("driven" in answers[2]!! && "events" in answers[3]!!)
            assertEquals("not_found", answers[4]!!.text("error"))
        }
    }

    @Test
    fun `the worker's broken stores break as they are told`() {
        val hows = listOf("throws before", "throws after", "hangs after", "lies before", "wrong before", "never")
        val commands = hows.mapIndexed { index, how -> """{"number": $index, "do": "broken", "how": "$how", "nth": ${if (how == "never") 1000 else 2}}""" }
        val answers = worker("memory:", *commands.toTypedArray())
        for ((index, how) in hows.withIndex()) {
            val answer = answers.getValue(index)
            assertEquals("passed", answer.text("status"), "$how: $answer")
            val failures = answer["failures"]!!.jsonArray.map { it.jsonObject }
            if (how.startsWith("throws")) assertTrue(failures.all { it.text("is_own") == "true" }, "$answer")
            if (how == "never") assertEquals(emptyList<JsonObject>(), failures)
        }
        assertTrue(hows.size == answers.size)
    }
}
