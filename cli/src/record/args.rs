//! The command line of `avatar record`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) const HELP: &str = "\
It stands between any client and the service. Point the client at the address that it prints; HTTP and the
socket come through it, for both doors. Every secret and every spoken word is replaced before it is written.

Examples:
  avatar record --upstream production --out journal.jsonl
  SECONDME_BASE_URL=http://127.0.0.1:8300/gate/in avatar chat     # in another terminal
  avatar record to-scenario journal.jsonl --out scenario.yaml     # a conversation that plays offline

  avatar emulator --brain demo                                    # try it without a key:
  avatar record --upstream http://127.0.0.1:40123/gate/in --out journal.jsonl

Ctrl-C ends the recording. docs/recording.md says what is replaced, what is kept, and how to send it to us.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RecordArgs {
    #[command(subcommand)]
    pub(crate) what: Option<RecordCommand>,
    /// Where the service is: its URL, or production, pre-release or gateway
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) upstream: Option<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) out: Option<PathBuf>,
    /// Where clients reach the recorder
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8300")]
    pub(crate) listen: SocketAddr,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecordCommand {
    /// Make a scenario of a journal, which plays offline
    ToScenario(ToScenarioArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ToScenarioArgs {
    /// The journal
    #[arg(value_name = "FILE")]
    pub(crate) journal: PathBuf,
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
