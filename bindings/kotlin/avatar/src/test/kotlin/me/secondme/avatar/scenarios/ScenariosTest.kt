package me.secondme.avatar.scenarios

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import org.snakeyaml.engine.v2.api.Load
import org.snakeyaml.engine.v2.api.LoadSettings
import org.snakeyaml.engine.v2.schema.CoreSchema
import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.nameWithoutExtension
import kotlin.io.path.readText

/** Plays `spec/scenarios`, which every language plays; what the files may say stands in their README. */
class ScenariosTest {
    @TestFactory
    fun `every scenario is kept`(): List<DynamicTest> {
        val files = Path.of(System.getProperty("scenarios")).listDirectoryEntries("*.yaml").sorted()
        check(files.isNotEmpty()) { "there are no scenarios" }
        return files.map { file -> DynamicTest.dynamicTest(file.nameWithoutExtension) { play(file) } }
    }

    private fun play(file: Path) = runBlocking {
        val settings = LoadSettings.builder().setSchema(CoreSchema()).build()
        val scenario = Load(settings).loadFromString(file.readText()) as Map<*, *>
        val stage = Stage(scenario)
        try {
            spelledOut(scenario["steps"] as List<*>).forEachIndexed { at, step ->
                try {
                    stage.play(step as Map<*, *>)
                } catch (why: IllegalStateException) {
                    val where = "${file.name}, step ${at + 1}, ${toJson(step)}"
                    throw AssertionError("$where: ${why.message}\n${stage.log()}", why)
                }
            }
        } finally {
            stage.clear()
        }
    }

    /** The steps, with those of each `repeat` as often as it says. */
    private fun spelledOut(steps: List<*>): List<*> = steps.flatMap { step ->
        val repeat = (step as Map<*, *>)["repeat"] as Map<*, *>? ?: return@flatMap listOf(step)
        val round = spelledOut(repeat["steps"] as List<*>)
        List((repeat["times"] as Number).toInt()) { round }.flatten()
    }
}
