// A process that works on verifications, as a server of a user's would: told what to do by lines of
// JSON on its standard input, answering by lines of JSON, several commands at once.
//
// It says {"ready": true} when it begins its first command.

package tests.crash

import dev.relaypass.Completion
import dev.relaypass.NotFoundException
import dev.relaypass.RelayPass
import dev.relaypass.RelayPassEvent
import dev.relaypass.RelayPassException
import dev.relaypass.RelayStore
import dev.relaypass.Store
import dev.relaypass.StoreRecord
import dev.relaypass.StoreUrl
import dev.relaypass.Verification
import examples.stores.JdbcStore
import java.net.HttpURLConnection
import java.net.URI
import java.sql.Connection
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Semaphore
import java.util.logging.Logger
import javax.sql.DataSource
import kotlin.system.exitProcess
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import org.postgresql.ds.PGSimpleDataSource

private const val CLAIM_TYPE = "age_over18_verified"

fun main() {
    runBlocking(Dispatchers.Default) {
        val worker = Worker(openStore(System.getenv("RELAYPASS_STORE")))
        var ready = false
        val lines = System.`in`.bufferedReader()
        while (true) {
            val line = withContext(Dispatchers.IO) { lines.readLine() } ?: break
            if (!ready) say(buildJsonObject { put("ready", true) })
            ready = true
            launch { worker.answer(Json.parseToJsonElement(line).jsonObject) }
        }
    }
    exitProcess(0)
}

private class Worker(
    store: Store,
) {
    private val events = CopyOnWriteArrayList<String>()
    private val client = openClient(store) { events += it.kind.code }

    suspend fun answer(command: JsonObject) {
        val members =
            try {
                perform(command.text("do"), command)
            } catch (error: RelayPassException) {
                buildJsonObject {
                    put("error", error.code)
                    put("message", error.message)
                }
            }
        say(JsonObject(mapOf("number" to command.getValue("number")) + members))
    }

    private suspend fun perform(
        name: String,
        command: JsonObject,
    ): JsonObject =
        when (name) {
            // A whole verification, the visitor's part included; or what another worker left of it.
            "verify" -> verify(command.text("reference"))
            "start" -> {
                val started = client.verifications.start(CLAIM_TYPE, command.text("reference"))
                buildJsonObject {
                    put("id", started.id)
                    put("hosted_url", started.hostedUrl)
                }
            }
            "visit" -> {
                visit(command.text("hosted_url"))
                JsonObject(emptyMap())
            }
            "complete" -> {
                val completion = client.verifications.complete(command.text("id"))
                buildJsonObject { put("status", completion.status.code) }
            }
            "recover" -> buildJsonObject { put("driven", client.verifications.recover()) }
            // The kinds of the events so far.
            "told" -> JsonObject(mapOf("events" to buildJsonArray { events.forEach { add(JsonPrimitive(it)) } }))
            // A whole verification on a store of its own whose nth call goes wrong.
            "broken" -> verifyOnBrokenStore(command.text("how"), command.getValue("nth").jsonPrimitive.int)
            else -> error("the worker does not know $name")
        }

    private suspend fun verify(reference: String): JsonObject {
        val started = client.verifications.start(CLAIM_TYPE, reference)
        visit(started.hostedUrl)
        val completion = client.verifications.complete(started.id)
        return buildJsonObject {
            put("id", started.id)
            put("status", completion.status.code)
        }
    }
}

/** The visitor passes the check. Somebody whose work is continued may have done so before. */
private suspend fun visit(hostedUrl: String?) {
    if (hostedUrl == null) return // it is over; whoever asks then is told what came of it
    val status =
        withContext(Dispatchers.IO) {
            val connection = URI(hostedUrl).toURL().openConnection() as HttpURLConnection
            connection.setRequestProperty("Connection", "close") // else it may be one that is closed already
            connection.doOutput = true
            connection.outputStream.use { it.write("result=passed".toByteArray()) }
            connection.responseCode
        }
    check(status < 500) { "the hosted page answers $status" }
}

private class BrokenException : Exception("the store is broken")

/** A store in memory whose nth call goes wrong, before or after it did what was asked. */
private class BrokenStore(
    how: String,
    private val nth: Int,
) : RelayStore {
    private val what = how.substringBefore(" ")
    private val moment = how.substringAfter(" ")
    private var calls = 0
    val error = BrokenException()
    val records = HashMap<String, StoreRecord>()
    var fired: String? = null
        private set

    override suspend fun load(key: String) = call("load", lie = { null }) { records[key] }

    override suspend fun compareAndSwap(
        key: String,
        expected: Long?,
        next: StoreRecord?,
    ): Boolean =
        call("compareAndSwap", lie = { moment == "before" }) {
            if (records[key]?.version != expected) return@call false
            if (next == null) records.remove(key) else records[key] = next
            true
        }

    override suspend fun scan(
        prefix: String,
        dueBefore: Long?,
        limit: Int,
    ): List<String> =
        call("scan", lie = { emptyList() }) {
            records.entries
                .filter { (key, record) -> key.startsWith(prefix) && record.isDue(dueBefore) }
                .sortedWith(compareBy({ if (dueBefore == null) null else it.value.dueAt }, { it.key }))
                .take(limit)
                .map { it.key }
        }

    private fun StoreRecord.isDue(before: Long?) = before == null || dueAt.let { it != null && it <= before }

    private suspend fun <T> call(
        name: String,
        lie: () -> T,
        good: () -> T,
    ): T {
        val fires =
            synchronized(this) {
                calls += 1
                // A lie about something else than a swap would be a wrong type.
                val isAbout = what != "lies" || name == "compareAndSwap"
                if (calls < nth || fired != null || !isAbout) return good()
                fired = name
                if (moment == "after") good()
                what
            }
        return when (fires) {
            "throws" -> throw error
            "hangs" -> awaitCancellation()
            "lies" -> lie()
            // Of the wrong type, as Kotlin's own generics let it happen.
            else -> @Suppress("UNCHECKED_CAST") (Any() as T)
        }
    }
}

private suspend fun verifyOnBrokenStore(
    how: String,
    nth: Int,
): JsonObject {
    val store = BrokenStore(how, nth)
    val client = openClient(store, storeTimeout = 2.seconds)
    val failures = ArrayList<JsonElement>()
    var status = "never"
    var started: Verification? = null
    // Asked again as a user would who keeps the id, a few times only.
    for (attempt in 1..5) {
        try {
            val open = started ?: client.verifications.start(CLAIM_TYPE, "the-one")
            started = open
            visit(open.hostedUrl)
            status = client.verifications.complete(open.id).status.code
            break
        } catch (error: RelayPassException) {
            failures +=
                buildJsonObject {
                    put("code", error.code)
                    put("is_own", error.cause === store.error)
                }
            if (error is NotFoundException) started = null
        }
    }
    val verifications = store.records.keys.count { it.startsWith("verification/") }
    return buildJsonObject {
        put("fired", store.fired)
        put("failures", buildJsonArray { failures.forEach(::add) })
        put("verifications", verifications)
        put("status", status)
    }
}

private fun openClient(
    store: Store,
    storeTimeout: Duration? = null,
    onEvent: ((RelayPassEvent) -> Unit)? = null,
): RelayPass {
    val sealKey = System.getenv("RELAYPASS_SEAL_KEY").orEmpty()
    return RelayPass {
        apiKey = System.getenv("RELAYPASS_API_KEY")
        baseUrl = System.getenv("RELAYPASS_BASE_URL")
        this.store = store
        this.storeTimeout = storeTimeout
        sealKeys = if (sealKey.isEmpty()) emptyList() else listOf(bytesOf(sealKey))
        this.onEvent = onEvent
    }
}

/** The built-in store, or, with `example+` before it, the example that a user would copy. */
private fun openStore(url: String): Store =
    if (url.startsWith("example+")) JdbcStore(Pool(dataSourceOf(url.removePrefix("example+")), 4)) else StoreUrl(url)

/** JDBC takes user and password beside the URL. */
fun dataSourceOf(url: String): DataSource {
    val parts = URI(url)
    val (name, secret) = parts.userInfo.split(":", limit = 2)
    return PGSimpleDataSource().apply {
        setURL("jdbc:postgresql://${parts.host}:${parts.port}${parts.path}")
        user = name
        password = secret
    }
}

/** As simple as a pool can be: a connection that failed is not used again. */
class Pool(
    private val source: DataSource,
    size: Int,
) : DataSource by source {
    private val free = Semaphore(size)
    private val idle = ConcurrentLinkedQueue<Connection>()

    override fun getConnection(): Connection {
        free.acquire()
        try {
            val pooled = generateSequence { idle.poll() }.firstOrNull { it.isValid(1) } ?: source.connection
            return Pooled(pooled)
        } catch (error: Throwable) {
            free.release()
            throw error
        }
    }

    override fun getParentLogger(): Logger = source.parentLogger

    private inner class Pooled(
        private val connection: Connection,
    ) : Connection by connection {
        override fun close() {
            if (!connection.isClosed) idle += connection
            free.release()
        }
    }
}

private fun bytesOf(hexadecimal: String) = hexadecimal.chunked(2) { it.toString().toInt(16).toByte() }.toByteArray()

private fun JsonObject.text(name: String) = getValue(name).jsonPrimitive.content

private fun say(line: JsonObject) =
    synchronized(System.out) {
        println(line)
        System.out.flush()
    }
