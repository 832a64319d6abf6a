package dev.relaypass.support

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import org.junit.platform.engine.TestExecutionResult
import org.junit.platform.engine.TestExecutionResult.Status.SUCCESSFUL
import org.junit.platform.launcher.TestExecutionListener
import org.junit.platform.launcher.TestIdentifier
import org.junit.platform.launcher.TestPlan

/**
 * Prints what came of it at the end of a run, which `mvn -q` does not: one line for each file of
 * scenarios, and the totals.
 */
class Totals : TestExecutionListener {
    private class Count {
        val passed = AtomicInteger()
        val total = AtomicInteger()
    }

    private lateinit var plan: TestPlan
    private val files = ConcurrentHashMap<String, Count>()
    private val passed = AtomicInteger()
    private val failed = AtomicInteger()
    private val skipped = AtomicInteger()

    override fun testPlanExecutionStarted(testPlan: TestPlan) {
        plan = testPlan
    }

    override fun executionSkipped(
        test: TestIdentifier,
        reason: String,
    ) {
        if (!test.isTest) failed.incrementAndGet() else skipped.incrementAndGet()
        println("SKIPPED: ${test.displayName}: $reason")
    }

    override fun executionFinished(
        test: TestIdentifier,
        result: TestExecutionResult,
    ) {
        val good = result.status == SUCCESSFUL
        if (!test.isTest) {
            if (!good) failed.incrementAndGet() // what is prepared for the tests inside
            return
        }
        if (result.status == TestExecutionResult.Status.ABORTED) {
            skipped.incrementAndGet()
            println("SKIPPED: ${test.displayName}: ${result.throwable.map { it.message }.orElse("")}")
            return
        }
        (if (good) passed else failed).incrementAndGet()
        val file = plan.getParent(test).map(TestIdentifier::getDisplayName).orElse("")
        if (file.endsWith(".json")) {
            val count = files.computeIfAbsent(file) { Count() }
            count.total.incrementAndGet()
            if (good) count.passed.incrementAndGet()
        }
    }

    override fun testPlanExecutionFinished(testPlan: TestPlan) {
        for ((file, count) in files.toSortedMap()) println("scenarios: kotlin $file ${count.passed}/${count.total}")
        println("kotlin: $passed passed, $failed failed, $skipped skipped")
    }
}
