package me.secondme.avatar

import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.zip.ZipFile

/** The README's program with the library and all that it needs, made small and renamed by ProGuard. */
class ShrunkTest {
    @Test
    fun `what ProGuard leaves of it still talks`(@TempDir folder: File) {
        val shrunk = folder.resolve("shrunk.jar")
        val rules = folder.resolve("rules.pro")
        val classes = classPath.filter { name -> LIBRARIES.any { name.path.contains(it) } }
        val jars = classes.joinToString("\n") { "-injars '$it'(!META-INF/**,!module-info.class)" }
        rules.writeText(
            """
            -injars '${testClasses.path}'(Quickstart*.class)
            $jars
            -outjars '${shrunk.path}'
            -libraryjars '${System.getProperty("java.home")}/jmods'(!**.jar;!module-info.class)
            -keep class QuickstartKt { public static void main(...); }
            ${classes.joinToString("\n") { it.rules() }}
            # ProGuard's optimizer takes coroutines for what they are not, and the JVM refuses what it makes of them.
            -dontoptimize
            # The annotations that coroutines are checked with, and what they have for Android and for tests.
            -dontwarn org.jetbrains.annotations.**
            -dontwarn kotlinx.coroutines.**
            -dontwarn kotlin.**
            -dontnote **
            """.trimIndent(),
        )
        val proguard = program("proguard.ProGuard", "@${rules.path}", options = listOf("-Xmx1g"))
        val log = proguard.said()
        assertEquals(0, proguard.waitFor(), log)
        val whole = classes.sumOf { jar -> jar.walk().filter(File::isFile).sumOf(File::length) }
        assertTrue(shrunk.length() < whole, "${shrunk.length()} of $whole bytes are left")
        assertEquals(
            null,
            ZipFile(shrunk).use {
                it.getEntry("me/secondme/avatar/Visitor.class")
            },
            "nothing is renamed",
        )

        AvatarEmulator.start().use { emulator ->
            val environment = mapOf("SECONDME_API_KEY" to emulator.apiKey, "SECONDME_BASE_URL" to emulator.baseUrl)
            val said = program("QuickstartKt", environment = environment, classes = shrunk.path).said()
            assertTrue(said.contains("You said: Hello, tell me about yourself"), said)
            assertTrue(said.contains("You said: And what are you working on?"), said)
        }
    }

    private companion object {
        val LIBRARIES = listOf("avatar/target/classes", "kotlin-stdlib", "kotlinx-coroutines-core", "/jna/")
        val classPath = testClassPath.split(File.pathSeparator).map(::File)
        val testClasses = classPath.first { it.path.endsWith("test-classes") }

        /** What R8 and ProGuard's Gradle plugin read out of a jar by themselves. */
        fun File.rules(): String {
            val folder = "META-INF/proguard"
            if (isDirectory) return resolve(folder).listFiles().orEmpty().joinToString("\n") { it.readText() }
            return ZipFile(this).use { jar ->
                jar.entries().asSequence()
                    .filter { it.name.startsWith("$folder/") && !it.isDirectory }
                    .joinToString("\n") { jar.getInputStream(it).readBytes().decodeToString() }
            }
        }
    }
}
