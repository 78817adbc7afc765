//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use secondme_avatar::Door;
use secondme_avatar_emulator::EmulatorArgs;

use crate::exit::{self, Failure};
use crate::record::args::RecordArgs;
use crate::serve::args::ServeArgs;
use crate::trace::{self, TraceArgs};
use crate::{record, serve, store};

const AFTER_HELP: &str = "\
Examples:
  avatar demo                                watch a conversation; needs no account and no network
  avatar chat --emulator                     try it yourself, with the emulator on this machine
  SECONDME_API_KEY=sk-… avatar chat          talk with your own avatar
  echo 'Who are you?' | avatar chat          ask from a script
  avatar doctor                              what is wrong, and what to do about it
  avatar emulator --brain demo               the service on this machine, for your own programs
  avatar survey                              what is the service like? writes service.toml, for the emulator
  avatar record --upstream gateway --out F   write down what passes, with nothing private in it
  avatar trace journal.jsonl --svg F.svg     where the time of a conversation went
  avatar serve --store avatar.db             for programs that speak with models: the API of OpenAI
  avatar store list --store avatar.db        whose data a store holds; export and forget do the rest

Environment:
  SECONDME_API_KEY   the avatar's API key: SecondMe app, Avatar Hub → Avatar Detail → API Key Management
  SECONDME_API_KEY_FILE
                     a file that holds the key, in the place of SECONDME_API_KEY
  SECONDME_BASE_URL  where the service is, if not in production: a URL, pre-release or gateway
  SECONDME_CA_FILE   certificates to trust beside the system's, as PEM
  HTTPS_PROXY        the proxy, http://user:password@host:port; NO_PROXY for hosts without it
  SECONDME_LOG       log to stderr: a level such as debug, or a filter such as secondme_avatar::http=trace
  NO_COLOR           no colour

Exit codes:
    0  done                            4  the key's quota is used up: come back later
    1  it failed                       5  the service cannot be reached, or does not work
    2  the command is wrong            6  an allowance is used up: it has to be paid for
    3  no API key, or it was refused 130  stopped with Ctrl-C; 143 with SIGTERM";

const CHAT_HELP: &str = "\
Examples:
  avatar chat --emulator                     no key needed: an echo on this machine; /owner takes over
  avatar chat --emulator --script demo       the same with the avatar of `avatar demo`
  avatar chat --as Grace                     with the name that the avatar's owner sees
  printf 'Hello\\nWho are you?\\n' | avatar chat > answers.txt

On a terminal, /help lists the commands. From a pipe each line is a message as it stands; the answers
go to stdout, everything else to stderr, and the first that fails ends it.

Exit codes: see `avatar --help`.";

const DEMO_HELP: &str = "\
It starts the emulator on this machine and plays a conversation with it: the avatar's opening line,
a question, the reply as it streams in, the owner who takes over in person, the avatar coming back.
On a terminal the keyboard is yours then. Everything you see came over the wire.

With --console six visitors talk until Ctrl-C, and you are the owner: in the browser, at the address
that it prints. `avatar emulator` has the same console for your own programs.";

const DOCTOR_HELP: &str = "\
It opens a conversation as any program does and shows each call with its time: configuration, the API
key, the avatar, the session, the socket, and whether frames come over it. Nothing is said in it, unless
--message does: then the reply must come over the socket as well.

Examples:
  avatar doctor                                    with SECONDME_API_KEY, the service in production
  avatar doctor --emulator --latency 100ms         the library alone, 100 ms away from an emulator
  avatar doctor --json                             one line for a program:
    {\"ok\",\"total_ms\",\"round_trips\",\"steps\":[{\"step\",\"started_ms\",\"ended_ms\",\"ok\",\"error\"}]}

Exit codes: see `avatar --help`.";

const SURVEY_HELP: &str = "\
It asks the service what nothing published answers: whether pings are answered, how soon a silent socket
drops, whether a message that is sent twice is one or two, and more. It says beforehand what that costs,
asks before each question that costs a message, and writes the answers, each with how it was seen.
The file holds no key, token, id, address or word: read it, and send it to us (docs/survey.md).

Examples:
  avatar survey                                    with SECONDME_API_KEY, the service in production
  avatar survey --yes --budget 1                   ask nothing back, and say one thing at most
  avatar survey --door visitor-chat                the second door, with SECONDME_CLIENT_ID and _SECRET
  avatar survey --base-url http://127.0.0.1:8080/gate/in --fast --yes    an emulator, in seconds
  avatar emulator --profile service.toml           a service on this machine that behaves so

Exit codes: see `avatar --help`.";

const EMULATOR_HELP: &str = "\
Examples:
  avatar emulator --brain demo
  avatar emulator --json --port 0            one line with base_url, api_key and control_url
  avatar emulator --latency 100ms --brain script.yaml
  avatar emulator --profile service.toml     as `avatar survey` has seen a service

Point a program at it with SECONDME_BASE_URL and SECONDME_API_KEY. Ctrl-C stops it.";

/// Talk with a SecondMe AI avatar from a terminal.
#[derive(Debug, Parser)]
#[command(name = "avatar", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk with an avatar
    #[command(after_help = CHAT_HELP, next_line_help = true)]
    Chat(ChatArgs),
    /// Watch a conversation with an avatar, then take part; needs no account and no network
    #[command(after_help = DEMO_HELP)]
    Demo(DemoArgs),
    /// Walk every step to the service and say what is wrong, and what to do
    #[command(after_help = DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Find out what the service is like, and write it down for the emulator
    #[command(after_help = SURVEY_HELP)]
    Survey(SurveyArgs),
    /// Stand between a client and the service and write down what passes, with nothing private in it
    #[command(after_help = record::args::HELP)]
    Record(Box<RecordArgs>),
    /// Show where the time of a conversation went, from a journal
    #[command(after_help = trace::HELP)]
    Trace(Box<TraceArgs>),
    /// Put the avatar behind the API of OpenAI, for programs that speak with models
    #[command(after_help = serve::args::HELP)]
    Serve(Box<ServeArgs>),
    /// List, export and delete what a store's file holds of visitors; needs no key and no network
    #[command(after_help = store::HELP)]
    Store(store::StoreArgs),
    /// Run the service on this machine, to develop and test against
    #[command(after_help = EMULATOR_HELP)]
    Emulator(Box<EmulatorArgs>),
}

#[derive(Debug, Default, Args)]
pub(crate) struct ChatArgs {
    /// Talk with the built-in emulator, and play the avatar's owner as well: no key, no network
    #[arg(long, conflicts_with = "base_url")]
    pub(crate) emulator: bool,
    /// What the emulator's avatar says: `echo`, `demo`, or a script file in YAML [default: echo]
    #[arg(long, value_name = "echo|demo|FILE.yaml", requires = "emulator")]
    pub(crate) script: Option<String>,
    /// Your name, as the avatar's owner sees it
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Who you are for the avatar: {platform}_{uuid} [default: the same for you every time]
    #[arg(long, value_name = "ID")]
    pub(crate) visitor: Option<String>,
    /// Where the service is: a URL, or `production`, `pre-release` or `gateway` [env: SECONDME_BASE_URL] [default: production]
    #[arg(long, value_name = "URL|NAME", visible_alias = "environment")]
    pub(crate) base_url: Option<String>,
    /// Which API of the service to use: avatar-open-api, or visitor-chat with SECONDME_CLIENT_ID and _SECRET
    #[arg(long, value_name = "DOOR", default_value_t)]
    pub(crate) door: Door,
    /// How long connecting may take, and each answer: 20s [default: 30s and 2m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DemoArgs {
    /// Let six visitors talk in place of one, and print the address of the emulator's console, where they are seen
    #[arg(long)]
    pub(crate) console: bool,
    /// Open the console in the browser
    #[arg(long, requires = "console")]
    pub(crate) open: bool,
    /// Port of the emulator; 0 takes any free one
    #[arg(long, default_value_t = 0, requires = "console")]
    pub(crate) port: u16,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DoctorArgs {
    /// Examine the library alone, against an emulator on this machine: no key, no network
    #[arg(long, conflicts_with = "base_url")]
    pub(crate) emulator: bool,
    /// How far away the emulator is: 100ms
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "emulator")]
    pub(crate) latency: Option<Duration>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say this as well and wait for the reply; the avatar's owner can read it
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Where the service is: a URL, or `production`, `pre-release` or `gateway` [env: SECONDME_BASE_URL] [default: production]
    #[arg(long, value_name = "URL|NAME", visible_alias = "environment")]
    pub(crate) base_url: Option<String>,
    /// Which API of the service to use: avatar-open-api, or visitor-chat with SECONDME_CLIENT_ID and _SECRET
    #[arg(long, value_name = "DOOR", default_value_t)]
    pub(crate) door: Door,
    /// How long the opening may take, and the reply: 20s [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct SurveyArgs {
    /// Through which API: avatar-open-api, or visitor-chat, which needs SECONDME_CLIENT_ID and
    /// SECONDME_CLIENT_SECRET as well
    #[arg(long, value_name = "DOOR", default_value = "avatar-open-api")]
    pub(crate) door: Door,
    /// Where the answers are written
    #[arg(long, value_name = "FILE", default_value = "service.toml")]
    pub(crate) out: PathBuf,
    /// Put the questions that cost messages without asking back
    #[arg(long)]
    pub(crate) yes: bool,
    /// The most messages that may be sent; questions beyond that are left out
    #[arg(long, value_name = "N")]
    pub(crate) budget: Option<u32>,
    /// The service is an emulator: move its clock on rather than wait
    #[arg(long)]
    pub(crate) fast: bool,
    /// Where the service is, as a URL or as production, pre-release or gateway [env: SECONDME_BASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
}

/// Whether an API key is among the arguments. (`avatar emulator --api-key` takes one, made up for the
/// emulator.)
pub(crate) fn key_among_arguments() -> bool {
    std::env::args_os().skip(1).any(|arg| {
        let arg = arg.to_string_lossy();
        arg.starts_with("sk-") || arg.contains("=sk-")
    })
}

/// clap's own error would repeat the key.
pub(crate) fn key_as_argument() -> Failure {
    Failure::new(exit::USAGE, "an API key does not go among the arguments").advise(
        "As an argument it stands in the process list and in the shell's history. Write:\n\n  \
         export SECONDME_API_KEY=sk-…\n  avatar chat",
    )
}

/// A duration: `20s`, `500ms`, `2m`; a number alone means seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time like 20s, 500ms or 2m".to_owned();
    let digits = text.find(|letter: char| letter != '.' && !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration.is_zero() => Err("it must be longer than nothing".to_owned()),
        Ok(duration) if duration > Duration::from_secs(24 * 60 * 60) => {
            Err("a day is the longest".to_owned())
        }
        Ok(duration) => Ok(duration),
        Err(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("20"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "0", "-1s", "2h", "1.2.3s", "9999999m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
