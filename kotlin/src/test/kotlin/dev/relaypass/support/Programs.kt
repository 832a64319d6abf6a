package dev.relaypass.support

import java.io.File
import java.lang.ProcessBuilder.Redirect
import java.util.concurrent.TimeUnit.SECONDS

/** A program of the tests in a JVM of its own, with nothing but the classpath: no library path. */
fun startJava(
    mainClass: String,
    vararg arguments: String,
    environment: Map<String, String> = emptyMap(),
): Process {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val builder =
        ProcessBuilder(java, "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), mainClass, *arguments)
    builder.environment().putAll(environment)
    builder.environment().remove("LD_LIBRARY_PATH")
    return builder.redirectError(Redirect.INHERIT).start()
}

/** Runs such a program, which must succeed, to its end, and gives what it printed. */
fun runJava(
    mainClass: String,
    vararg arguments: String,
    environment: Map<String, String> = emptyMap(),
): String {
    val process = startJava(mainClass, *arguments, environment = environment)
    process.outputStream.close()
    val output = process.inputReader().readText()
    check(process.waitFor(60, SECONDS)) { "$mainClass does not end" }
    check(process.exitValue() == 0) { "$mainClass ends with ${process.exitValue()}: $output" }
    return output
}
