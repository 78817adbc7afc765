package me.secondme.avatar

import com.sun.jna.Callback
import com.sun.jna.Structure
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import me.secondme.avatar.core.UniffiLib
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** What the jar tells GraalVM's native image of: all that JNA looks for by name, and nothing that there is not. */
class NativeImageTest {
    private fun named(file: String): Set<String> {
        val path = "/META-INF/native-image/me.secondme/secondme-avatar/$file"
        val text = checkNotNull(javaClass.getResourceAsStream(path)) { "no $path" }.use { it.reader().readText() }
        val entries = Json.parseToJsonElement(text).jsonArray.map { it.jsonObject }
        return entries.map { it.getValue("name").jsonPrimitive.content }.toSet()
    }

    private fun load(name: String): Class<*> = Class.forName(name, false, javaClass.classLoader)

    @Test
    fun `every structure and callback of the generated code is in it`() {
        val folder = File(UniffiLib::class.java.protectionDomain.codeSource.location.toURI())
        val generated =
            folder.resolve("me/secondme/avatar/core").listFiles().orEmpty()
                .map { load("me.secondme.avatar.core.${it.name.removeSuffix(".class")}") }
        val wanted =
            generated
                .filter { Structure::class.java.isAssignableFrom(it) || Callback::class.java.isAssignableFrom(it) }
                .map { it.name } + generated.map { it.name }.filter { it.endsWith("UniffiLib") }
        assertTrue(wanted.size > 30, "$wanted")
        for (file in listOf("reflect-config.json", "jni-config.json")) {
            assertEquals(emptyList<String>(), wanted - named(file), "not in $file")
        }
    }

    @Test
    fun `every class that it names is there`() {
        for (name in named("reflect-config.json") + named("jni-config.json")) load(name)
    }
}
