package dev.relaypass

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class NativeLibraryTest {
    @Test
    fun `musl has a folder of its own, which JNA does not know`() {
        assertEquals("linux-musl-x86-64", NativeLibrary.folderOf("linux-x86-64", isMusl = true))
        assertEquals("linux-musl-aarch64", NativeLibrary.folderOf("linux-aarch64", isMusl = true))
        assertEquals("linux-x86-64", NativeLibrary.folderOf("linux-x86-64", isMusl = false))
        assertEquals("darwin-aarch64", NativeLibrary.folderOf("darwin-aarch64", isMusl = false))
    }

    @Test
    fun `a platform without a library is named, and so is what to do`() {
        val said = NativeLibrary.absent("linux-riscv64")
        for (part in listOf("linux-riscv64", System.getProperty("os.arch"), "gateway")) assertTrue(part in said, said)
    }
}
