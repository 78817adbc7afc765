//! `avatar`: talk with a SecondMe avatar from a terminal.

mod args;
mod chat;
mod commands;
mod demo;
mod doctor;
mod editor;
mod exit;
mod interactive;
mod lively;
mod log;
mod names;
mod piped;
mod presenter;
mod record;
mod screen;
mod serve;
mod service;
mod session;
mod store;
mod style;
mod survey;
mod terminal;
mod trace;
mod ui;
mod visitor;
mod wrap;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::exit::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(_) if args::key_among_arguments() => return args::key_as_argument().report(),
        Err(error) => error.exit(),
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        // Two threads, so the conversation and its heartbeats continue while a slow terminal blocks one.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::FAILURE, format!("no thread can be started: {error}")))
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(cli));
            // Only a thread that reads the keyboard may be left.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Chat(args) => chat::run(args).await,
        Command::Demo(args) if args.console => lively::run(&args).await,
        Command::Demo(_) => demo::run().await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Survey(args) => survey::run(args).await,
        Command::Record(args) => record::run(*args).await,
        Command::Trace(args) => trace::run(&args),
        Command::Serve(args) => serve::run(*args).await,
        Command::Store(args) => store::run(&args.command),
        Command::Emulator(args) => secondme_avatar_emulator::run(*args).await.map_err(Failure::from),
    }
}
