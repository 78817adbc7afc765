import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import java.io.File
import java.lang.management.ManagementFactory
import java.util.Locale
import kotlin.time.Duration
import kotlin.time.DurationUnit

/** Runs that are the JIT's. */
private const val WARM_UP = 3

/** Between two runs. */
private const val PAUSE_MS = 300L

/** The rows of `make bench ROW=kotlin`: each side in turn, in one run, as a ratio. */
fun main(arguments: Array<String>) {
    val replies = System.getProperty("replies")?.toInt() ?: 20_000
    val runs = System.getProperty("runs")?.toInt() ?: 5
    Server(arguments[0]).use { server ->
        val frames = replies * server.framesPerReply
        fun speed(of: Int = frames, took: () -> Duration): Double {
            // No garbage of the run before is collected during this one.
            System.gc()
            Thread.sleep(PAUSE_MS)
            return of / took().toDouble(DurationUnit.SECONDS)
        }
        for (acknowledge in listOf(true, false)) {
            val hand = mutableListOf<Double>()
            val ours = mutableListOf<Double>()
            val merged = mutableListOf<Double>()
            repeat(runs + WARM_UP) { run ->
                val speeds =
                    listOf(
                        speed { byHand(server, replies, acknowledge) },
                        speed { throughFlow(server, replies, acknowledge, NEVER_MERGED) },
                        speed { throughFlow(server, replies, acknowledge, 1024) },
                    )
                if (run >= WARM_UP) listOf(hand, ours, merged).zip(speeds).forEach { (all, one) -> all += one }
            }
            val with = if (acknowledge) "acknowledged" else "not acknowledged"
            row("frames to Flow, each an event, $with, of OkHttp + kotlinx.serialization", ours, hand, 2.0)
            row("frames to Flow, queue of 1024, $with, of OkHttp + kotlinx.serialization", merged, hand, 2.0)
        }
        val few = maxOf(replies / 20, 100)
        val listener = mutableListOf<Double>()
        val flow = mutableListOf<Double>()
        repeat(runs + 1) { run ->
            val called = speed(few * server.framesPerReply) { throughListener(server, few) }
            val collected = speed { throughFlow(server, replies, true, NEVER_MERGED) }
            if (run > 0) {
                listener += called
                flow += collected
            }
        }
        row("events through Flow, of a listener called with each", flow, listener, 10.0)
    }
}

private fun row(what: String, ours: List<Double>, theirs: List<Double>, bar: Double) {
    val ratio = median(ours.zip(theirs) { mine, other -> mine / other })
    val verdict = if (ratio >= bar) "met" else "MISSED"
    val figures = "(%.0f k/s, by hand %.0f k/s)".format(Locale.ROOT, median(ours) / 1e3, median(theirs) / 1e3)
    println("%-88s %6.2f  %s  (bar ≥ %.0f: %s)".format(Locale.ROOT, what, ratio, figures, bar, verdict))
    // A line for `make bench`, which keeps it: benchmarks/src/results.rs reads it.
    val lines = System.getenv("BENCHMARK_LINES").orEmpty().ifEmpty { return }
    val line =
        buildJsonObject {
            put("row", "kotlin/events")
            put("what", what)
            put("figure", ratio)
            put("aside", figures)
            putJsonObject("bar") { put("atLeast", bar) }
            put("load", ManagementFactory.getOperatingSystemMXBean().systemLoadAverage)
        }
    File(lines).appendText("$line\n")
}

/** The middle of several runs: one disturbed run does not count. */
private fun median(values: List<Double>) = values.sorted()[values.size / 2]
