//! The envelope `{"code": 0, "data": …}`, and the six fields in which it may report a failure.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::codes::{is_code, is_word};
use super::detail;
use super::lenient::Lax;
use super::mend::mend_body;
use super::refusal::{Form, Refusal};
use crate::door::Door;
use crate::error::{Error, ErrorKind, Step};
use crate::quote::{Cause, KnownSecrets};

/// The longest part of the service's own words that is repeated, in characters.
const SAYS: usize = 200;

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

    /// What it says of a failure.
    fn into_refusal(self, door: Door, status: u16, known: &KnownSecrets) -> Refusal {
        let detail = self.detail.map(detail::read).unwrap_or_default();
        let (code, sub_code) = (self.code.as_deref(), self.sub_code.as_deref());
        let (error_code, message, msg) =
            (self.error_code.as_deref(), self.message.as_deref(), self.msg.as_deref());
        let fields = [code, sub_code, error_code, message, msg, detail.text.as_deref()];
        let dotted = fields.into_iter().flatten().find(|text| is_code(text));
        let word = detail.text.as_deref().filter(|text| is_word(text));
        let named = [sub_code, error_code, word, code];
        let named = named.into_iter().flatten().find(|code| !matches!(*code, "" | "0"));
        // What is wrong with which field says more than that something is.
        let says = [detail.fields.as_deref(), message, msg, detail.text.as_deref()];
        let says = says.into_iter().flatten().find(|text| !text.trim().is_empty());
        let number = code.and_then(|code| code.parse().ok()).filter(|number| (400..600).contains(number));
        let number = number.filter(|_| door.numbers_failures() && (200..300).contains(&status));
        Refusal {
            door,
            status: number.unwrap_or(status),
            code: dotted.or(named).map(|code| known.code(code)),
            says: says.map(|text| known.words(text, SAYS)),
            form: Form::Envelope,
        }
    }
}

/// Reads an answer: its `data` where it is a success, otherwise what was refused, without the secrets that are known.
pub(crate) fn read<'b>(
    door: Door,
    status: u16,
    body: &'b [u8],
    known: &KnownSecrets,
) -> Result<Option<&'b RawValue>, Refusal> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
        let form = if body.trim_ascii().is_empty() { Form::Empty } else { Form::Foreign };
        return Err(Refusal { door, status, code: None, says: None, form });
    };
    let ok_status = (200..300).contains(&status);
    match envelope.code.as_deref() {
        Some("0") if ok_status => Ok(envelope.data.filter(|data| data.get() != "null")),
        None if (ok_status && !envelope.names_a_code()) || !envelope.says_something() => {
            Err(Refusal { door, status, code: None, says: None, form: Form::Foreign })
        }
        _ => Err(envelope.into_refusal(door, status, known)),
    }
}

/// Returns what is wrong with a door's answer to a step, if anything is: for reports about calls. The machine
/// judges for itself. The secrets that are `known` do not occur in it.
pub fn verdict(door: Door, step: Step, status: u16, body: &[u8], known: &KnownSecrets) -> Option<Error> {
    let mended = mend_body(body);
    let body = mended.as_deref().map_or(body, str::as_bytes);
    Some(read(door, status, body, known).err()?.into_error(step))
}

/// Reads the `data` of a success, which this step needs.
pub(crate) fn data<'a, T: Deserialize<'a>>(step: Step, data: Option<&'a RawValue>) -> Result<T, Error> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidAnswer, what).at(step);
    let raw = data.ok_or_else(|| invalid("the service's answer has no data".to_owned()))?;
    serde_json::from_str(raw.get()).map_err(|error| {
        let cause = Cause::new(without_value(&error.to_string()));
        invalid("the service's answer lacks what this step needs".to_owned()).caused_by(cause)
    })
}

/// What serde_json says: the field, the type that was expected, and the position. It quotes a text of a wrong type,
/// which may be a token.
fn without_value(said: &str) -> String {
    match (said.find('"'), said.rfind('"')) {
        (Some(begin), Some(end)) if begin < end => format!("{}\"…\"{}", &said[..begin], &said[end + 1..]),
        _ => said.to_owned(),
    }
}
