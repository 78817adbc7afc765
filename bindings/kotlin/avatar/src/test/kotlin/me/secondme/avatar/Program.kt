package me.secondme.avatar

import java.io.File

/** Another JVM with what the tests have, and its environment and options. */
internal fun program(
    main: String,
    vararg arguments: String,
    options: List<String> = emptyList(),
    environment: Map<String, String> = emptyMap(),
    classes: String = testClassPath,
    before: List<String> = emptyList(),
    java: String? = null,
): Process {
    val program = java ?: File(System.getProperty("java.home"), "bin/java").path
    // Where `options` do not name another place.
    val natives = "-Djna.library.path=${System.getProperty("jna.library.path")}"
    // What it says is UTF-8, though no locale should be set.
    val encoding = listOf("-Dsun.stdout.encoding=UTF-8", "-Dstdout.encoding=UTF-8")
    val command = listOf(program, natives) + encoding + options
    val builder = ProcessBuilder(before + command + listOf("-cp", classes, main) + arguments)
    builder.environment() += environment
    return builder.redirectErrorStream(true).start()
}

/** Where the tests and all that they need are. */
internal val testClassPath: String =
    System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")

/** All that it says, to its end. */
internal fun Process.said(): String = inputReader(Charsets.UTF_8).readText()
