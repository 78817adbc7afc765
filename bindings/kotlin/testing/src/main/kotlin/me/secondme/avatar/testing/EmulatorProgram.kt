package me.secondme.avatar.testing

import java.io.File
import java.nio.file.Files

/** Where the emulator is that was not named. */
internal object EmulatorProgram {
    /** This system, as JNA calls it: the folders in the jars go by these names. */
    val system: String = run {
        val name = System.getProperty("os.name")
        val system =
            when {
                name.startsWith("Windows") -> "win32"
                name.startsWith("Mac") -> "darwin"
                else -> name.lowercase()
            }
        val architecture =
            when (val said = System.getProperty("os.arch")) {
                "amd64", "x86_64" -> "x86-64"
                "arm64" -> "aarch64"
                else -> said
            }
        "$system-$architecture"
    }

    private val name = if (system.startsWith("win32")) "secondme-avatar-emulator.exe" else "secondme-avatar-emulator"

    /** The one in the jar, unpacked once; else the one of a checkout; else a name for `PATH`. */
    val path: String by lazy { unpacked() ?: built() ?: name }

    private fun unpacked(): String? {
        val program = EmulatorProgram::class.java.getResourceAsStream("natives/$system/$name") ?: return null
        val folder = Files.createTempDirectory("secondme-avatar-emulator").toFile()
        val file = folder.resolve(name)
        program.use { from -> file.outputStream().use { from.copyTo(it) } }
        file.setExecutable(true)
        // The last one registered goes first.
        folder.deleteOnExit()
        file.deleteOnExit()
        return file.path
    }

    private fun built(): String? = generateSequence(File("").absoluteFile) { it.parentFile }
        .filter { it.resolve("emulator/Cargo.toml").isFile }
        .flatMap { sequenceOf(it.resolve("target/release/$name"), it.resolve("target/debug/$name")) }
        .firstOrNull(File::isFile)
        ?.path
}
