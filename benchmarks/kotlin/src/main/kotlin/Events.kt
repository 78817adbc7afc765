import java.io.File
import kotlin.time.Duration
import kotlin.time.DurationUnit

/** Runs that are the JIT's. */
private const val WARM_UP = 3

/** Between two runs. */
private const val PAUSE_MS = 300L

/** From a frame on the wire to an event in the program's hands, beside a bare loop over the same frames. */
fun events(programs: File, report: Report) = Server("$programs/secondme-avatar-benchmarks").use { server ->
    val replies = System.getProperty("replies")?.toInt() ?: 20_000
    val frames = replies * server.framesPerReply
    for ((acknowledge, bar) in listOf(false to 2.0, true to 3.0)) {
        val (ours, theirs) =
            inTurn(
                WARM_UP,
                { speed(frames) { throughFlow(server, replies, acknowledge, NEVER_MERGED) } },
                { speed(frames) { bareLoop(server, replies, acknowledge) } },
            )
        val with = if (acknowledge) "on" else "off"
        val what = "events through `Flow`, acknowledgements $with, of OkHttp + kotlinx.serialization"
        report.atLeast(what, ratio(ours, theirs), bar, aside(ours, "by hand", theirs))
    }
    val few = maxOf(replies / 20, 100)
    val (flow, listener) =
        inTurn(
            1,
            { speed(frames) { throughFlow(server, replies, true, NEVER_MERGED) } },
            { speed(few * server.framesPerReply) { throughListener(server, few) } },
        )
    val what = "events through `Flow`, of a listener that the core calls with each"
    report.atLeast(what, ratio(flow, listener), 10.0, aside(flow, "listener", listener))
}

/** What both sides give, in turn; the first [unmeasured] runs of each do not count. */
private fun inTurn(unmeasured: Int, one: () -> Double, other: () -> Double): Pair<List<Double>, List<Double>> =
    List(unmeasured + runs) { one() to other() }.drop(unmeasured).unzip()

private fun speed(frames: Int, took: () -> Duration): Double {
    // No garbage of the run before is collected during this one.
    System.gc()
    Thread.sleep(PAUSE_MS)
    return frames / took().toDouble(DurationUnit.SECONDS)
}

private fun aside(ours: List<Double>, other: String, theirs: List<Double>) =
    "(%.3f M/s, %s %.3f M/s)".format(java.util.Locale.ROOT, median(ours) / 1e6, other, median(theirs) / 1e6)
