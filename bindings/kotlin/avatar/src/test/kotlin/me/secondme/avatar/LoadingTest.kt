package me.secondme.avatar

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledOnOs
import org.junit.jupiter.api.condition.OS
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.nio.file.Files
import java.util.concurrent.CompletableFuture

/** The library beneath is found and loaded, or what is said where it cannot be. */
class LoadingTest {
    @Test
    fun `it is found in the jar by the class's own loader, whatever the thread's is`(@TempDir folder: File) {
        val said = maker("elsewhere", classes = testClassPath + File.pathSeparator + inClassPath(folder)).said()
        assertEquals("made\nmade\n", said)
    }

    @Test
    fun `where there is no library for the system, that is said each time`() {
        val said = errors(maker())
        assertTrue(said.startsWith("secondme-avatar has no native library for this system"), said)
        assertTrue(said.contains("jna.library.path=FOLDER"), said)
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    fun `a folder from which nothing may be run is named as what is in the way`(@TempDir folder: File) {
        // Without the right to mount there is no such folder to be had.
        val script = "mount -t tmpfs -o noexec none '$folder' && exec \"$@\""
        val mount = listOf("unshare", "--mount", "sh", "-c", script, "-")
        assumeTrue(runCatching { ProcessBuilder(mount + "true").start().waitFor() == 0 }.getOrDefault(false))
        val said = errors(maker(options = listOf("-Djna.tmpdir=$folder"), before = mount))
        assertTrue(said.contains("-Djna.tmpdir=FOLDER") && said.contains("noexec"), said)
        assertTrue(said.contains("failed to map segment"), said)
    }

    @Test
    fun `a folder that cannot be written to is named as what is in the way`(@TempDir folder: File) {
        val file = folder.resolve("file").apply { writeText("no folder") }
        val said = errors(maker(options = listOf("-Djna.tmpdir=$file/beneath")))
        assertTrue(said.contains("-Djna.tmpdir=FOLDER"), said)
    }

    @Test
    fun `a Java machine that forbids native code is told how to allow it`() {
        // As of JDK 24 with --illegal-native-access=deny, where JNA's initializer fails with this and no message.
        val forbidden = ExceptionInInitializerError(IllegalCallerException("Illegal native access"))
        val error = Obstacle.of(forbidden, "secondme_avatar_ffi").toError()
        assertTrue(error.message!!.contains("--enable-native-access=ALL-UNNAMED"), error.message)
        assertEquals(forbidden, error.cause)
    }

    @Test
    fun `such a Java machine says so itself`() {
        val java = System.getenv("SECONDME_NEWEST_JAVA").orEmpty()
        assumeTrue(java.isNotEmpty(), "SECONDME_NEWEST_JAVA names no java of JDK 24 or newer")
        val said = errors(maker(options = listOf("--illegal-native-access=deny"), java = java))
        assertTrue(said.contains("--enable-native-access=ALL-UNNAMED"), said)
        val allowed = listOf("--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED", natives)
        assertEquals("made\nmade\n", maker(options = allowed, java = java).said())
    }

    /** What was said of both failures, which are alike. */
    private fun errors(maker: Process): String {
        val said = maker.said()
        // Beside it, JNA and the JVM have warnings of their own.
        val errors = said.lines().filter { it.startsWith(ERROR) }
        assertEquals(2, errors.size, said)
        assertEquals(errors[0], errors[1])
        return errors[0].removePrefix(ERROR)
    }

    private fun maker(
        vararg arguments: String,
        options: List<String> = emptyList(),
        classes: String = testClassPath,
        before: List<String> = emptyList(),
        java: String? = null,
    ): Process {
        val main = Maker::class.java.name
        val nowhere = listOf("-Djna.library.path=", "-Djna.nosys=true")
        return program(main, *arguments, options = nowhere + options, classes = classes, before = before, java = java)
    }

    private companion object {
        const val ERROR = "java.lang.UnsatisfiedLinkError: "
        val natives = "-Djna.library.path=${System.getProperty("jna.library.path")}"

        /** A folder with the library where it stands in the jar. */
        fun inClassPath(folder: File): String {
            val name = System.mapLibraryName("secondme_avatar_ffi")
            val place = folder.resolve(com.sun.jna.Platform.RESOURCE_PREFIX).apply { mkdirs() }
            val built = File(System.getProperty("jna.library.path"), name).toPath().toRealPath()
            Files.createSymbolicLink(place.resolve(name).toPath(), built)
            return folder.path
        }
    }
}

/** A program that makes two clients, and says what comes of it; `elsewhere`, on a thread with another class loader. */
internal object Maker {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val make = Runnable {
            if ("elsewhere" in arguments) {
                Thread.currentThread().contextClassLoader = ClassLoader.getPlatformClassLoader()
            }
            repeat(2) {
                try {
                    AvatarClient("sk-0123456789abcdef").closeBlocking()
                    println("made")
                } catch (failed: Throwable) {
                    println(failed.toString().lines().joinToString(" "))
                }
            }
        }
        CompletableFuture.runAsync(make).join()
    }
}
