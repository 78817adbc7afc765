//! How the program ends: exit codes for scripts, and errors in plain words.

use std::io::Write as _;
use std::process::ExitCode;

use secondme_avatar::{Error, ErrorKind, Step, one_line};
use secondme_avatar_emulator::{RunError, StartError};

use crate::style;

pub(crate) const FAILURE: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const KEY: u8 = 3;
pub(crate) const QUOTA: u8 = 4;
pub(crate) const UNREACHABLE: u8 = 5;
pub(crate) const PAYMENT: u8 = 6;
pub(crate) const INTERRUPTED: u8 = 130;
/// By a signal, which Windows does not have.
#[cfg(unix)]
pub(crate) const TERMINATED: u8 = 143;

/// Why the program ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What happened. Empty if the user knows it.
    message: String,
    /// The cause.
    cause: Option<String>,
    /// What to do.
    advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, advice: None }
    }

    /// The user has stopped the program.
    pub(crate) fn stopped(code: u8) -> Self {
        Self::new(code, "")
    }

    /// The reader of stdout has closed it. There is nothing to report.
    pub(crate) fn output_closed() -> Self {
        Self::new(FAILURE, "")
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What happened, for a line in a conversation that continues.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// The failure, for a program to read.
    pub(crate) fn describe(&self) -> Described {
        let (message, advice) = (self.message.clone(), self.advice.clone());
        Described { kind: None, code: None, step: None, message, advice }
    }

    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            let mut err = anstream::stderr().lock();
            let (error, dim) = (style::PROBLEM, style::NOTE);
            let mut text = format!("{error}error:{error:#} {}\n", self.message);
            if let Some(cause) = &self.cause {
                text.push_str(&format!("{dim}  because: {cause}{dim:#}\n"));
            }
            if let Some(advice) = &self.advice {
                text.push_str(&format!("\n{advice}\n"));
            }
            // If stderr is closed, there is no reader.
            let _ = err.write_all(text.as_bytes());
        }
        ExitCode::from(self.code)
    }
}

const WRONG_PLACE: &str = "What answers there does not speak like the service. Check --base-url or SECONDME_BASE_URL:\n\
    it ends with /gate/in, or for Visitor Chat with /gate/lab.";

/// The parts of a failure.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) message: String,
    kind: Option<&'static str>,
    code: Option<String>,
    step: Option<&'static str>,
    advice: Option<String>,
}

impl Described {
    pub(crate) fn json(&self) -> serde_json::Value {
        let Self { message, kind, code, step, advice } = self;
        serde_json::json!({"kind": kind, "code": code, "step": step, "message": message, "advice": advice})
    }
}

impl From<&Error> for Described {
    fn from(error: &Error) -> Self {
        Self {
            message: said(error),
            kind: Some(error.kind().name()),
            code: error.code().map(str::to_owned),
            step: error.step().map(Step::name),
            advice: advice(error),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Authentication => KEY,
            ErrorKind::RateLimited => QUOTA,
            ErrorKind::PaymentRequired => PAYMENT,
            ErrorKind::ConnectionFailed
            | ErrorKind::Certificate
            | ErrorKind::Unavailable
            | ErrorKind::Deadline
            | ErrorKind::InvalidAnswer => UNREACHABLE,
            ErrorKind::Misuse | ErrorKind::InvalidVisitorId => USAGE,
            _ => FAILURE,
        };
        Self { code, message: said(&error), cause: cause(&error), advice: advice(&error) }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let code = match error {
            RunError::File { .. }
            | RunError::Journal { .. }
            | RunError::Script { .. }
            | RunError::Settings { .. }
            | RunError::Profile { .. }
            | RunError::NoModel
            | RunError::Start(StartError::Settings(_) | StartError::Fault(_) | StartError::Token) => USAGE,
            _ => FAILURE,
        };
        Self::new(code, error.to_string())
    }
}

/// The error's text, with the options as this program has them.
pub(crate) fn said(error: &Error) -> String {
    error.text_in(|name| match name {
        "environment" | "base_url" => "--base-url".to_owned(),
        // Secrets are read from the environment alone.
        "api_key" => "SECONDME_API_KEY".to_owned(),
        "client_id" => "SECONDME_CLIENT_ID".to_owned(),
        "client_secret" => "SECONDME_CLIENT_SECRET".to_owned(),
        name => name.to_owned(),
    })
}

/// The longest cause that is shown, in characters.
const CAUSE: usize = 200;

/// The innermost cause, unless the message contains it.
fn cause(error: &Error) -> Option<String> {
    let (said, root) = (error.to_string(), one_line(&root(error).to_string(), CAUSE));
    (!said.contains(&root)).then_some(root)
}

fn root(error: &Error) -> &dyn std::error::Error {
    let mut root: &dyn std::error::Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root
}

/// Advice for a failed connection. The crates below tell the reasons apart only by their texts. If a text
/// changes, only the better advice is lost.
fn network_advice(error: &Error) -> &'static str {
    // This is a text of our own.
    if error.to_string().contains("the proxy at ") {
        return "Check the proxy's address in HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY): host, port, user name and password.\n\
                A host that is reached without the proxy belongs in NO_PROXY.";
    }
    let root = root(error).to_string().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| root.contains(word));
    if says(&["corrupt message", "invalidcontenttype"]) {
        "The address says https, and something answers there that does not speak TLS. Check the scheme and\n\
         the port of --base-url or SECONDME_BASE_URL."
    } else if says(&["lookup", "name or service not known", "no such host", "dns"]) {
        "That host's name is unknown. Check its spelling in --base-url or SECONDME_BASE_URL, and this\n\
         machine's DNS."
    } else {
        "Check the network, and the address if you gave one (--base-url or SECONDME_BASE_URL).\n\
         Without a network, `avatar chat --emulator` works."
    }
}

fn advice(error: &Error) -> Option<String> {
    let advice = match error.kind() {
        // At Visitor Chat it may be the app, its secret or its scope, and the error itself says which.
        ErrorKind::Authentication
            if matches!(error.step(), Some(Step::FetchToken | Step::InitVisitorChat)) =>
        {
            return None;
        }
        ErrorKind::Authentication => {
            "Check SECONDME_API_KEY. Keys are made, and disabled, in the SecondMe app:\n\
             Avatar Hub → Avatar Detail → API Key Management."
        }
        ErrorKind::RateLimited => {
            let again = error.retry_after().map_or_else(
                || "in a minute".to_owned(),
                |wait| format!("in {} s", wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            );
            return Some(format!(
                "One API key may authenticate 60 times a minute, all its programs together.\nTry again {again}."
            ));
        }
        ErrorKind::AvatarNotFound => {
            "The key's avatar is gone. Create an API key for another avatar in the SecondMe app:\n\
             Avatar Hub → Avatar Detail → API Key Management."
        }
        ErrorKind::ConnectionFailed | ErrorKind::Deadline => network_advice(error),
        ErrorKind::Refused if error.status() == Some(404) => WRONG_PLACE,
        ErrorKind::InvalidAnswer => WRONG_PLACE,
        ErrorKind::Unavailable => "The service has trouble. Try again later.",
        // The error itself says what to do.
        _ => return None,
    };
    Some(advice.to_owned())
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        let refused = || Error::new(ErrorKind::ConnectionFailed, "connection refused");
        let error = Error::new(ErrorKind::Deadline, "too late; last failure: connection refused");
        assert_eq!(cause(&error.caused_by(refused())), None);
        let error = Error::new(ErrorKind::Deadline, "too late").caused_by(refused());
        assert_eq!(cause(&error), Some("connection refused".to_owned()));
        assert_eq!(cause(&refused()), None);
    }
}
