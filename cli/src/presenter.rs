//! Shows the events of a conversation on the screen.

use std::time::{Duration, Instant};

use secondme_avatar::{
    Author, CloseReason, Ended, Error, Event, EventKind, Gap, MessageId, NoticeKind, Part, Reply,
    ServiceError,
};

use crate::screen::Look;
use crate::ui::Ui;

/// How long a connection stays lost before that is mentioned again.
const MENTION_AGAIN: Duration = Duration::from_secs(10);

/// What an event means for a pending question.
#[derive(Debug)]
pub(crate) enum Shown {
    /// Nothing.
    Aside,
    /// An answer has begun.
    Piece,
    /// An answer is complete.
    Answer,
    /// There will be no answer.
    NoAnswer,
    /// The conversation is over.
    Closed(Option<Error>),
}

#[derive(Debug)]
pub(crate) struct Presenter {
    ui: Ui,
    /// The reply that is being shown piece by piece.
    current: Option<Option<MessageId>>,
    /// The last reply that was shown completely.
    shown: Option<Reply>,
    /// The owner has taken over, and the avatar has not answered since.
    taken_over: bool,
    /// When the lost connection was last mentioned.
    lost: Option<Instant>,
}

impl Presenter {
    pub(crate) fn new(ui: Ui) -> Self {
        Self { ui, current: None, shown: None, taken_over: false, lost: None }
    }

    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// Whether this is the last reply that was shown completely.
    pub(crate) fn has_shown(&self, reply: &Reply) -> bool {
        self.shown.as_ref() == Some(reply)
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.lost.is_some()
    }

    /// The owner has handed back. The service does not tell the visitor.
    pub(crate) fn handed_back(&mut self) {
        self.taken_over = false;
    }

    pub(crate) fn show(&mut self, event: Event, prompt: bool) -> Shown {
        match event.kind {
            EventKind::Opened { opening, .. } => self.opened(&opening),
            EventKind::ReplyDelta { reply_id, text, .. } => return self.piece(reply_id, &text, prompt),
            EventKind::Reply(reply) | EventKind::OwnerReply(reply) => return self.reply(*reply),
            EventKind::Unattributed { author: author @ (Author::Avatar | Author::Owner), text } => {
                self.ui.message(author, &text);
                return Shown::Answer;
            }
            EventKind::Notice { kind, text } if !text.is_empty() => self.ui.note(&notice(&kind, &text)),
            EventKind::ServiceError(failure) => {
                self.end_current();
                self.ui.problem(&service_error(&failure));
                return Shown::NoAnswer;
            }
            EventKind::Disconnected { retry_in, .. } => self.disconnected(retry_in),
            EventKind::Reconnected { gap } => self.reconnected(gap),
            EventKind::WaitingForQuota { wait } => {
                let seconds = wait.as_secs().max(1);
                self.ui.note(&format!("the key's quota is used up: waiting, about {seconds} s"));
            }
            EventKind::Closed { reason } => {
                self.end_current();
                return Shown::Closed(match reason {
                    CloseReason::Failed(error) => Some(error),
                    CloseReason::SessionEnded => {
                        self.ui.note("the service has ended the conversation");
                        None
                    }
                    _ => None,
                });
            }
            _ => {}
        }
        Shown::Aside
    }

    fn opened(&mut self, opening: &str) {
        let names = self.ui.names();
        match (opening.is_empty(), self.ui.look()) {
            (true, _) => self.ui.note(&format!("connected with {}", names.avatar())),
            // This was not asked for, so it is not an answer.
            (false, Look::Answers) => self.ui.note(&format!("{}: {opening}", names.avatar())),
            (false, Look::Terminal | Look::Transcript) => self.ui.message(Author::Avatar, opening),
        }
    }

    fn piece(&mut self, id: Option<MessageId>, text: &str, prompt: bool) -> Shown {
        match &self.current {
            Some(current) if *current == id => self.ui.piece(text),
            // Another reply comes in between. It is shown when it is complete.
            Some(_) => {}
            // Pieces cannot be written around the line that the user types. The reply is shown when it is
            // complete.
            None if prompt => {}
            None => {
                self.avatar_speaks();
                self.ui.begin(Author::Avatar);
                self.ui.piece(text);
                self.current = Some(id);
            }
        }
        Shown::Piece
    }

    fn reply(&mut self, reply: Reply) -> Shown {
        if reply.author == Author::Avatar && self.current.as_ref() == Some(&reply.id) {
            self.end_current();
        } else {
            self.end_current();
            match reply.author {
                Author::Owner => self.owner_speaks(),
                Author::Avatar | Author::Visitor => self.avatar_speaks(),
            }
            if !reply.text.is_empty() {
                self.ui.message(reply.author, &reply.text);
            }
        }
        for part in &reply.parts {
            if let Part::Card(card) = part {
                self.ui.note(&format!("[{}] {}", card.template, card_text(&card.params)));
            }
        }
        if reply.ended == Ended::Limit {
            self.ui.note("the reply is very long; the rest follows");
        }
        self.shown = Some(reply);
        Shown::Answer
    }

    /// A reply whose end has not come stays as it is.
    fn end_current(&mut self) {
        if self.current.take().is_some() {
            self.ui.end();
        }
    }

    fn owner_speaks(&mut self) {
        if !std::mem::replace(&mut self.taken_over, true) {
            let owner = self.ui.names().owner().to_owned();
            self.ui.note(&format!("{owner} has taken over from the avatar"));
        }
    }

    fn avatar_speaks(&mut self) {
        if std::mem::take(&mut self.taken_over) {
            self.ui.note("the avatar is back");
        }
    }

    fn disconnected(&mut self, retry_in: Duration) {
        if self.lost.is_none_or(|said| said.elapsed() >= MENTION_AGAIN) {
            self.ui.note(&match retry_in.as_secs_f64() {
                0.0..0.05 => "connection lost, trying again".to_owned(),
                seconds => format!("connection lost, trying again in {seconds:.1} s"),
            });
            self.lost = Some(Instant::now());
        }
    }

    fn reconnected(&mut self, gap: Gap) {
        self.lost = None;
        self.ui.note(match gap {
            Gap::None => "back; nothing was missed",
            Gap::Filled { .. } => "back; what came meanwhile is here",
            Gap::Unknown => "back; something may be missing, the service cannot say",
        });
    }
}

fn notice(kind: &NoticeKind, text: &str) -> String {
    match kind {
        NoticeKind::Hint => text.to_owned(),
        NoticeKind::Recommend => format!("you might ask: {text}"),
        _ => format!("{}: {text}", kind.name()),
    }
}

fn service_error(failure: &ServiceError) -> String {
    let reason = failure.reason.as_ref().map(|reason| reason.as_str()).filter(|reason| !reason.is_empty());
    let what = match (reason, failure.code.as_str()) {
        (Some(reason), "") => reason.to_owned(),
        (Some(reason), code) if reason.contains(code) => reason.to_owned(),
        (Some(reason), code) => format!("{reason} [{code}]"),
        (None, "") => "it does not say what".to_owned(),
        (None, code) => code.to_owned(),
    };
    let again = if failure.retryable { "; the same message may succeed later" } else { "" };
    format!("the service reports a failure: {what}{again}")
}

/// The text of a card, as far as it has any.
fn card_text(params: &secondme_avatar::Json) -> String {
    let words = ["title", "citation", "text", "content", "description", "url", "link"];
    let said: Vec<&str> = words.iter().filter_map(|word| params.get(word)?.as_str()).collect();
    match (said.is_empty(), params.as_str()) {
        (false, _) => said.join(" – "),
        (true, Some(text)) => text.to_owned(),
        (true, None) => "(a card that cannot be shown here)".to_owned(),
    }
}
