package me.secondme.avatar

import java.io.File

/** Another JVM with what the tests have, and its environment and options. */
internal fun program(
    main: String,
    vararg arguments: String,
    options: List<String> = emptyList(),
    environment: Map<String, String> = emptyMap(),
): Process {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    val natives = "-Djna.library.path=${System.getProperty("jna.library.path")}"
    // What it says is UTF-8, though no locale should be set.
    val encoding = listOf("-Dsun.stdout.encoding=UTF-8", "-Dstdout.encoding=UTF-8")
    val builder = ProcessBuilder(listOf(java, natives) + encoding + options + listOf("-cp", classes, main) + arguments)
    builder.environment() += environment
    return builder.redirectErrorStream(true).start()
}

/** All that it says, to its end. */
internal fun Process.said(): String = inputReader(Charsets.UTF_8).readText()
