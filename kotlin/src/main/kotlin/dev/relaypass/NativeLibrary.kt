package dev.relaypass

import com.sun.jna.Native
import com.sun.jna.Platform
import java.io.File
import java.io.IOException

/**
 * The native library of this platform: where it is in the jar, and what to say where there is none.
 *
 * JNA finds it by its name, in the folder of the platform. Its folders do not tell one C library from
 * the other, so what is for musl has a folder of ours and is loaded by its path.
 */
internal object NativeLibrary {
    private const val NAME = "relaypass_ffi"

    // The generated code asks more than once, and the library for musl is to be unpacked once.
    private val location: String by lazy { find() }

    /** What JNA loads: a name or a path. The generated code asks for it. */
    fun locate(): String = location

    private fun find(): String {
        val isMusl = isMusl()
        val folder = folderOf(Platform.RESOURCE_PREFIX, isMusl)
        val resource = "/$folder/${System.mapLibraryName(NAME)}"
        startJna(isMusl)
        val inJar = NativeLibrary::class.java.getResource(resource) != null
        return when {
            // Whoever names a folder has built the library.
            !inJar && System.getProperty("jna.library.path") != null -> NAME
            !inJar -> throw UnsatisfiedLinkError(absent(folder))
            folder == Platform.RESOURCE_PREFIX -> NAME
            else -> Native.extractFromResourcePath(resource, NativeLibrary::class.java.classLoader).path
        }
    }

    /** The folder of a platform, by JNA's name for it. */
    fun folderOf(
        platform: String,
        isMusl: Boolean,
    ): String = if (isMusl) platform.replaceFirst("linux-", "linux-musl-") else platform

    /** Says which platform this is, and what to do. */
    fun absent(folder: String): String =
        "relaypass has no native library for $folder (${System.getProperty("os.name")} on " +
            "${System.getProperty("os.arch")}): its jar has none in that folder. It is made for Linux with glibc " +
            "or musl and for macOS, on x86-64 and arm64, and for Windows on x86-64. If this is one of them, " +
            "take the jar from Maven Central, and keep its resources when you repack it. On other platforms, " +
            "run the gateway and call it over HTTP."

    /** JNA has a library of its own, which it writes to a file first. Its own error does not say what helps. */
    private fun startJna(isMusl: Boolean) {
        try {
            Native.POINTER_SIZE
        } catch (error: LinkageError) {
            val what = "relaypass needs JNA, and JNA cannot load its own library (${error.message}). "
            throw UnsatisfiedLinkError(what + if (isMusl) MUSL else NOEXEC).apply { initCause(error) }
        }
    }

    private const val MUSL =
        "What is in its jar is for glibc, and this is musl. On Alpine, install java-jna-native, and start " +
            "with -Djna.boot.library.path=/usr/lib."
    private const val NOEXEC =
        "If files may be written or executed neither in the user's cache nor in java.io.tmpdir, name a folder " +
            "where they may: -Djna.tmpdir=/folder."

    /** Whether this process runs on musl: then its loader is mapped into it. */
    private fun isMusl(): Boolean =
        try {
            Platform.isLinux() && File("/proc/self/maps").useLines { lines -> lines.any { "/ld-musl-" in it } }
        } catch (_: IOException) {
            false
        }
}
