import java.io.File

private val rows = mapOf("events" to ::events, "ask" to ::ask)

/**
 * What the package costs beside what a user would write by hand: `make bench ROW=kotlin`. Each row is a ratio of two
 * things that are measured in turn in one run.
 *
 * @param arguments the folder of the benchmark server and of the emulator, both built for release; then the rows that
 * are wanted, by default all.
 */
fun main(arguments: Array<String>) {
    val programs = File(arguments[0])
    val wanted = arguments.drop(1).ifEmpty { rows.keys }
    for (name in wanted) rows.getValue(name)(programs, Report("kotlin/$name"))
}

/** How often each side is measured. */
val runs = System.getProperty("runs")?.toInt() ?: 5
