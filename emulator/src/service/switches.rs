//! The open questions about the service, each a switch with every answer that a client must survive.
//!
//! The written form is the same on the command line, in YAML and in JSON; it stands in quotes below.

use std::fmt;
use std::str::FromStr;

use crate::switch::{UnknownAnswer, as_text, switch};

switch! {
    /// In which field of the envelope the dotted code of a failure stands.
    FailureShape {
        /// `{"code": "open.api.key.not.found"}`.
        #[default]
        Code = "code",
        /// `{"code": 404, "subCode": "open.api.key.not.found"}`.
        SubCode = "sub-code",
        /// `{"code": 404, "message": "open.api.key.not.found"}`.
        Message = "message",
        /// `{"code": 404, "msg": "open.api.key.not.found"}`.
        Msg = "msg",
        /// `{"code": 404, "error_code": "open.api.key.not.found"}`.
        ErrorCode = "error-code",
        /// `{"code": 404, "detail": "open.api.key.not.found"}`.
        Detail = "detail",
    }
}

switch! {
    /// Which HTTP status comes with a failure.
    FailureStatus {
        /// Always 200: the envelope alone says that the call failed.
        #[default]
        Ok = "200",
        /// The one that fits: 400, 401, 403, 404, 429, …
        Fitting = "fitting",
    }
}

switch! {
    /// Whether a refusal for the quota says how long to wait.
    RetryAfter {
        /// It does not.
        #[default]
        Absent = "absent",
        /// In the header `Retry-After`, in whole seconds.
        Seconds = "seconds",
        /// In the header `Retry-After`, as the moment from which on; so do faults that say how long to wait.
        Date = "date",
    }
}

switch! {
    /// What a call with a dead (or never issued) visitor token gets.
    DeadToken {
        /// HTTP 401, with the code in the envelope.
        #[default]
        Unauthorized = "401",
        /// HTTP 200, the code in the envelope alone.
        Code = "code",
    }
}

switch! {
    /// Which calls count against the 60 a minute of an API key.
    QuotaScope {
        /// Authentication alone.
        #[default]
        Auth = "auth",
        /// Every call of every visitor of the key.
        All = "all",
    }
}

switch! {
    /// Which fields frames carry.
    FrameFields {
        /// All that were seen: `sessionId`, `messageId`, `seqId`, `index`, `wsId`, …
        #[default]
        All = "all",
        /// All but `sessionId`.
        NoSession = "no-session",
        /// Those on the page alone: `sender`, `sendUserId`, `multipleData`. Replies then come
        /// whole: without `index` and `messageId` nothing could say which pieces belong together.
        Documented = "documented",
    }
}

switch! {
    /// Whether pings are answered.
    Pings {
        /// With `{"type":"pong","wsId":…}`.
        #[default]
        Pong = "pong",
        /// Not at all.
        Nothing = "nothing",
    }
}

switch! {
    /// How long a socket may go without a ping.
    PingDrop {
        /// 20 seconds.
        After20s = "20s",
        /// 30 seconds.
        #[default]
        After30s = "30s",
        /// 60 seconds.
        After60s = "60s",
    }
}

switch! {
    /// Whether a frame that was not acknowledged is sent again.
    Redelivery {
        /// Never.
        #[default]
        Never = "never",
        /// After 5 s without an acknowledgement, up to three times.
        After5s = "after-5s",
        /// When the visitor connects again, up to three times.
        NextConnection = "next-connection",
    }
}

switch! {
    /// Whether a message sent twice with one `messageId` counts once.
    RepeatedMessage {
        /// One message: the second call succeeds and does nothing.
        #[default]
        One = "one",
        /// Two messages, two echoes, two replies.
        Two = "two",
    }
}

switch! {
    /// What a send gets that names a socket which is no longer (or not yet) open.
    DeadSocketSend {
        /// Success. Echo and reply are stored, and pushed to no socket.
        #[default]
        AnswerLost = "answer-lost",
        /// A failure.
        Refused = "refused",
    }
}

switch! {
    /// What happens to a visitor's older socket when a newer one connects.
    SecondSocket {
        /// The older one is closed.
        #[default]
        ClosesOlder = "closes-older",
        /// Both live, frames go to the newest.
        NewestGets = "newest-gets",
        /// Both live, frames go to both.
        BothGet = "both-get",
    }
}

switch! {
    /// Whether `message/query`, `message/latest` and `session/close` are available to visitors.
    HistoryCalls {
        /// They are.
        #[default]
        There = "there",
        /// HTTP 404.
        NotFound = "404",
        /// A failure code.
        Failure = "failure",
    }
}

switch! {
    /// Whether the socket's handshake needs an `Origin`.
    Origin {
        /// It does not matter.
        #[default]
        Ignored = "ignored",
        /// 403 without one.
        Required = "required",
        /// Without one the connection is reset, with no answer.
        Reset = "reset",
    }
}

switch! {
    /// Whether the socket's handshake may offer an extension, such as compression.
    Extensions {
        /// It may; none is agreed on.
        #[default]
        Free = "free",
        /// The connection is reset, with no answer, when one is offered.
        Reset = "reset",
    }
}

switch! {
    /// How the service closes a socket on its own: one that is silent, and a visitor's older one.
    CloseCode {
        /// A silent one is cut; an older one is closed with 4001 and a reason.
        #[default]
        Mixed = "mixed",
        /// It is cut, without a code.
        None = "none",
        /// With 1000, "normal".
        Normal = "1000",
        /// With 1001, "going away".
        GoingAway = "1001",
        /// With 1012, "restart".
        Restart = "1012",
        /// With 3001, as the vendor's client closes after three unanswered pings.
        Pings = "3001",
        /// With 4003 and a reason.
        Unwanted = "4003",
    }
}

switch! {
    /// How numeric identifiers are written into answers.
    IdForm {
        /// As strings of digits.
        #[default]
        Text = "string",
        /// As JSON numbers, beyond what a double holds.
        Number = "number",
    }
}

switch! {
    /// How the avatar's replies come, unless a script says otherwise.
    Streaming {
        /// In several frames.
        #[default]
        Pieces = "pieces",
        /// In one frame without `index`.
        Whole = "whole",
    }
}

switch! {
    /// In how many messages the avatar answers a question.
    RepliesPerQuestion {
        /// In one.
        #[default]
        One = "one",
        /// In two that say the same, each under a `messageId` of its own.
        Two = "two",
        /// In three.
        Three = "three",
    }
}

switch! {
    /// Whether what other clients of the gateway send is taken as well.
    OtherClients {
        /// It is: a message may lack `sendUserId` where `refUserId` stands, and carry the numeric mind id.
        #[default]
        Taken = "taken",
        /// Only what the page says is.
        Refused = "refused",
    }
}

switch! {
    /// Where the text of an echo and of the owner's reply stands.
    ClientText {
        /// In `multipleData`, as the page shows.
        #[default]
        MultipleData = "multiple-data",
        /// In `data.content`.
        Content = "content",
    }
}

switch! {
    /// What a visitor gets whose allowance, or the owner's, is used up.
    Money {
        /// No allowance is ever used up.
        #[default]
        Free = "free",
        /// Each send is refused with `avatar.unlock.required`.
        Refused = "refused",
        /// Each message is taken, and answered with `package.turn.exhaustion` over the socket.
        Frame = "frame",
    }
}

/// How long a visitor token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TokenLifetime {
    /// For good. Written `never`.
    #[default]
    Never,
    /// For so many calls. Written `calls:20`.
    Calls(u32),
    /// For so many minutes. Written `minutes:5`.
    Minutes(u32),
}

/// How long the avatar is silent once the owner has taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TakeoverSilence {
    /// Until the owner hands back. Written `until-handed-back`.
    #[default]
    UntilHandedBack,
    /// For so many minutes after the owner's last message. Written `minutes:5`.
    Minutes(u32),
    /// It goes on answering beside the owner. Written `never`.
    Never,
}

fn count(text: &str, unit: &str) -> Option<u32> {
    text.strip_prefix(unit)?.strip_prefix(':')?.parse().ok()
}

impl fmt::Display for TokenLifetime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => out.write_str("never"),
            Self::Calls(calls) => write!(out, "calls:{calls}"),
            Self::Minutes(minutes) => write!(out, "minutes:{minutes}"),
        }
    }
}

impl FromStr for TokenLifetime {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        if text == "never" {
            return Ok(Self::Never);
        }
        count(text, "calls")
            .map(Self::Calls)
            .or_else(|| count(text, "minutes").map(Self::Minutes))
            .ok_or_else(|| UnknownAnswer::new(text, "never, calls:20, minutes:5"))
    }
}

impl fmt::Display for TakeoverSilence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntilHandedBack => out.write_str("until-handed-back"),
            Self::Minutes(minutes) => write!(out, "minutes:{minutes}"),
            Self::Never => out.write_str("never"),
        }
    }
}

impl FromStr for TakeoverSilence {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        match text {
            "until-handed-back" => Ok(Self::UntilHandedBack),
            "never" => Ok(Self::Never),
            _ => count(text, "minutes")
                .map(Self::Minutes)
                .ok_or_else(|| UnknownAnswer::new(text, "until-handed-back, minutes:5, never")),
        }
    }
}

as_text!(TokenLifetime);
as_text!(TakeoverSilence);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_reads_back_from_its_written_form() {
        for shape in FailureShape::ALL {
            assert_eq!(shape.to_string().parse(), Ok(*shape));
        }
        for lifetime in [TokenLifetime::Never, TokenLifetime::Calls(3), TokenLifetime::Minutes(9)] {
            assert_eq!(lifetime.to_string().parse(), Ok(lifetime));
        }
        for silence in [TakeoverSilence::UntilHandedBack, TakeoverSilence::Minutes(5), TakeoverSilence::Never]
        {
            assert_eq!(silence.to_string().parse(), Ok(silence));
        }
    }

    #[test]
    fn an_unknown_answer_names_the_known_ones() {
        let error = "pang".parse::<Pings>().unwrap_err();
        assert_eq!(error.to_string(), "`pang` is not one of the answers: pong, nothing");
        assert!("minutes:x".parse::<TokenLifetime>().is_err());
    }
}
