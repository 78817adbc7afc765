package me.secondme.avatar

import kotlinx.coroutines.runBlocking
import me.secondme.avatar.testing.AvatarEmulator
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledOnOs
import org.junit.jupiter.api.condition.OS
import java.io.File
import java.lang.ref.WeakReference
import java.net.URLClassLoader
import kotlin.concurrent.thread

/** A web application is deployed anew: its class loader, with this library, JNA and Kotlin in it, is given up. */
class RedeployTest {
    @Test
    @EnabledOnOs(OS.LINUX)
    fun `a class loader whose clients are closed is collected, with its threads and mapped files`() {
        AvatarEmulator.start().use { emulator ->
            // A process of its own, whose threads and maps are no other test's.
            // JNA would look for the system's libraries with a program, for which the JVM keeps a thread for a minute.
            val options = listOf("-Djna.platform.library.path=")
            val said = program(Container::class.java.name, emulator.baseUrl, emulator.apiKey, options = options).said()
            assertEquals(Container.COLLECTED, said.lines().last(String::isNotEmpty), said)
        }
    }
}

/** Deploys the application again and again, and says what is left of it. */
internal object Container {
    const val COLLECTED = "3 of 3 were collected; no thread and no mapped file is left"

    @JvmStatic
    fun main(arguments: Array<String>) {
        val urls = System.getProperty("java.class.path").split(File.pathSeparator).map { File(it).toURI().toURL() }
        val before = threads()
        // On threads of their own, as a server's requests are: what Rust keeps for a thread holds the library with it.
        val loaders = (1..3).map {
            var loader: WeakReference<ClassLoader>? = null
            thread { loader = deploy(urls.toTypedArray(), arguments) }.join()
            loader!!
        }
        for (round in 1..100) {
            if (loaders.all { it.get() == null } && threads() == before && maps().isEmpty()) break
            System.gc()
            // What is collected is handed to threads of the JVM's, which take their time.
            System.runFinalization()
            Thread.sleep(20)
        }
        val threads = threads() - before
        threads.forEach { println("thread $it") }
        maps().forEach { println("mapped $it") }
        val collected = loaders.count { it.get() == null }
        val isAll = threads.isEmpty() && maps().isEmpty() && collected == 3
        println(if (isAll) COLLECTED else "$collected of 3 were collected")
    }

    private fun deploy(urls: Array<java.net.URL>, arguments: Array<String>): WeakReference<ClassLoader> {
        val loader = URLClassLoader(urls, ClassLoader.getPlatformClassLoader())
        val thread = Thread.currentThread()
        val own = thread.contextClassLoader
        thread.contextClassLoader = loader
        try {
            val application = loader.loadClass(Application::class.java.name)
            application.getMethod("main", Array<String>::class.java).invoke(null, arguments)
        } finally {
            thread.contextClassLoader = own
        }
        loader.close()
        return WeakReference(loader)
    }

    private fun threads() = Thread.getAllStackTraces().keys.map { it.name }.toSet()

    // What JNA unpacks. The library itself is one file for all here; where a thread that called it ends after it was
    // closed, the C library unmaps it with the next one that is closed, which may be that of the next deployment.
    private fun maps() = File("/proc/self/maps").readLines()
        .map { it.substringAfter('/', "") }
        .filter { it.contains("/jna") }
        .toSet()
}

/** Uses all that leaves something behind; it closes its client, and not everything else. */
internal object Application {
    private val kept = mutableListOf<Any>()

    @JvmStatic
    fun main(arguments: Array<String>) {
        val (base, key) = arguments
        val client = AvatarClient(key) { baseUrl = base }
        runBlocking {
            val chat = client.open(Visitor.forUser("test", "ada"))
            kept += chat
            kept += client.subscribe()
            chat.ask("Hello")
            chat.stream("Hello").collect {}
        }
        client.closeBlocking()
        kept += client
    }
}
