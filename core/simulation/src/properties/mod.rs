//! What must hold in every run, looked at after every step.
//!
//! Each property is a file. Where a switch or a fault makes it impossible for any client to know, a
//! weaker form holds, and the file says which and why.

mod acks;
mod closed;
mod deadlines;
mod durable;
mod heard;
mod heartbeat;
mod owed;
mod owner;
mod questions;
mod quota;
mod requests;
mod sends;
mod served;
mod slots;
mod unread;
mod visitor_chat;
mod ways_out;

use secondme_avatar_emulator::service::{
    FrameFields, FrameIds, HistoryCalls, QuotaScope, RepeatedMessage, RepliesPerQuestion, State,
};
use secondme_avatar_protocol::{Delivery, Door};

use crate::Settings;
use crate::sight::Sight;
use crate::world::World;

/// What a run is like, as far as it decides which form of a property holds.
#[derive(Clone, Debug)]
pub struct Terms {
    /// By which API the clients reach the service.
    pub door: Door,
    /// The service.
    pub settings: Settings,
    /// What the clients do about unconfirmed messages.
    pub delivery: Delivery,
    /// Frames of one socket may overtake one another.
    pub reorders: bool,
    /// The network may double a frame.
    pub doubles: bool,
    /// The owner speaks.
    pub owner: bool,
    /// The clients know the service's quota, and no other program has the keys.
    pub own_quota: bool,
    /// How many calls a key has in a minute.
    pub quota: usize,
    /// Clients are killed and start again with their record.
    pub restarts: bool,
}

impl Terms {
    /// Frames say which they are, and whose.
    pub fn named(&self) -> bool {
        match self.door {
            Door::AvatarOpenApi => self.settings.frame_fields == FrameFields::All,
            Door::VisitorChat => self.settings.visitor_chat_frame_ids == FrameIds::All,
        }
    }

    /// What was missed can be asked for.
    pub fn asks(&self) -> bool {
        self.door == Door::AvatarOpenApi && self.settings.history_calls == HistoryCalls::There
    }

    /// Whose answer a reply is can be told: nothing is lost for good (the past can be asked for), frames
    /// are named and come in order, answers begin soon (within the 10 s that a question waits for those
    /// before it), the owner is silent, messages are taken once, and no other process sends. Where the avatar answers
    /// in several messages ([`Terms::goes_on`]), that holds of what is certain.
    pub fn attributes(&self) -> bool {
        let prompt = self.settings.reply_delay.0 <= 1_000 && self.settings.piece_delay.0 <= 100;
        let alone = !self.owner && !self.restarts;
        self.named() && self.asks() && !self.reorders && prompt && alone && !self.may_double()
    }

    /// The avatar goes on while the next question is echoed, and nothing tells where that one's answer begins.
    pub fn goes_on(&self) -> bool {
        self.settings.replies_per_question != RepliesPerQuestion::One
    }

    /// A message may be taken twice, because the caller wants it rather twice than never.
    pub fn may_double(&self) -> bool {
        let counts_twice =
            self.door == Door::VisitorChat || self.settings.repeated_message == RepeatedMessage::Two;
        self.delivery == Delivery::AtLeastOnce && counts_twice
    }

    /// Authentications are all that counts against the quota.
    pub fn only_auth_counts(&self) -> bool {
        self.settings.quota_scope == QuotaScope::Auth
    }
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
}

/// What a property says of one look: nothing, or what is wrong.
type Verdict = Result<(), String>;

/// Something that must hold.
trait Property {
    /// Its name, which a failure prints.
    fn name(&self) -> &'static str;

    /// Something was seen.
    fn see(&mut self, _world: &World, _sight: &Sight) -> Verdict {
        Ok(())
    }

    /// A step is over.
    fn step(&mut self, _world: &World) -> Verdict {
        Ok(())
    }

    /// The weather has been calm for long, and there are fewer slots than clients: each client has had one.
    fn calm_with_few_slots(&mut self, _world: &World) -> Verdict {
        Ok(())
    }

    /// The weather has been calm for long: everything has come to its end.
    fn calm(&mut self, _world: &World, _state: &State) -> Verdict {
        Ok(())
    }
}

/// All of them.
pub struct Properties {
    all: Vec<Box<dyn Property>>,
    terms: Terms,
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|property| property.name())).finish()
    }
}

impl Properties {
    /// Those that hold on these terms.
    pub fn new(terms: Terms) -> Self {
        let mut all: Vec<Box<dyn Property>> = vec![
            Box::new(acks::Acks::default()),
            Box::new(heard::Heard::new(terms.clone())),
            Box::new(sends::Acknowledged::new(&terms)),
            Box::new(durable::Durable::default()),
            Box::new(sends::NotAfterEcho::default()),
            Box::new(sends::NotAgain::new(&terms)),
            Box::new(sends::NotDoubled::new(terms.clone())),
            Box::new(ways_out::WaysOut),
            Box::new(closed::Closed::default()),
            Box::new(deadlines::Deadlines::default()),
            Box::new(questions::Questions::new(terms.clone())),
            Box::new(owner::OwnersTime::default()),
            Box::new(unread::Unread::default()),
            Box::new(slots::Slots),
            Box::new(owed::Owed::default()),
            Box::new(served::Served),
            Box::new(requests::Requests::new(terms.clone())),
        ];
        match terms.door {
            Door::AvatarOpenApi => {
                all.push(Box::new(quota::Quota::new(terms.clone())));
                all.push(Box::new(heartbeat::Heartbeat::default()));
            }
            Door::VisitorChat => {
                all.push(Box::new(visitor_chat::Token::default()));
                all.push(Box::new(visitor_chat::Voices::default()));
                all.push(Box::new(visitor_chat::Sessions::default()));
            }
        }
        Self { all, terms }
    }

    /// The names of all.
    pub fn names(&self) -> Vec<&'static str> {
        self.all.iter().map(|property| property.name()).collect()
    }

    /// The terms.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Looks at a step, and at all that was seen in it.
    pub fn look(&mut self, world: &World, sights: &[Sight]) -> Result<(), Violation> {
        for property in &mut self.all {
            let seen = sights.iter().try_for_each(|sight| property.see(world, sight));
            let verdict = seen.and_then(|()| property.step(world));
            verdict.map_err(|what| Violation { property: property.name(), what })?;
        }
        Ok(())
    }

    /// Checks a world in which nothing is under way, with fewer slots than clients.
    pub fn calm_with_few_slots(&mut self, world: &World) -> Result<(), Violation> {
        for property in &mut self.all {
            let verdict = property.calm_with_few_slots(world);
            verdict.map_err(|what| Violation { property: property.name(), what })?;
        }
        Ok(())
    }

    /// Checks a world in which nothing is under way.
    pub fn calm(&mut self, world: &World, state: &State) -> Result<(), Violation> {
        for property in &mut self.all {
            let verdict = property.calm(world, state);
            verdict.map_err(|what| Violation { property: property.name(), what })?;
        }
        Ok(())
    }
}
