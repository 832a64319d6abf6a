package dev.relaypass

import java.io.File
import java.lang.reflect.Modifier
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What people import is hand-written; what is generated shows nowhere. */
class PublicApiTest {
    private val classes =
        File(RelayPass::class.java.protectionDomain.codeSource.location.toURI()).let { root ->
            root
                .resolve("dev/relaypass")
                .walk()
                .filter { it.extension == "class" }
                .map { Class.forName(it.relativeTo(root).path.removeSuffix(".class").replace('/', '.')) }
                .toList()
        }

    private fun Class<*>.isGenerated() = name.startsWith("dev.relaypass.generated")

    @Test
    fun `no signature that others see mentions a generated type`() {
        val seen = classes.filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic && !it.isGenerated() && !it.isAnonymousClass && it.name !in HIDDEN }
        assertTrue(seen.size > 40, "${seen.size}")
        val mentions = ArrayList<String>()
        for (type in seen) {
            val signatures =
                type.declaredMethods.filter { it.isSeen(it.modifiers, it.isSynthetic) }.map { "${it.toGenericString()}" } +
                    type.declaredConstructors.filter { it.isSeen(it.modifiers, it.isSynthetic) }.map { it.toGenericString() } +
                    type.declaredFields.filter { it.isSeen(it.modifiers, it.isSynthetic) }.map { it.toGenericString() }
            mentions += signatures.filter { "dev.relaypass.generated" in it }
            if (type.superclass?.isGenerated() == true || type.interfaces.any { it.isGenerated() }) mentions += type.name
        }
        assertEquals(emptyList<String>(), mentions)
    }

    @Test
    fun `what is hidden is there`() {
        // Else the list would hide something public under a name that is used again.
        assertEquals(emptySet<String>(), HIDDEN - classes.map { it.name }.toSet())
    }

    private fun Any.isSeen(
        modifiers: Int,
        synthetic: Boolean,
    ) = !synthetic && (Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers))

    private companion object {
        /** Internal in Kotlin, and public to the JVM, which knows no such thing. */
        val HIDDEN =
            listOf("StoreAdapter", "ListenerAdapter", "CoreClient", "Calls", "Call", "NativeThreads", "CallKt", "StoreAdapterKt")
                .map { "dev.relaypass.$it" }
                .toSet()
    }
}
