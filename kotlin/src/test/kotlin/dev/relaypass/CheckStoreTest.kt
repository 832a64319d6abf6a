package dev.relaypass

import dev.relaypass.generated.countCalls
import dev.relaypass.support.MapStore
import dev.relaypass.support.StoreOf
import dev.relaypass.support.later
import dev.relaypass.support.thrownBy
import dev.relaypass.testing.StoreViolation
import dev.relaypass.testing.checkStore
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** `checkStore`: it lets good stores pass, and says of bad ones what is wrong. */
class CheckStoreTest {
    @TestFactory
    fun `a good store passes, and nothing is left in it`(): List<org.junit.jupiter.api.DynamicTest> {
        val kept = MapStore()
        return mapOf("prompt" to kept, "late" to later(kept)).map { (kind, store) ->
            dynamicTest("a $kind one") {
                runBlocking {
                    val report = checkStore(store)
                    assertTrue(report.passed.size > 5, "$report")
                    assertEquals(listOf("reopening"), report.skipped)
                    assertEquals(0, kept.records.size)
                    val reopened = checkStore(store, reopen = { store })
                    assertEquals(emptyList<String>(), reopened.skipped)
                    assertTrue("reopening" in reopened.passed)
                }
            }
        }
    }

    @Test
    fun `a check has no place among the calls, which others would share`() =
        runBlocking<Unit> {
            val before = countCalls()
            val open = CopyOnWriteArrayList<ULong>()
            val kept = MapStore()
            checkStore(
                StoreOf(kept, load = {
                    open += countCalls()
                    kept.load(it)
                }),
            )
            assertEquals(setOf(before), open.toSet())
        }

    @TestFactory
    fun `a bad store is found out`() =
        run {
            val fears = LinkedHashMap<String, RelayStore>()
            val always = MapStore()
            fears["swaps whatever is there"] =
                StoreOf(always, compareAndSwap = { key, _, next ->
                    synchronized(always.records) { if (next == null) always.records.remove(key) else always.records[key] = next }
                    true
                })
            val caseless = MapStore()
            fears["compares keys without case"] =
                StoreOf(
                    caseless,
                    load = { caseless.load(it.lowercase()) },
                    compareAndSwap = { key, expected, next -> caseless.compareAndSwap(key.lowercase(), expected, next) },
                )
            val boundless = MapStore()
            fears["returns more than the limit"] =
                StoreOf(boundless, scan = { prefix, due, _ -> boundless.scan(prefix, due, Int.MAX_VALUE) })
            val backwards = MapStore()
            fears["returns the youngest first"] =
                StoreOf(backwards, scan = { prefix, due, limit -> backwards.scan(prefix, due, limit).reversed() })
            val forgetful = MapStore()
            fears["claims a swap and does nothing"] = StoreOf(forgetful, compareAndSwap = { _, _, _ -> true })
            fears.map { (fear, store) ->
                dynamicTest(fear) {
                    runBlocking {
                        val violation = thrownBy<StoreViolation> { checkStore(store) }
                        assertNotEquals("", violation.rule)
                        assertNotEquals("", violation.found)
                        assertTrue(violation.rule in violation.message!!, violation.message)
                        assertNull(violation.cause)
                    }
                }
            }
        }

    private class OwnException : Exception("canary")

    @Test
    fun `a violation has what the store threw as its cause, the same object`() =
        runBlocking<Unit> {
            val own = OwnException()
            for (store in listOf(
                StoreOf(load = { throw own }),
                StoreOf(compareAndSwap = { _, _, _ -> throw own }),
                StoreOf(scan = { _, _, _ -> throw own }),
            )) {
                val violation = thrownBy<StoreViolation> { checkStore(store) }
                assertSame(own, violation.cause)
                assertFalse("canary" in violation.message!!)
            }
            val violation = thrownBy<StoreViolation> { checkStore(MapStore(), reopen = { throw own }) }
            assertSame(own, violation.cause)
        }

    @Test
    fun `a check that is cancelled leaves the store`() =
        runBlocking<Unit>(Dispatchers.Default) {
            val called = CompletableDeferred<Unit>()
            val left = CompletableDeferred<Unit>()
            val check =
                async {
                    checkStore(
                        StoreOf(load = {
                            called.complete(Unit)
                            try {
                                awaitCancellation()
                            } finally {
                                left.complete(Unit)
                            }
                        }),
                    )
                }
            called.await()
            check.cancel()
            left.await()
            thrownBy<CancellationException> { check.await() }
        }
}
