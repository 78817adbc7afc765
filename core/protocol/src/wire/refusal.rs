//! A call that the service refused: what is to blame, and what the caller is told.

use super::codes::{
    ALLOWANCE_USED_UP, Meaning, is_code, is_of_something_else, is_payment_code, is_retryable_code,
    likely_meaning, meaning, names_a_lost_session, names_a_rate, names_the_token,
};
use crate::door::Door;
use crate::error::{Error, ErrorKind, Step};

/// Why a call has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The door whose answer it was.
    pub(super) door: Door,
    /// The HTTP status, or the envelope's number where that stands for one.
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) says: Option<String>,
    pub(crate) form: Form,
}

/// Whether a refusal is about the visitor token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// It is about something else.
    No,
    /// It may be: the service forbids the call, and gives no reason.
    Perhaps,
    /// It is.
    Surely,
}

/// What form a failure came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The service's envelope: the service itself said no.
    Envelope,
    /// Something else: a proxy's page, half a JSON.
    Foreign,
    /// No body at all: the answer may be the service's, or that of something in between.
    Empty,
}

impl Refusal {
    /// Whether the visitor token is what was refused, so that another one may help.
    pub(crate) fn blames_the_token(&self) -> Blame {
        let code = self.code.as_deref();
        let says_what = code.is_some_and(|code| is_of_something_else(self.door, code));
        match self.status {
            _ if self.is_about_money() => Blame::No,
            _ if code.is_some_and(names_the_token) => Blame::Surely,
            // A firewall's page says nothing about a token, whatever its status.
            _ if self.form == Form::Foreign => Blame::No,
            401 if !says_what => Blame::Surely,
            403 if !says_what => Blame::Perhaps,
            _ => Blame::No,
        }
    }

    /// Whether the socket that the call named is what was refused, so that another one may help.
    pub(crate) fn names_the_socket(&self) -> bool {
        self.code.as_deref().is_some_and(|code| {
            code.split(['.', '_', '-']).any(|part| {
                matches!(part.to_ascii_lowercase().as_str(), "ws" | "wsid" | "socket" | "websocket")
            })
        })
    }

    /// Whether the session that the call named is not there (any more).
    pub(crate) fn names_a_lost_session(&self) -> bool {
        self.code.as_deref().is_some_and(|code| names_a_lost_session(self.door, code))
    }

    /// Whether the service may have done what it was asked all the same. An answer of something in between, such as
    /// a gateway's "bad gateway" or a proxy's page, does not tell.
    pub(crate) fn leaves_unconfirmed(&self) -> bool {
        match self.form {
            Form::Envelope => (self.status >= 500 || self.status == 408) && !self.is_certain(),
            Form::Foreign | Form::Empty => !matches!(self.status, 401 | 403 | 429) || self.is_a_barrier(),
        }
    }

    /// Whether the code says for certain what has failed, and that the service has not done what it was asked. One
    /// that says no more than that the service failed does not.
    fn is_certain(&self) -> bool {
        let says = |code: &str| {
            let known = meaning(self.door, code);
            names_a_rate(code) || known.is_some_and(|(kind, _)| kind != ErrorKind::Unavailable)
        };
        self.is_about_money() || self.code.as_deref().is_some_and(says)
    }

    /// Whether an allowance is used up.
    fn is_about_money(&self) -> bool {
        match &self.code {
            Some(code) => is_payment_code(code) || (self.status == 402 && !is_code(code)),
            None => self.status == 402 && self.form == Form::Envelope,
        }
    }

    /// Whether something in between forbids the way to the service.
    pub(crate) fn is_a_barrier(&self) -> bool {
        self.form == Form::Foreign && matches!(self.status, 401 | 403)
    }

    /// Whether it is not the service that answered.
    pub(crate) fn is_foreign(&self) -> bool {
        self.form != Form::Envelope
    }

    /// Whether the service does not know the call at all.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.status, 404 | 405 | 501)
    }

    /// The failure for the caller.
    pub(crate) fn into_error(self, step: Step) -> Error {
        let (kind, mut message) = self.meaning(step);
        if matches!(kind, ErrorKind::Refused | ErrorKind::PaymentRequired)
            && let Some(says) = self.says.as_ref().filter(|says| Some(*says) != self.code.as_ref())
        {
            message = format!("{message}: {says}").into();
        }
        if self.status != 200 {
            message = format!("{message} (HTTP {})", self.status).into();
        }
        let mut error = Error::new(kind, message).at(step).with_status(self.status);
        if let Some(code) = self.code {
            let passes = kind.is_transient() || (kind == ErrorKind::Refused && is_retryable_code(&code));
            error = error.with_retryable(passes).with_code(code);
        }
        error
    }

    /// A code that is known decides, then the status.
    fn meaning(&self, step: Step) -> Meaning {
        if self.is_about_money() {
            return (ErrorKind::PaymentRequired, ALLOWANCE_USED_UP.into());
        }
        let code = self.code.as_deref();
        if let Some(meaning) = code.and_then(|code| meaning(self.door, code)) {
            return meaning;
        }
        let (kind, text) = match self.status {
            _ if self.is_a_barrier() => (
                ErrorKind::InvalidAnswer,
                "something between here and the service forbids the call with a page of its own: let the proxy or firewall pass calls and sockets to the service",
            ),
            429 => (ErrorKind::RateLimited, "the service is asked too often"),
            408 | 500.. => (ErrorKind::Unavailable, "the service failed"),
            status => {
                let likely = code.and_then(|code| likely_meaning(self.door, status, code));
                return likely.unwrap_or_else(|| self.meaning_of_status(step));
            }
        };
        (kind, text.into())
    }

    /// What a status says that does not pass on its own, where no code says more.
    fn meaning_of_status(&self, step: Step) -> Meaning {
        let (kind, text) = match (self.code.as_deref(), self.status) {
            (_, 401 | 403) if step == Step::FetchToken => {
                (ErrorKind::Authentication, "the service refused the app: check its id and its secret")
            }
            (_, 401 | 403) if step == Step::Authenticate => {
                (ErrorKind::Authentication, "the service refused the API key")
            }
            (_, 401 | 403) => (ErrorKind::Authentication, "the service refused the token"),
            (None, 300..=399) => (
                ErrorKind::InvalidAnswer,
                "the base URL redirects elsewhere, which is not followed: the API key would go along; set the right base URL",
            ),
            (None, 404) => (ErrorKind::InvalidAnswer, self.no_such_call()),
            (_, 404) if matches!(step, Step::Authenticate | Step::FetchToken | Step::InitVisitorChat) => {
                (ErrorKind::Refused, self.no_such_call())
            }
            (None, _) if self.is_foreign() => (
                ErrorKind::InvalidAnswer,
                "the answer is not the service's: check the base URL, and for a proxy in between",
            ),
            (Some(code), _) if names_the_token(code) => {
                (ErrorKind::Authentication, "the service refused the token")
            }
            _ => (ErrorKind::Refused, "the service refused"),
        };
        (kind, text.into())
    }

    /// A base URL of the other door is the usual reason.
    fn no_such_call(&self) -> &'static str {
        match self.door {
            Door::AvatarOpenApi => {
                "there is no such call under this base URL: check it; that of the Avatar Open API ends in /gate/in"
            }
            Door::VisitorChat => {
                "there is no such call under this base URL: check it; that of Visitor Chat ends in /gate/lab"
            }
        }
    }
}
