//! `avatar chat`.

use std::path::PathBuf;
use std::time::Duration;

use secondme_avatar_emulator::brain::Script;
use secondme_avatar_emulator::{Brain, Emulator};

use crate::args::ChatArgs;
use crate::exit::{self, Failure};
use crate::screen::Look;
use crate::service::Service;
use crate::session::Session;
use crate::terminal::{Quiet, Stop};
use crate::ui::{self, Ui};
use crate::{editor, interactive, log, piped, visitor};

/// The speed of the emulator's avatar when a person watches.
pub(crate) const THINKS: Duration = Duration::from_millis(250);
pub(crate) const SPEAKS: Duration = Duration::from_millis(40);

pub(crate) async fn run(args: ChatArgs) -> Result<(), Failure> {
    let attended = ui::attended();
    let ui = Ui::new(if attended { Look::Terminal } else { Look::Answers });
    log::start(&ui)?;
    let visitor = visitor::visitor(&args)?;
    let stop = Stop::listen()?;
    let service = service(&args, attended).await?;
    if !attended {
        let mut session = Session::open(&ui, stop, service, visitor, args.timeout).await?;
        let outcome = piped::run(&mut session).await;
        return session.close(outcome).await;
    }
    let _quiet = Quiet::start();
    let mut editor = editor::Editor::start().await?;
    ui.measure(editor.columns());
    let mut session = Session::open(&ui, stop, service, visitor, args.timeout).await?;
    ui.note(match session.emulator {
        Some(_) => "/help lists the commands, /owner speaks as the avatar's owner, Ctrl-D leaves",
        None => "/help lists the commands, Ctrl-D leaves",
    });
    let outcome = interactive::run(&mut session, &mut editor).await;
    session.close(outcome).await
}

async fn service(args: &ChatArgs, watched: bool) -> Result<Service, Failure> {
    if !args.emulator {
        return Service::remote(args.base_url.as_deref(), args.door);
    }
    let options = Emulator::builder().brain(brain(args.script.as_deref())?);
    let options = match watched {
        true => options.piece_delay(SPEAKS).configure(|settings| settings.reply_delay = THINKS.into()),
        false => options,
    };
    Service::emulated(options, args.door).await
}

/// What the emulator's avatar says, by the option `--script`.
pub(crate) fn brain(of: Option<&str>) -> Result<Brain, Failure> {
    match of {
        None | Some("echo") => Ok(Brain::Echo),
        Some("demo") => Ok(Brain::demo()),
        Some(path) => script(path),
    }
}

fn script(path: &str) -> Result<Brain, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(exit::USAGE, format!("{}: {error}", PathBuf::from(path).display())).advise(
            "--script takes echo, demo, or the path of a YAML file; its format is in emulator/README.md.",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    Ok(Script::parse(&text).map_err(|error| wrong(&error))?.into())
}
