package dev.relaypass.support

import java.lang.ProcessBuilder.Redirect
import java.util.concurrent.TimeUnit.SECONDS
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assumptions.assumeTrue

/** PostgreSQL for tests, as tests/services/run starts it. It ends with [close], or with us. */
class Services private constructor(
    private val process: Process,
    private val url: String?,
) : AutoCloseable {
    /** Skips the test, loudly, where this system has no PostgreSQL; with REQUIRE_ALL=1 the start fails. */
    fun postgres(): String {
        assumeTrue(url != null, "it needs PostgreSQL, and this system does not have it")
        return url!!
    }

    override fun close() {
        process.outputStream.close()
        check(process.waitFor(60, SECONDS)) { "the services do not end" }
    }

    companion object {
        fun start(): Services {
            val process =
                ProcessBuilder(ROOT.resolve("tests/services/run").path).redirectError(Redirect.INHERIT).start()
            val line = checkNotNull(process.inputReader().readLine()) { "the services do not start" }
            return Services(process, Json.parseToJsonElement(line).jsonObject["postgres"]!!.jsonPrimitive.contentOrNull)
        }
    }
}
