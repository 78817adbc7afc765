//! The emulator as a program.

use std::process::ExitCode;

use clap::Parser;
use secondme_avatar_emulator::{EmulatorArgs, run};

/// The SecondMe avatar service on one machine, for tests and demonstrations
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    emulator: EmulatorArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse().emulator).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the error cannot be shown.
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("error: {error}\n"));
            ExitCode::from(2)
        }
    }
}
