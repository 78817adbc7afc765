import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import java.io.File
import java.lang.management.ManagementFactory
import java.util.Locale

/** Prints the figures of a row, such as `kotlin/ask`, and leaves each as a line for `make bench`. */
class Report(private val row: String) {
    /** A figure that must not be below [bar]. */
    fun atLeast(what: String, figure: Double, bar: Double, aside: String) =
        add(what, figure, "atLeast", "≥ $bar: ${verdict(figure >= bar)}", bar, aside)

    /** A figure that must not be above [bar]. */
    fun atMost(what: String, figure: Double, bar: Double, aside: String) =
        add(what, figure, "atMost", "≤ $bar: ${verdict(figure <= bar)}", bar, aside)

    private fun add(what: String, figure: Double, name: String, held: String, bar: Double, aside: String) {
        println("%-72s %6.2f  %s  (bar %s)".format(Locale.ROOT, what, figure, aside, held))
        // benchmarks/src/results.rs reads it.
        val lines = System.getenv("BENCHMARK_LINES").orEmpty().ifEmpty { return }
        val line =
            buildJsonObject {
                put("row", row)
                put("what", what)
                put("figure", figure)
                put("aside", aside)
                putJsonObject("bar") { put(name, bar) }
                put("load", ManagementFactory.getOperatingSystemMXBean().systemLoadAverage)
            }
        File(lines).appendText("$line\n")
    }

    private fun verdict(isMet: Boolean) = if (isMet) "met" else "MISSED"
}

/** The middle of several runs: one disturbed run does not count. */
fun median(values: List<Double>) = values.sorted()[values.size / 2]

/** The middle of what is measured in turn, as ratios. */
fun ratio(ours: List<Double>, theirs: List<Double>) = median(ours.zip(theirs) { mine, other -> mine / other })
