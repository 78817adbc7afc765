//! A conversation at the keyboard.
//!
//! The prompt and a streamed reply take turns. Pieces are written while there is no prompt. While the prompt is
//! shown, whole messages appear above it.

use std::future::IntoFuture as _;
use std::pin::pin;
use std::time::Duration;

use secondme_avatar::Event;
use tokio::time::sleep;

use crate::commands::{self, Typed};
use crate::editor::{Editor, Line};
use crate::exit::{self, Failure};
use crate::presenter::Shown;
use crate::session::{Session, Wheel};

/// How long an answer may take to begin before the prompt returns.
const AVATAR_BEGINS_WITHIN: Duration = Duration::from_secs(20);
/// A person takes longer to answer than the user would wait without a prompt.
const OWNER_BEGINS_WITHIN: Duration = Duration::from_millis(1500);

/// Runs until the user leaves.
pub(crate) async fn run(session: &mut Session, editor: &mut Editor) -> Result<(), Failure> {
    loop {
        let Some(line) = line(session, editor).await? else {
            return Ok(());
        };
        let emulator = session.emulator.is_some();
        match commands::understand(&line, emulator) {
            Typed::Nothing => {}
            Typed::Message(text) => say(session, text).await?,
            Typed::Help => session.ui.note(commands::help(emulator)),
            Typed::History(count) => history(session, count).await?,
            Typed::Owner(text) => owner_says(session, text).await?,
            Typed::HandBack => hand_back(session),
            Typed::Quit => return Ok(()),
            Typed::Wrong(what) => session.ui.problem(&what),
        }
    }
}

/// Returns the next line that the user types; `None` on Ctrl-D. Shows meanwhile what happens, above the prompt.
async fn line(session: &mut Session, editor: &mut Editor) -> Result<Option<String>, Failure> {
    let prompt = session.ui.begin_prompt(editor.printer());
    editor.prompt(prompt);
    let line = loop {
        tokio::select! {
            line = editor.line() => break line,
            event = session.event() => drop(session.show(event?, true)?),
        }
    };
    session.ui.end_prompt();
    match line {
        Line::Text(text) => Ok(Some(text)),
        Line::End => Ok(None),
        Line::Interrupted => Err(Failure::stopped(exit::INTERRUPTED)),
        Line::Failed(error) => {
            Err(Failure::new(exit::FAILURE, format!("the keyboard cannot be read: {error}")))
        }
    }
}

/// Sends a message, and shows what happens until it is answered, or no answer seems to come.
async fn say(session: &mut Session, text: &str) -> Result<(), Failure> {
    let mut sending = pin!(session.chat.send(text).into_future());
    let mut wheel = Wheel::new(String::new());
    let mut answer = Answer::default();
    let sent = loop {
        tokio::select! {
            biased;
            event = session.event() => answer.take(session, event?)?,
            sent = &mut sending => break sent,
            () = wheel.turn() => wheel.show_as(&session.ui, match session.presenter.is_offline() {
                true => "waiting for the connection",
                false => "sending",
            }),
        }
    };
    if let Err(error) = sent {
        let known = error.unsent().is_none_or(|unsent| unsent.certain);
        session.ui.problem(Failure::from(error).message());
        session.ui.note(match known {
            true => "it was not sent; ↑ brings it back",
            false => "it may or may not have been sent; /history may show it",
        });
        return Ok(());
    }
    let taken_over = session.presenter.is_taken_over();
    let mut patience = pin!(sleep(if taken_over { OWNER_BEGINS_WITHIN } else { AVATAR_BEGINS_WITHIN }));
    let mut wheel = Wheel::new(String::new());
    while !answer.ended {
        tokio::select! {
            biased;
            event = session.event() => answer.take(session, event?)?,
            () = &mut patience, if !answer.begun => {
                session.ui.note(if taken_over {
                    "sent; a person may take a while to answer"
                } else {
                    "no answer yet; it will appear here when it comes"
                });
                return Ok(());
            }
            () = wheel.turn() => wheel.show(&session.ui),
        }
    }
    session.ui.clear_status();
    Ok(())
}

/// The progress of a message. An answer to an earlier message counts as well: the service does not say which
/// message it answers, and later answers appear above the prompt.
#[derive(Default)]
struct Answer {
    begun: bool,
    ended: bool,
}

impl Answer {
    fn take(&mut self, session: &mut Session, event: Event) -> Result<(), Failure> {
        match session.show(event, false)? {
            Shown::Piece => self.begun = true,
            Shown::Answer | Shown::NoAnswer => self.ended = true,
            Shown::Aside | Shown::Closed(_) => {}
        }
        Ok(())
    }
}

async fn history(session: &mut Session, count: usize) -> Result<(), Failure> {
    let chat = session.chat.clone();
    let mut asked = pin!(chat.history(count, None));
    let mut wheel = Wheel::new("looking it up".to_owned());
    let messages = loop {
        tokio::select! {
            messages = &mut asked => break messages,
            event = session.event() => drop(session.show(event?, false)?),
            () = wheel.turn() => wheel.show(&session.ui),
        }
    };
    session.ui.clear_status();
    match messages {
        Ok(messages) if messages.is_empty() => session.ui.note("nothing has been said yet"),
        Ok(messages) => {
            for message in messages {
                session.ui.message(message.author, &message.text);
            }
            session.ui.note("that is what was said last");
        }
        Err(error) => session.ui.problem(Failure::from(error).message()),
    }
    Ok(())
}

/// The user plays the owner. The text comes back over the wire.
async fn owner_says(session: &mut Session, text: &str) -> Result<(), Failure> {
    let said = act_as_owner(session, |owner, id| owner.reply(id, text).map(drop));
    if said {
        let mut patience = pin!(sleep(OWNER_BEGINS_WITHIN));
        loop {
            tokio::select! {
                biased;
                event = session.event() => {
                    if matches!(session.show(event?, false)?, Shown::Answer) {
                        break;
                    }
                }
                () = &mut patience => break,
            }
        }
    }
    Ok(())
}

fn hand_back(session: &mut Session) {
    if act_as_owner(session, |owner, id| owner.hand_back(id)) {
        session.presenter.handed_back();
        session.ui.note("handed back: the avatar answers again");
    }
}

fn act_as_owner(
    session: &Session,
    act: impl FnOnce(
        secondme_avatar_emulator::Owner<'_>,
        &str,
    ) -> Result<(), secondme_avatar_emulator::service::Failure>,
) -> bool {
    let (Some(emulator), Some(id)) = (&session.emulator, session.chat.session_id()) else {
        return false;
    };
    match act(emulator.owner(), id.as_str()) {
        Ok(()) => true,
        Err(failure) => {
            session.ui.problem(&format!("the owner cannot do that now: {}", failure.message()));
            false
        }
    }
}
