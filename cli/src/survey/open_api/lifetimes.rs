//! How long a socket lives without pings, and a token.

use std::time::Duration;

use super::State;
use crate::survey::findings::seconds;
use crate::survey::sockets::listen;
use crate::survey::walk::{Walk, close_of};
use crate::survey::wire::Trouble;

/// The longest that a silent socket is watched: the longest known answer and a bit.
const WATCHED: Duration = Duration::from_secs(75);

/// How long a token is tried at least.
const AT_LEAST: Duration = Duration::from_secs(125);
/// Calls that a token is tried with, one after the other.
const QUICK_CALLS: u32 = 25;
/// The time between two looks at a token that is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The longest that the end of a token is waited for, where tokens were seen to end.
const TOKEN_WATCHED: Duration = Duration::from_secs(390);

impl Walk<'_> {
    pub(super) async fn ask_silence(&mut self, state: &mut State) -> Result<(), Trouble> {
        let clock = self.wire.clock.clone();
        let socket = self.socket(state).await?;
        socket.ping(&clock).await;
        socket.pinging = false;
        let since = socket.last_ping;
        listen(&clock, &mut [&mut *socket], WATCHED, |sockets| sockets[0].ended.is_some()).await?;
        socket.pinging = true;
        let Some(ended) = socket.ended else {
            let why = format!("The socket was still open {} after its last ping.", seconds(WATCHED));
            self.findings.not_seen("ping-drop", why);
            return Ok(());
        };
        state.shown.silent_close = Some(ended.code);
        let time = ended.at.saturating_sub(since);
        let seen =
            format!("The socket was closed {} after its last ping, {}.", seconds(time), close_of(ended.code));
        let answer = match time.as_secs() {
            0..10 => return self.no_drop(&format!("{seen} That is too soon for want of a ping.")),
            10..25 => "20s",
            25..45 => "30s",
            _ => "60s",
        };
        self.findings.answer("ping-drop", answer, seen);
        Ok(())
    }

    fn no_drop(&mut self, why: &str) -> Result<(), Trouble> {
        self.findings.not_seen("ping-drop", why);
        Ok(())
    }

    /// The token of the run is tried once more. Where it has ended, or one before it, another is watched to its end.
    pub(super) async fn ask_token(&mut self, state: &mut State) -> Result<(), Trouble> {
        if state.visit.deaths.is_empty() && self.outlives(state).await? {
            let used = state.visit.token_use(self.wire);
            let why = format!(
                "The token was still good after {} calls and {}; its end was not waited for.",
                used.calls,
                seconds(used.age)
            );
            self.findings.not_seen("token-lifetime", why);
            return Ok(());
        }
        self.report.doing("A token has ended; how long is one good? (up to 7 min)");
        state.visit.fresh_token(self.wire).await?;
        for _ in 0..QUICK_CALLS {
            if !state.visit.try_token(self.wire).await? {
                let calls = state.visit.token_use(self.wire).calls;
                let seen = format!("A token was good for {calls} calls, one after the other.");
                self.findings.answer("token-lifetime", format!("calls:{calls}"), seen);
                return Ok(());
            }
        }
        let clock = self.wire.clock.clone();
        while state.visit.token_use(self.wire).age < TOKEN_WATCHED {
            clock.pass(LOOK_EVERY).await?;
            if !state.visit.try_token(self.wire).await? {
                return self.note_end_of_token(state);
            }
        }
        let why =
            format!("A token ended in this run; the next was still good after {}.", seconds(TOKEN_WATCHED));
        self.findings.not_seen("token-lifetime", why);
        Ok(())
    }

    /// Whether the token of the run is good for so many calls, and so long.
    async fn outlives(&mut self, state: &mut State) -> Result<bool, Trouble> {
        let clock = self.wire.clock.clone();
        clock.pass(AT_LEAST.saturating_sub(state.visit.token_use(self.wire).age)).await?;
        while state.visit.try_token(self.wire).await? {
            if state.visit.token_use(self.wire).calls >= QUICK_CALLS {
                return Ok(true);
            }
        }
        state.visit.note_death(self.wire);
        Ok(false)
    }

    fn note_end_of_token(&mut self, state: &State) -> Result<(), Trouble> {
        let used = state.visit.token_use(self.wire);
        // Was it the calls and not the time, the tokens before it were good for as many.
        let same = |calls: u32| calls.abs_diff(used.calls) <= 2;
        if let Some(death) = state.visit.deaths.last().filter(|death| same(death.calls)) {
            let seen = format!("Two tokens ended after {} and {} calls.", death.calls, used.calls);
            self.findings.answer("token-lifetime", format!("calls:{}", used.calls), seen);
            return Ok(());
        }
        // It ended between the last look and this one.
        let minutes = used.age.as_secs() / 60;
        let seen = format!(
            "A token ended between {} and {} after it was given out.",
            seconds(used.age.saturating_sub(LOOK_EVERY)),
            seconds(used.age)
        );
        match minutes {
            0 => self.findings.not_seen("token-lifetime", format!("{seen} No known answer is so short.")),
            minutes => self.findings.answer("token-lifetime", format!("minutes:{minutes}"), seen),
        }
        Ok(())
    }
}
