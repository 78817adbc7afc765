//! What a client hears of what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secondme_avatar_emulator::service::{Author as Said, DeadSocketSend, Redelivery, State};
use secondme_avatar_protocol::{EventKind, Gap, Millis, Reply};
use serde_json::Value;

use super::{Property, Terms, Verdict};
use crate::client::ClientId;
use crate::life::{REPLY_LENGTH, is_begin_of_reply};
use crate::sight::{Sight, plain};
use crate::world::World;

/// A message's id, if it has one, and text.
type Piece = (Option<String>, String);

/// Between the first and the last frame of a reply lies less than this.
const STREAM: Duration = Duration::from_secs(30);

/// No reply and no message of the owner is lost or delivered twice.
///
/// *Lost*, looked at in calm weather: of each session that is open, each message that the service has
/// was heard in full, or the client was told that something may be missing
/// (`Reconnected { gap: Unknown }`) when it was said or later. Where the service does not let visitors
/// ask for the past, does not name its frames, or sends them in any order, no client can know what never
/// came: there, whatever came over the socket was heard. The same holds for what was on its way when a
/// client was killed, if the service takes messages for dead sockets and their answers reach no socket;
/// and where such a service counts every call against the quota as well, so that it can refuse to be
/// asked for as long as a client would ask. What the owner says in a new session before it is open for
/// the first time may be missed: the owner sees it a moment before its socket is up.
///
/// *Twice*, looked at with each event: what was heard of a reply is its beginning, piece by piece.
/// Where pieces may be lost for good (as above, or after an unknown gap) it is only not longer than the
/// reply. Frames without a name that come again (the network doubles them, or the service repeats what
/// it cannot know to be acknowledged, a query finds them as well) are as good as new ones, so there
/// nothing is claimed; nor for a
/// session whose client was killed, if the service repeats what was acknowledged into nothing, or the
/// last frame was not the newest: the record has the last frame, not all that ever came.
#[derive(Debug)]
pub(super) struct Heard {
    terms: Terms,
    /// By session and message.
    heard: BTreeMap<(String, String), String>,
    /// What was heard of these, up to here, is all of it, as far as their hearers know. What comes behind it is half
    /// said again.
    whole: BTreeMap<(String, String), usize>,
    /// Without a name: by session and text, how often.
    unnamed: BTreeMap<(String, String), u32>,
    /// Until when a session may lack something.
    may_lack: BTreeMap<String, Millis>,
    /// When a session was first open.
    opened: BTreeMap<String, Millis>,
    /// Sessions of killed clients.
    told_before: BTreeSet<String>,
    /// Sessions of clients that were killed before all they had heard was kept: that is heard again.
    told_unsaved: BTreeSet<String>,
    sessions: BTreeMap<ClientId, BTreeSet<String>>,
    /// What did not fit, and its session: in the same step it may be told that something may be missing.
    lacking: Option<(String, String)>,
    /// What came over the socket, by session if it has one, otherwise by client.
    came: BTreeMap<Result<String, ClientId>, Vec<Piece>>,
}

impl Heard {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            heard: BTreeMap::new(),
            whole: BTreeMap::new(),
            unnamed: BTreeMap::new(),
            may_lack: BTreeMap::new(),
            opened: BTreeMap::new(),
            told_before: BTreeSet::new(),
            told_unsaved: BTreeSet::new(),
            sessions: BTreeMap::new(),
            lacking: None,
            came: BTreeMap::new(),
        }
    }

    fn tells_all(&self) -> bool {
        let heard_of =
            self.terms.only_auth_counts() || self.terms.settings.dead_socket_send == DeadSocketSend::Refused;
        self.terms.named() && self.terms.asks() && !self.terms.reorders && heard_of
    }

    /// Whether the same may come again without a client being able to tell.
    fn may_repeat(&self, session: &str) -> bool {
        let repeats = self.terms.settings.redelivery != Redelivery::Never;
        self.terms.may_double()
            || self.told_unsaved.contains(session)
            || (!self.terms.named() && (repeats || self.terms.doubles || self.terms.asks()))
            || ((repeats || self.terms.reorders) && self.told_before.contains(session))
    }

    fn hear(&mut self, session: &str, id: Option<&str>, text: &str) -> Verdict {
        let may_repeat = self.may_repeat(session);
        let Some(id) = id else {
            let times = self.unnamed.entry((session.to_owned(), text.to_owned())).or_default();
            *times += 1;
            // The messages of one turn say the same, and have no names.
            let twice = *times > self.terms.settings.replies_per_question as u32 + 1
                && !may_repeat
                && self.terms.settings.frame_fields
                    == secondme_avatar_emulator::service::FrameFields::Documented;
            return if twice { Err(format!("{text:?} is heard twice in {session}")) } else { Ok(()) };
        };
        let strict = self.tells_all() && !self.may_lack.contains_key(session);
        let so_far = self.heard.entry((session.to_owned(), id.to_owned())).or_default();
        so_far.push_str(text);
        if may_repeat {
            return Ok(());
        }
        let owners = so_far.starts_with("own");
        let fits = if owners || !strict { so_far.len() <= REPLY_LENGTH } else { is_begin_of_reply(so_far) };
        if !fits {
            let what = format!("of {id} in {session} this was heard: {so_far:?}");
            self.lacking.get_or_insert_with(|| (session.to_owned(), what));
        }
        Ok(())
    }

    /// What was heard so far is all of it.
    fn is_whole(&mut self, session: &str, id: &str) {
        let what = (session.to_owned(), id.to_owned());
        let length = self.heard.get(&what).map_or(0, String::len);
        self.whole.insert(what, length);
    }

    /// A reply is what its pieces were.
    fn is_its_pieces(&mut self, session: &str, reply: &Reply) -> Verdict {
        let Some(id) = &reply.id else {
            return Ok(());
        };
        self.is_whole(session, id.as_str());
        let pieces = self.heard.get(&(session.to_owned(), id.as_str().to_owned()));
        let pieces = pieces.map(String::as_str).unwrap_or_default();
        if pieces.ends_with(reply.text.as_str()) {
            return Ok(());
        }
        Err(format!("the reply {id} is {:?}, its pieces were {pieces:?}", reply.text.as_str()))
    }

    fn came(&mut self, world: &World, client: ClientId, frame: &Value) {
        let kind = frame["type"].as_str().unwrap_or("msg");
        let texts = [&frame["multipleData"][0]["modal"]["answer"], &frame["data"]["content"]];
        let Some(text) = texts.into_iter().find_map(Value::as_str).filter(|text| !text.is_empty()) else {
            return;
        };
        let of_avatar = frame["sender"] == "umm";
        if kind == "msg" && (of_avatar || text.starts_with("own")) {
            let whose = plain(&frame["sessionId"]).ok_or(client);
            let machine = &world.of(client).machine;
            let is_open = |session: &String| {
                let mut sessions =
                    machine.conversations().into_iter().filter_map(|key| machine.session_id(key));
                sessions.any(|open| open.as_str() == session)
            };
            if !whose.as_ref().map_or(true, is_open) {
                return; // It concerns no client until the session is opened again.
            }
            let what = (plain(&frame["messageId"]), text.to_owned());
            self.came.entry(whose).or_default().push(what);
        }
    }

    /// The client that heard them was killed. The next one hears what was half said from its beginning, where the
    /// service can be asked.
    fn forget_half_said(&mut self, sessions: &BTreeSet<String>) {
        // Where pieces came behind the end of their reply, they are half said again.
        let is_kept = |session: &str, (id, text): &Piece| {
            let Some(id) = id else {
                return false;
            };
            let what = (session.to_owned(), id.clone());
            let Some(whole) = self.whole.get(&what) else {
                return false;
            };
            let heard = self.heard.get(&what).map(String::as_str).unwrap_or_default();
            let before = heard.get(..*whole).unwrap_or_default();
            before.contains(text.as_str()) || !heard.contains(text.as_str())
        };
        for session in sessions {
            if let Some(pieces) = self.came.get_mut(&Ok(session.clone())) {
                pieces.retain(|piece| is_kept(session, piece));
            }
        }
        let whole = &self.whole;
        self.heard.retain(|what, heard| {
            if sessions.contains(&what.0) {
                heard.truncate(whole.get(what).copied().unwrap_or_default());
            }
            !heard.is_empty()
        });
    }

    /// Whatever came over the socket for this session was delivered.
    fn handed_on(&self, session: &str) -> Verdict {
        for (id, text) in self.came.get(&Ok(session.to_owned())).into_iter().flatten() {
            let id = id.as_deref().unwrap_or_default();
            let heard = self.heard.get(&(session.to_owned(), id.to_owned()));
            if !heard.is_some_and(|heard| heard.contains(text.as_str())) {
                return Err(format!("{text:?} of {id} came in {session}, and was never delivered"));
            }
        }
        Ok(())
    }

    /// Whether a piece that came without its session was delivered in any.
    fn is_heard_somewhere(&self, (id, text): &Piece) -> bool {
        let Some(id) = id else {
            return self.unnamed.keys().any(|(_, heard)| heard == text);
        };
        self.heard.iter().any(|((_, message), heard)| message == id && heard.contains(text.as_str()))
            || self.unnamed.keys().any(|(_, heard)| heard == text)
    }

    fn heard_in_full(&self, session: &str, state: &State) -> Verdict {
        let Some(known) = state.session(session) else {
            return Ok(()); // The service has forgotten it.
        };
        let may_lack = self.may_lack.get(session);
        let Some(opened) = self.opened.get(session) else {
            return Ok(());
        };
        for message in known.messages.iter().filter(|message| message.author != Said::Visitor) {
            if message.timestamp < opened.0
                || may_lack.is_some_and(|until| message.timestamp <= (*until + STREAM).0)
            {
                continue;
            }
            let heard = self.heard.get(&(session.to_owned(), message.message_id.clone()));
            let heard = heard.map(String::as_str).unwrap_or_default();
            if heard != message.text && !(self.may_repeat(session) && heard.contains(&message.text)) {
                return Err(format!(
                    "{} in {session} is {:?} (at {}), heard was {heard:?}",
                    message.message_id, message.text, message.timestamp
                ));
            }
        }
        Ok(())
    }
}

impl Property for Heard {
    fn name(&self) -> &'static str {
        "nothing said is lost or heard twice"
    }

    fn see(&mut self, world: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Event(client, event) => {
                // Before it is known which session is made, a frame without a name is the only one's.
                let session = event.session_id.as_ref().map_or("", |session| session.as_str());
                let known = self.sessions.entry(*client).or_default();
                if !known.contains(session) {
                    known.insert(session.to_owned());
                }
                match &event.kind {
                    EventKind::ReplyDelta { reply_id, text, .. } => {
                        return self.hear(session, reply_id.as_ref().map(|id| id.as_str()), text.as_str());
                    }
                    EventKind::Reply(reply) => return self.is_its_pieces(session, reply),
                    EventKind::OwnerReply(reply) => {
                        let id = reply.id.as_ref().map(|id| id.as_str());
                        self.hear(session, id, reply.text.as_str())?;
                        id.into_iter().for_each(|id| self.is_whole(session, id));
                    }
                    EventKind::Unattributed { text, .. } => return self.hear(session, None, text.as_str()),
                    EventKind::Opened { .. } => {
                        self.opened.entry(session.to_owned()).or_insert(world.now());
                    }
                    EventKind::Reconnected { gap: Gap::Unknown } => {
                        self.may_lack.insert(session.to_owned(), world.now());
                    }
                    _ => {}
                }
            }
            Sight::Came(client, _, frame) => self.came(world, *client, frame),
            Sight::Killed { client, saved } => {
                let sessions = self.sessions.remove(client).unwrap_or_default();
                self.forget_half_said(&sessions);
                if self.terms.settings.dead_socket_send == DeadSocketSend::AnswerLost {
                    let lacks = sessions.iter().map(|session| (session.clone(), world.now()));
                    self.may_lack.extend(lacks);
                }
                if !saved {
                    self.told_unsaved.extend(sessions.iter().cloned());
                }
                self.told_before.extend(sessions);
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World) -> Verdict {
        match self.lacking.take() {
            Some((session, _)) if self.may_lack.get(&session) == Some(&world.now()) => Ok(()),
            Some((_, what)) => Err(what),
            None => Ok(()),
        }
    }

    fn calm(&mut self, world: &World, state: &State) -> Verdict {
        for (client, one) in world.clients().filter(|(_, one)| !one.is_gone()) {
            for key in one.machine.conversations() {
                let Some(session) = one.machine.session_id(key) else {
                    continue;
                };
                self.handed_on(session.as_str())?;
                if self.tells_all() {
                    self.heard_in_full(session.as_str(), state)?;
                }
            }
            if one.machine.is_closed() {
                continue;
            }
            for piece in self.came.get(&Err(client)).into_iter().flatten() {
                if !self.is_heard_somewhere(piece) {
                    let (_, text) = piece;
                    return Err(format!("{text:?} came to {client:?}, and was never delivered"));
                }
            }
        }
        Ok(())
    }
}
