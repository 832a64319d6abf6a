package dev.relaypass

import java.io.File
import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/**
 * What was compiled with an earlier build goes on to run: everything public that is written down in
 * `api/relaypass.api` is still there. What is new is written down with
 *
 *     mvn test -Dtest=BinaryCompatibilityTest -Dapi=write
 *
 * A result gets a new member by a new parameter of its constructor; the constructor of before stays, as
 * `@Deprecated("", level = DeprecationLevel.HIDDEN)`. What is to go all the same is taken out of the
 * file by hand.
 */
class BinaryCompatibilityTest {
    @Test
    fun `nothing public is gone, and what is new is written down`() {
        val file = File("api/relaypass.api")
        val dump = dump()
        val (before, now) = listOf(file.readText(), dump).map(::declarations)
        assertEquals(emptySet<String>(), before - now, "these are gone, and whoever was compiled with them breaks")
        if (System.getProperty("api") == "write") file.writeText(dump)
        assertEquals(emptySet<String>(), now - declarations(file.readText()), "these are new; write them down")
    }

    private fun dump(): String {
        val root = File(RelayPass::class.java.protectionDomain.codeSource.location.toURI())
        val classes = root.walk().filter { it.extension == "class" }.sorted().toList()
        return buildString { AbiTools.getInstance().printJvmDump(this, classes, AbiFilters.EMPTY) }
    }

    /** Each line, with the class that it is in. */
    private fun declarations(dump: String): Set<String> {
        var type = ""
        return dump
            .lines()
            .filter { it.isNotBlank() && it != "}" }
            .map { line -> if (line.startsWith("\t")) "$type: ${line.trim()}" else line.also { type = nameOf(it) } }
            .toSet()
    }

    private fun nameOf(head: String) = head.substringBefore(" :").substringBefore(" {").substringAfterLast(" ")
}
