//! `avatar demo`: a conversation to watch, then to take part in. Only the visitor's questions are written here;
//! everything else comes over the wire.

use std::time::Duration;

use secondme_avatar::{Author, Door, Visitor};
use secondme_avatar_emulator::{Brain, Emulator};

use crate::editor::Editor;
use crate::exit::Failure;
use crate::screen::Look;
use crate::service::Service;
use crate::session::Session;
use crate::terminal::{Quiet, Stop};
use crate::ui::{self, Ui};
use crate::{interactive, log};

/// The visitor's questions, and how long a person takes to read before each.
const QUESTIONS: [(&str, Duration); 3] = [
    ("Tell me about yourself", Duration::from_millis(2200)),
    ("Can I talk to the real Ada?", Duration::from_millis(2600)),
    ("Thank you, Ada! Is the avatar back?", Duration::from_millis(3400)),
];

/// The speed of the demo.
struct Pace {
    /// The time between two keys.
    types: Duration,
    /// The time between two pieces of a reply.
    speaks: Duration,
    /// Whether a person reads along.
    read: bool,
}

const WATCHED: Pace =
    Pace { types: Duration::from_millis(45), speaks: Duration::from_millis(55), read: true };
const UNWATCHED: Pace = Pace { types: Duration::ZERO, speaks: Duration::from_millis(5), read: false };

pub(crate) async fn run() -> Result<(), Failure> {
    let watched = ui::watched();
    let (look, pace) = if watched { (Look::Terminal, WATCHED) } else { (Look::Transcript, UNWATCHED) };
    let ui = Ui::new(look);
    log::start(&ui)?;
    let stop = Stop::listen()?;
    let quiet = Quiet::start().filter(|_| watched);
    let mut editor = match ui::attended() {
        true => Some(Editor::start().await?),
        false => None,
    };
    if let Some(editor) = &editor {
        ui.measure(editor.columns());
    }
    let options = Emulator::builder().brain(Brain::demo()).piece_delay(pace.speaks);
    let service = Service::emulated(options, Door::AvatarOpenApi).await?;
    let visitor = Visitor::random("demo").map_err(secondme_avatar::Error::from)?;
    if watched {
        ui.note("A conversation with an avatar. The service is an emulator on this machine.");
    }
    let mut session = Session::open(&ui, stop, service, visitor, None).await?;
    let mut outcome = play(&mut session, &pace).await;
    if let (Ok(()), Some(editor)) = (&outcome, &mut editor) {
        if let Some(quiet) = &quiet {
            quiet.forget_typed();
        }
        ui.note("Your turn: say something. /owner TEXT speaks as Ada, /help lists the rest, Ctrl-D leaves.");
        outcome = interactive::run(&mut session, editor).await;
    }
    session.close(outcome).await
}

async fn play(session: &mut Session, pace: &Pace) -> Result<(), Failure> {
    for (question, reading) in QUESTIONS {
        if pace.read {
            session.watch(reading).await?;
        }
        type_out(session, question, pace).await?;
        let ask = session.chat.ask(question);
        session.ask(ask).await?;
    }
    if pace.read {
        session.watch(QUESTIONS[0].1).await?;
    }
    Ok(())
}

async fn type_out(session: &mut Session, question: &str, pace: &Pace) -> Result<(), Failure> {
    session.ui.begin(Author::Visitor);
    if pace.types.is_zero() {
        session.ui.piece(question);
    } else {
        let mut key = [0; 4];
        for letter in question.chars() {
            session.ui.piece(letter.encode_utf8(&mut key));
            session.watch(pace.types).await?;
        }
        session.watch(5 * pace.types).await?;
    }
    session.ui.end();
    Ok(())
}
