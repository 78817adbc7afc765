//! The command line of `avatar serve`.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secondme_avatar::Door;

use super::store_place::StorePlace;
use crate::args::duration;

pub(crate) const HELP: &str = "\
It puts the avatar behind the API of OpenAI, so that programs which speak with models speak with it:
chat completions and responses, streamed and whole. Each person of those programs is a visitor of their own.

Examples:
  avatar serve --emulator                         try it: no key, no network
  SECONDME_API_KEY=sk-… avatar serve --store avatar.db
  curl http://127.0.0.1:8642/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{\"model\": \"avatar\", \"user\": \"ada\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'

Environment, beside that of `avatar --help`:
  SECONDME_API_KEY_<NAME>         one more key, which is the model avatar-<name>
  SECONDME_SERVE_TOKEN            what callers have to show: a token, or name:token,name:token
  SECONDME_SERVE_STORE            what --store says, for a URL with a password
  SECONDME_SERVE_OPENWEBUI_SECRET the secret of Open WebUI's FORWARD_USER_INFO_HEADER_JWT_SECRET

Its address, flags, errors and limits: docs/gateway.md. Exit codes: see `avatar --help`.";

/// The port, where the command line names none.
const PORT: u16 = 8642;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Port to listen on; 0 takes any free one [default: 8642]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Address to listen on. Beyond loopback callers have to show a token [default: 127.0.0.1]
    #[arg(long)]
    pub(crate) host: Option<IpAddr>,
    /// Print one line of JSON when ready: base_url and models
    #[arg(long)]
    pub(crate) json: bool,
    /// Say what is configured, without secrets and without listening, and end
    #[arg(long)]
    pub(crate) check: bool,
    /// Settings from a file in TOML or JSON, keys and tokens among them; the other options overrule it
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Print the JSON schema of such a file, for editors, and end
    #[arg(long)]
    pub(crate) schema: bool,
    /// Stop when standard input ends, and so with the program that started this, however that ends
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,
    /// Serve the built-in emulator's avatar: no key, no network
    #[arg(long, conflicts_with_all = ["base_url", "key_files"])]
    pub(crate) emulator: bool,
    /// What the emulator's avatar says: `echo`, `demo`, or a script file in YAML [default: echo]
    #[arg(long, value_name = "echo|demo|FILE.yaml", requires = "emulator")]
    pub(crate) script: Option<String>,
    /// A file that holds an API key: of the model `avatar`, or with a name of `avatar-NAME`; may be given several times
    #[arg(long = "key-file", value_name = "[NAME=]FILE")]
    pub(crate) key_files: Vec<String>,
    /// A file that holds what callers have to show: a token, or lines of name:token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Where the service is: a URL, or `production`, `pre-release` or `gateway` [env: SECONDME_BASE_URL] [default: production]
    #[arg(long, value_name = "URL|NAME", visible_alias = "environment")]
    pub(crate) base_url: Option<String>,
    /// Which API of the service to use: avatar-open-api, or visitor-chat with SECONDME_CLIENT_ID and _SECRET
    #[arg(long, value_name = "DOOR")]
    pub(crate) door: Option<Door>,
    /// A SQLite file, or the URL of a Redis, that keeps sessions, and what the owner said, beyond the process. A URL with a
    /// password: in SECONDME_SERVE_STORE or in the settings
    #[arg(long = "store", value_name = "FILE|URL")]
    pub(crate) store_argument: Option<OsString>,
    /// What that says, or the environment, or the settings.
    #[arg(skip)]
    pub(crate) store: Option<StorePlace>,
    /// How many visitors of a model may have a socket at a time
    #[arg(long, value_name = "N")]
    pub(crate) max_live: Option<usize>,
    /// How many authentications a minute the API key has: each new visitor needs one [default: 60]
    #[arg(long, value_name = "N")]
    pub(crate) quota: Option<usize>,
    /// How long a visitor is silent before its socket is given up: what the owner says then comes with the next answer
    /// [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) idle_after: Option<Duration>,
    /// Take all callers that name no visitor for one and the same. They can then read each other's conversation
    #[arg(long)]
    pub(crate) one_visitor: bool,
    /// What has a conversation of its own: each visitor, or each chat of a visitor [default: visitor]
    #[arg(long, value_name = "visitor|chat")]
    pub(crate) session_per: Option<SessionPer>,
    /// What becomes of prompts that no person wrote: titles, tags, follow-up questions [default: answer]
    #[arg(long, value_name = "answer|forward|refuse")]
    pub(crate) tasks: Option<Tasks>,
    /// A web page that may call the gateway from a browser, such as `https://chat.example`; may be given several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allow_origins: Vec<String>,
    /// Tell on /metrics what was done, in the text format of Prometheus
    #[arg(long)]
    pub(crate) metrics: bool,
    /// How long a question waits for an owner who has the conversation in person [default: 25s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) owner_wait: Option<Duration>,
}

impl ServeArgs {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), self.port.unwrap_or(PORT))
    }

    pub(crate) fn door(&self) -> Door {
        self.door.unwrap_or_default()
    }

    pub(crate) fn session_per(&self) -> SessionPer {
        self.session_per.unwrap_or(SessionPer::Visitor)
    }

    pub(crate) fn tasks(&self) -> Tasks {
        self.tasks.unwrap_or(Tasks::Answer)
    }
}

/// What has a conversation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SessionPer {
    Visitor,
    Chat,
}

/// What becomes of prompts that no person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tasks {
    /// They are answered here, and the avatar never sees them.
    Answer,
    /// They go to the avatar like all other words.
    Forward,
    /// They are an error.
    Refuse,
}
