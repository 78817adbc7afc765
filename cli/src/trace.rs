//! `avatar trace`: where the time of a conversation went.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use secondme_avatar_emulator::service::Millis;
use secondme_avatar_emulator::trace::{
    Conversation, Journal, Options, Stretch, Theme, Timeline, length, svg,
};

use crate::exit::{self, Failure};
use crate::record;
use crate::style;

pub(crate) const HELP: &str = "\
It reads a journal and shows where the time went: what was waited for, how long, and what stood in the way. Without
--svg it says so in words. docs/trace.md explains the picture.

Examples:
  avatar emulator --journal journal.jsonl             what passes is written down; or, of one that runs:
  curl http://127.0.0.1:40123/_emulator/journal > journal.json
  avatar record --upstream gateway --out journal.jsonl          the same of the service itself

  avatar trace journal.jsonl                          the ten longest stretches, in words
  avatar trace journal.jsonl --svg trace.svg          the picture
  avatar trace journal.jsonl --svg detail.svg --from 3s --to 15s
  curl -s http://127.0.0.1:40123/_emulator/journal | avatar trace - --list";

/// What the command takes, for advice.
const TAKES: &str = "`avatar trace` takes a journal of the emulator (`avatar emulator --journal FILE`, or the answer of\n\
    GET /_emulator/journal), or one that `avatar record` has written.";

/// How many stretches are said.
const SAID: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The journal; `-` reads standard input
    #[arg(value_name = "FILE.jsonl")]
    journal: PathBuf,
    /// The picture to write; `-` writes it to standard output
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// The conversation of this session
    #[arg(long, value_name = "ID", conflicts_with = "visitor")]
    session: Option<String>,
    /// All conversations of this visitor together
    #[arg(long, value_name = "ID")]
    visitor: Option<String>,
    /// Begin so long after the conversation's beginning, for example 3s
    #[arg(long, value_name = "TIME")]
    from: Option<Millis>,
    /// End so long after the conversation's beginning, for example 15s
    #[arg(long, value_name = "TIME")]
    to: Option<Millis>,
    /// List the conversations, each with its length and its longest wait
    #[arg(long, conflicts_with_all = ["svg", "session", "visitor", "from", "to"])]
    list: bool,
    /// The picture's width in pixels, 320 to 4000 [default: 1200]
    #[arg(long, value_name = "PIXELS", requires = "svg", value_parser = clap::value_parser!(u32).range(320..=4000))]
    width: Option<u32>,
    /// The picture's colours: auto (as the reader prefers), light or dark
    #[arg(long, value_name = "THEME", requires = "svg", default_value = "auto")]
    theme: Theme,
    /// Draw the time in which nothing happens in its length
    #[arg(long, requires = "svg")]
    whole: bool,
    /// Overwrite the picture if it exists
    #[arg(long, requires = "svg")]
    force: bool,
}

pub(crate) fn run(args: &TraceArgs) -> Result<(), Failure> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::new(exit::USAGE, "--from is not before --to"));
    }
    let journal = read(&args.journal)?;
    let conversations = journal.conversations();
    if args.list {
        return say(&list(&conversations));
    }
    let Some(timeline) = chosen(args, &journal, &conversations)? else {
        return say(&format!("{}\n{}", list(&conversations), "Choose one with --session or --visitor.\n"));
    };
    if args.from.is_some_and(|from| from > timeline.length()) {
        let long = length(timeline.length());
        return Err(Failure::new(
            exit::USAGE,
            format!("--from is beyond the end: the conversation is {long} long"),
        ));
    }
    let Some(out) = &args.svg else {
        return say(&in_words(args, &timeline));
    };
    let options = Options {
        from: args.from,
        to: args.to,
        width: args.width,
        theme: args.theme,
        whole: args.whole,
        ..Options::default()
    };
    let picture = svg(&timeline, &options);
    if out == Path::new("-") {
        return say(&picture);
    }
    let mut file = record::create(out, args.force, "--svg")?;
    file.write_all(picture.as_bytes())
        .map_err(|error| Failure::new(exit::FAILURE, format!("{} is not whole: {error}", out.display())))?;
    let wait = timeline.longest_wait().map(|wait| format!("; longest wait {}", length(wait.length())));
    let (long, wait) = (length(timeline.length()), wait.unwrap_or_default());
    say(&format!(
        "{}: {}, {long}{wait}\n",
        out.display(),
        name(timeline.session.as_deref(), timeline.visitor.as_deref())
    ))
}

fn read(path: &Path) -> Result<Journal, Failure> {
    let mut bytes = Vec::new();
    let (name, read) = match path == Path::new("-") {
        true => ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(drop)),
        false => (path.display().to_string(), std::fs::read(path).map(|read| bytes = read)),
    };
    let wrong =
        |why: &dyn std::fmt::Display| Failure::new(exit::USAGE, format!("{name}: {why}")).advise(TAKES);
    read.map_err(|error| wrong(&format!("it cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(&"it is not a journal, but not text at all"))?;
    Journal::parse(&text).map_err(|error| wrong(&error))
}

/// The conversation to show; `None` if there are several and none is chosen.
fn chosen(
    args: &TraceArgs,
    journal: &Journal,
    conversations: &[Conversation],
) -> Result<Option<Timeline>, Failure> {
    let unknown = |what: &str, id: &str| {
        let failure = Failure::new(exit::USAGE, format!("there is no {what} {id} in this journal"));
        failure.advise(list(conversations).trim_end())
    };
    if let Some(session) = &args.session {
        return journal.of_session(session).map(Some).ok_or_else(|| unknown("session", session));
    }
    if let Some(visitor) = &args.visitor {
        return journal.of_visitor(visitor).map(Some).ok_or_else(|| unknown("visitor", visitor));
    }
    match conversations {
        [] => Err(Failure::new(exit::FAILURE, "there is no conversation in this journal").advise(
            "No entry names a visitor or a session. Let a client talk with the emulator, and read the journal again.",
        )),
        [Conversation { session: Some(session), .. }] => Ok(journal.of_session(session)),
        [Conversation { visitor: Some(visitor), .. }] => Ok(journal.of_visitor(visitor)),
        several if args.svg.is_some() => {
            let failure = format!("there are {} conversations in this journal", several.len());
            let advice = format!("{}\nChoose one with --session or --visitor.", list(several));
            Err(Failure::new(exit::USAGE, failure).advise(advice))
        }
        _ => Ok(None),
    }
}

/// A line for each conversation.
fn list(conversations: &[Conversation]) -> String {
    let mut text = String::new();
    for conversation in conversations {
        let Conversation { session, visitor, messages, longest_wait, .. } = conversation;
        let (long, whose) = (length(conversation.length), name(session.as_deref(), visitor.as_deref()));
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "{whose}\n    {long}, {messages} {}",
            if *messages == 1 { "message" } else { "messages" }
        );
        if let Some(wait) = longest_wait {
            let _ = writeln!(text, "    longest wait {}: {}", length(wait.length()), wait.said());
        }
    }
    match text.is_empty() {
        true => "There is no conversation in this journal.\n".to_owned(),
        false => text,
    }
}

/// The longest stretches.
fn in_words(args: &TraceArgs, timeline: &Timeline) -> String {
    let (strong, note) = (style::AVATAR, style::NOTE);
    let whose = name(timeline.session.as_deref(), timeline.visitor.as_deref());
    let mut text = format!("{strong}{whose}{strong:#}\n{} long\n\n", length(timeline.length()));
    let is_inside = |stretch: &&Stretch| {
        let (from, to) = (stretch.from - timeline.start, stretch.to - timeline.start);
        args.to.is_none_or(|until| from <= until) && args.from.is_none_or(|begin| to >= begin)
    };
    for stretch in timeline.stretches.iter().filter(is_inside).take(SAID) {
        let (long, at) = (length(stretch.length()), length(stretch.from - timeline.start));
        let _ = writeln!(text, "{strong}{long:>13}{strong:#}  {}, {note}at {at}{note:#}", stretch.said());
    }
    let _ = writeln!(text, "\n{note}A picture of it: --svg FILE.svg{note:#}");
    text
}

/// Whose a conversation is. Ids come from a file, and may hold anything.
fn name(session: Option<&str>, visitor: Option<&str>) -> String {
    let shown = |id: &str| id.escape_debug().take(120).collect::<String>();
    let visitor = visitor.map(|visitor| format!("visitor {}", shown(visitor)));
    match (session.map(|session| format!("session {}", shown(session))), visitor) {
        (Some(session), Some(visitor)) => format!("{session} of {visitor}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "a conversation".to_owned(),
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Failure::output_closed())
}
