//! The envelope `{"code": 0, "data": …}`, and the six fields in which it may report a failure.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::codes::{
    ALLOWANCE_USED_UP, is_documented, is_payment_code, is_retryable_code, names_a_lost_session,
    names_the_token,
};
use super::detail;
use super::lenient::Lax;
use super::mend::mend_body;
use super::visitor_chat;
use crate::error::{Error, ErrorKind, Step};
use crate::redact::one_line;

/// The longest part of the service's own words that is repeated, in characters.
const SAYS: usize = 200;

/// The longest code, in characters.
const CODE: usize = 100;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    code: Lax<'a>,
    #[serde(borrow, default, rename = "subCode")]
    sub_code: Lax<'a>,
    #[serde(borrow, default)]
    message: Lax<'a>,
    #[serde(borrow, default)]
    msg: Lax<'a>,
    #[serde(borrow, default)]
    error_code: Lax<'a>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// Whether it has any of the fields in which the service reports a failure.
    fn says_something(&self) -> bool {
        let fields = [&self.code, &self.sub_code, &self.message, &self.msg, &self.error_code];
        fields.into_iter().any(|field| field.0.is_some()) || self.detail.is_some()
    }

    /// Whether it names what has failed, in a field that no success has.
    fn names_a_code(&self) -> bool {
        let fields = [&self.sub_code, &self.error_code];
        fields.into_iter().any(|field| field.as_deref().is_some_and(|code| !code.is_empty()))
    }
}

/// Why a call has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// A failure's number in the envelope, where there is one.
    number: Option<u16>,
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

/// Reads an answer: its `data` where it is a success, otherwise what was refused.
pub(crate) fn read(status: u16, body: &[u8]) -> Result<Option<&RawValue>, Refusal> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
        let form = if body.trim_ascii().is_empty() { Form::Empty } else { Form::Foreign };
        return Err(Refusal { status, number: None, code: None, says: None, form });
    };
    let ok_status = (200..300).contains(&status);
    match envelope.code.as_deref() {
        Some("0") if ok_status => Ok(envelope.data.filter(|data| data.get() != "null")),
        None if (ok_status && !envelope.names_a_code()) || !envelope.says_something() => {
            Err(Refusal { status, number: None, code: None, says: None, form: Form::Foreign })
        }
        code => {
            let detail = envelope.detail.map(detail::read).unwrap_or_default();
            let (sub_code, error_code) = (envelope.sub_code.as_deref(), envelope.error_code.as_deref());
            let (message, msg) = (envelope.message.as_deref(), envelope.msg.as_deref());
            let fields = [code, sub_code, error_code, message, msg, detail.text.as_deref()];
            let dotted = fields.into_iter().flatten().find(|text| is_code(text));
            let word = detail.text.as_deref().filter(|text| is_word(text));
            let named = [sub_code, error_code, word, code];
            let named = named.into_iter().flatten().find(|code| !matches!(*code, "" | "0"));
            // What is wrong with which field says more than that something is.
            let says = [detail.fields.as_deref(), message, msg, detail.text.as_deref()];
            Err(Refusal {
                status,
                number: code.and_then(|code| code.parse().ok()),
                code: dotted.map(str::to_owned).or(named.map(|code| one_line(code, CODE))),
                says: says
                    .into_iter()
                    .flatten()
                    .find(|text| !text.trim().is_empty())
                    .map(|text| one_line(text, SAYS)),
                form: Form::Envelope,
            })
        }
    }
}

/// Returns what is wrong with the service's answer to a step, if anything is: for reports about calls. The machine
/// judges for itself.
pub fn verdict(step: Step, status: u16, body: &[u8]) -> Option<Error> {
    let mended = mend_body(body);
    let body = mended.as_deref().map_or(body, str::as_bytes);
    let of_visitor_chat = matches!(step, Step::FetchToken | Step::InitVisitorChat);
    let refusal = read(status, body).err()?;
    Some(if of_visitor_chat { refusal.numbered() } else { refusal }.into_error(step))
}

/// Reads the `data` of a success, which this step needs.
pub(crate) fn data<'a, T: Deserialize<'a>>(step: Step, data: Option<&'a RawValue>) -> Result<T, Error> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidAnswer, what).at(step);
    let raw = data.ok_or_else(|| invalid("the service's answer has no data".to_owned()))?;
    // serde_json's error names the field and the position, and of a wrong value only its type.
    serde_json::from_str(raw.get()).map_err(|error| {
        invalid("the service's answer lacks what this step needs".to_owned()).caused_by(error)
    })
}

/// A failure code: dotted, and without a space.
fn is_code(text: &str) -> bool {
    text.contains('.')
        && text.len() <= CODE
        && !text.starts_with('.')
        && !text.ends_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A code in the place of a sentence, such as `session_not_found`.
fn is_word(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Refusal {
    /// Whether the visitor token is what was refused, so that another one may help.
    pub(crate) fn blames_the_token(&self) -> Blame {
        let documented =
            self.code.as_deref().is_some_and(|code| is_documented(code) || names_a_lost_session(code));
        match self.status {
            _ if self.is_about_money() => Blame::No,
            _ if self.code.as_deref().is_some_and(names_the_token) => Blame::Surely,
            _ if self.code.as_deref().is_some_and(|code| visitor_chat::meaning(code).is_some()) => Blame::No,
            // A firewall's page says nothing about a token, whatever its status.
            _ if self.form == Form::Foreign => Blame::No,
            401 if !documented => Blame::Surely,
            403 if !documented => Blame::Perhaps,
            _ => Blame::No,
        }
    }

    /// The refusal where the envelope's number is an HTTP status, with which the answer itself may come or not.
    pub(crate) fn numbered(self) -> Self {
        let status = self.number.filter(|number| (400..600).contains(number));
        Self { status: status.filter(|_| (200..300).contains(&self.status)).unwrap_or(self.status), ..self }
    }

    /// Whether the socket that the call named is what was refused, so that another one may help.
    pub(crate) fn names_the_socket(&self) -> bool {
        self.code.as_deref().is_some_and(|code| {
            code.split('.').any(|part| {
                matches!(part.to_ascii_lowercase().as_str(), "ws" | "wsid" | "socket" | "websocket")
            })
        })
    }

    /// Whether the session that the call named is not there (any more).
    pub(crate) fn names_a_lost_session(&self) -> bool {
        self.code.as_deref().is_some_and(names_a_lost_session)
    }

    /// Whether the service may have done what it was asked all the same. An answer of something in between, such as
    /// a gateway's "bad gateway" or a proxy's page, does not tell.
    pub(crate) fn leaves_unconfirmed(&self) -> bool {
        match self.form {
            Form::Envelope if self.is_about_money() => false,
            Form::Envelope => self.status >= 500 || self.status == 408,
            Form::Foreign | Form::Empty => !matches!(self.status, 401 | 403 | 429) || self.is_a_barrier(),
        }
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
        let told = self.code.as_deref().and_then(visitor_chat::meaning);
        let (kind, mut message) = told.unwrap_or_else(|| {
            let (kind, text) = self.meaning(step);
            (kind, text.to_owned())
        });
        if matches!(kind, ErrorKind::Refused | ErrorKind::PaymentRequired)
            && let Some(says) = self.says.as_ref().filter(|says| Some(*says) != self.code.as_ref())
        {
            message = format!("{message}: {says}");
        }
        if self.status != 200 {
            message = format!("{message} (HTTP {})", self.status);
        }
        let mut error = Error::new(kind, message).at(step).with_status(self.status);
        if let Some(code) = self.code {
            error = error.with_retryable(kind_is_retryable(kind, &code)).with_code(code);
        }
        error
    }

    fn meaning(&self, step: Step) -> (ErrorKind, &'static str) {
        match (self.code.as_deref(), self.status) {
            (Some("open.api.unauthorized"), _) => (
                ErrorKind::Authentication,
                "the service saw no API key: check that nothing between here and it strips the Authorization header",
            ),
            (Some("open.api.key.not.found"), _) => (
                ErrorKind::Authentication,
                "the service does not know this API key: copy it again from Avatar Hub → Avatar Detail → API Key Management",
            ),
            (Some("open.api.key.disabled"), _) => (
                ErrorKind::Authentication,
                "this API key is disabled: enable it in the SecondMe app or create another",
            ),
            (Some("open.api.rate.limited"), _) => {
                (ErrorKind::RateLimited, "the API key's quota (60 requests a minute) is used up")
            }
            (Some("open.api.avatar.not.found"), _) => {
                (ErrorKind::AvatarNotFound, "the avatar of this API key does not exist (any more)")
            }
            (Some("open.api.invalid.visitor.id"), _) => {
                (ErrorKind::InvalidVisitorId, "the service does not accept this visitorId")
            }
            (Some("session.not.member"), _) => (
                ErrorKind::NotMember,
                "not a member of this session: open the conversation again and a new session is made",
            ),
            _ if self.is_about_money() => (ErrorKind::PaymentRequired, ALLOWANCE_USED_UP),
            (Some(code), _) if names_a_lost_session(code) => {
                (ErrorKind::Closed, "the service has ended this session: open the conversation again")
            }
            (Some("service.status.unavailable"), _) => {
                (ErrorKind::Unavailable, "the service is not available")
            }
            _ if self.is_a_barrier() => (
                ErrorKind::InvalidAnswer,
                "something between here and the service forbids the call with a page of its own: let the proxy or firewall pass calls and sockets to the service",
            ),
            (_, 429) => (ErrorKind::RateLimited, "the service is asked too often"),
            (_, 401 | 403) if step == Step::FetchToken => {
                (ErrorKind::Authentication, "the service refused the app: check its id and its secret")
            }
            (_, 401 | 403) if step == Step::Authenticate => {
                (ErrorKind::Authentication, "the service refused the API key")
            }
            (_, 401 | 403) => (ErrorKind::Authentication, "the service refused the token"),
            (_, 408 | 500..) => (ErrorKind::Unavailable, "the service failed"),
            (None, 300..=399) => (
                ErrorKind::InvalidAnswer,
                "the base URL redirects elsewhere, which is not followed: the API key would go along; set the right base URL",
            ),
            (None, 404) => {
                (ErrorKind::InvalidAnswer, "there is no such call under this base URL: check the base URL")
            }
            (None, _) if self.is_foreign() => (
                ErrorKind::InvalidAnswer,
                "the answer is not the service's: check the base URL, and for a proxy in between",
            ),
            (Some(code), _) if names_the_token(code) => {
                (ErrorKind::Authentication, "the service refused the token")
            }
            _ => (ErrorKind::Refused, "the service refused"),
        }
    }
}

fn kind_is_retryable(kind: ErrorKind, code: &str) -> bool {
    match kind {
        ErrorKind::RateLimited
        | ErrorKind::ConnectionFailed
        | ErrorKind::Unavailable
        | ErrorKind::Deadline => true,
        ErrorKind::Refused => is_retryable_code(code),
        ErrorKind::Authentication
        | ErrorKind::PaymentRequired
        | ErrorKind::AvatarNotFound
        | ErrorKind::InvalidVisitorId
        | ErrorKind::NotMember
        | ErrorKind::Closed
        | ErrorKind::Certificate
        | ErrorKind::TakenOver
        | ErrorKind::InvalidAnswer
        | ErrorKind::Unsupported
        | ErrorKind::Store
        | ErrorKind::Misuse => false,
    }
}
