//! The open questions about Visitor Chat, each a switch with every answer that a client must survive.
//!
//! In the settings, on the command line and in scenarios each begins with `visitor-chat-`.

use std::fmt;
use std::str::FromStr;

use crate::switch::{UnknownAnswer, as_text, switch};

switch! {
    /// What the address of a socket (`wsUrl`) looks like.
    SocketUrl {
        /// `ws://…?wsId=…&token=…`.
        #[default]
        Query = "query",
        /// `ws://…/…`: a path that tells nothing.
        Opaque = "opaque",
        /// As `query`, under another host name than the call's.
        OtherHost = "other-host",
    }
}

switch! {
    /// How long a `wsUrl` is good, and for how many connections.
    SocketUrlLife {
        /// For one connection within 60 s.
        #[default]
        Once = "once-60s",
        /// For any number of connections within 60 s.
        Many = "any-60s",
        /// For any number of connections while the session lives.
        Session = "session",
    }
}

switch! {
    /// How long a socket may go without a ping.
    SocketSilence {
        /// For good: nothing has to be sent.
        #[default]
        Allowed = "never",
        /// 30 seconds.
        After30s = "30s",
        /// 60 seconds.
        After60s = "60s",
    }
}

switch! {
    /// What a ping without a `wsId` gets.
    BarePing {
        /// A pong.
        #[default]
        Pong = "pong",
        /// Nothing; it counts as a sign of life.
        Nothing = "nothing",
        /// The end of the socket.
        Closed = "closed",
    }
}

switch! {
    /// Which session a second `init` of one visitor gives.
    SecondInit {
        /// The one there is.
        #[default]
        Same = "same",
        /// A new one.
        New = "new",
    }
}

switch! {
    /// What a second `init` of one visitor does to the sockets there are.
    OlderSocket {
        /// They are closed.
        #[default]
        Closed = "closed",
        /// They live. A frame goes to the newest socket of its session.
        Stays = "stays",
        /// They live. A frame of the visitor goes to all of them.
        BothGet = "both-get",
    }
}

switch! {
    /// Whether a visitor's own message comes back over the socket, and where its text stands.
    Echo {
        /// In `multipleData`.
        #[default]
        MultipleData = "multiple-data",
        /// In `data.content`.
        Content = "content",
        /// No echo comes.
        Nothing = "none",
    }
}

switch! {
    /// Which `messageId` an echo carries.
    EchoId {
        /// The one that the answer to the send tells, where that tells one.
        #[default]
        OfSend = "of-send",
        /// Another.
        Other = "other",
        /// None.
        Absent = "absent",
    }
}

switch! {
    /// What the answer to a send holds.
    SendAnswer {
        /// `"data": null`.
        #[default]
        Null = "null",
        /// No `data`.
        Absent = "absent",
        /// `"data": {"messageId": …}`.
        MessageId = "message-id",
    }
}

switch! {
    /// Which ids frames carry.
    FrameIds {
        /// `sessionId`, `wsId`, `messageId`, `seqId`.
        #[default]
        All = "all",
        /// None of them.
        Absent = "none",
    }
}

switch! {
    /// Which `wsId` a frame carries that comes again over another socket.
    RedeliveredName {
        /// That of the socket it comes over.
        #[default]
        Present = "present",
        /// That of the socket it was first sent to.
        First = "first",
    }
}

switch! {
    /// For how long a visitor has the user id that echoes carry.
    UserIdOf {
        /// For good.
        #[default]
        Visitor = "visitor",
        /// For a session: each has another.
        Session = "session",
    }
}

switch! {
    /// Which HTTP status comes with a failure.
    FailureHttp {
        /// The number in `code`.
        #[default]
        Code = "code",
        /// Always 200, but where the body has no `code`.
        Ok = "200",
    }
}

switch! {
    /// Where the code of a failure stands.
    FailureForm {
        /// `{"code": 401, "message": …, "subCode": …}`.
        #[default]
        SubCode = "sub-code",
        /// `{"code": 401, "message": …, "error_code": …}`.
        ErrorCode = "error-code",
        /// `{"detail": …}`.
        Detail = "detail",
    }
}

switch! {
    /// Whether a send has to carry the `apiKey`.
    SendApiKey {
        /// It has to.
        #[default]
        Required = "required",
        /// It may.
        Optional = "optional",
    }
}

switch! {
    /// Which `visitorId` is taken.
    VisitorIdForm {
        /// Any text.
        #[default]
        Any = "any",
        /// `{platform}_{uuid}`.
        PlatformUuid = "platform-uuid",
    }
}

switch! {
    /// What counts against the requests that a key has in a minute.
    ChatQuota {
        /// Nothing.
        #[default]
        Unlimited = "none",
        /// Every `init` and every send.
        PerKey = "per-key",
    }
}

switch! {
    /// How `expiresIn` is written.
    ExpiresIn {
        /// As a JSON number.
        #[default]
        Number = "number",
        /// As a string of digits.
        Text = "string",
    }
}

switch! {
    /// What `init` says where the avatar has an opening line.
    OpeningLine {
        /// The line.
        #[default]
        Told = "told",
        /// `null`.
        Null = "null",
        /// Nothing: neither `opening` nor `avatarName` is there.
        Absent = "absent",
    }
}

switch! {
    /// In what form the service tells of a voice message of the avatar.
    VoiceForm {
        /// In `multipleData[].modal.speech` of a `umm` frame.
        #[default]
        Speech = "speech",
        /// In a frame whose `type` is `voice`.
        Kind = "type",
        /// In `data.urls` of a `umm` frame.
        Urls = "urls",
    }
}

/// The longest message, in characters. A longer one is answered with `message.length.limit` over the
/// socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MessageLength {
    /// Any length. Written `none`.
    #[default]
    Any,
    /// So many characters. Written `chars:2000`.
    Characters(u32),
}

impl fmt::Display for MessageLength {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => out.write_str("none"),
            Self::Characters(limit) => write!(out, "chars:{limit}"),
        }
    }
}

impl FromStr for MessageLength {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        let limit = || text.strip_prefix("chars:")?.parse().ok();
        match text {
            "none" => Ok(Self::Any),
            _ => limit().map(Self::Characters).ok_or_else(|| UnknownAnswer::new(text, "none, chars:2000")),
        }
    }
}

as_text!(MessageLength);
