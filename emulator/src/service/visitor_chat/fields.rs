//! Reading a body as strictly as this door does: a field too many or too few, and each of them is
//! named in `detail`, with HTTP 422.

use serde_json::{Map, Value, json};

use crate::service::failure::Failure;
use crate::service::http::{Request, percent_decoded};

/// The fields of a body, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Fields {
    body: Map<String, Value>,
    wrong: Vec<Value>,
}

impl Fields {
    /// Of a JSON body.
    pub(super) fn of_json(request: &Request) -> Result<Self, Failure> {
        if !is_of_type(request, "application/json") {
            return Err(not_an_object());
        }
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(body)) => Ok(Self { body, wrong: Vec::new() }),
            Ok(_) => Err(not_an_object()),
            Err(error) => {
                let (loc, kind) = (json!(["body", error.column()]), "json_invalid");
                Err(Failure::unprocessable(vec![entry(loc, "JSON decode error", kind)]))
            }
        }
    }

    /// Of a form. A body of another type has no fields.
    pub(super) fn of_form(request: &Request) -> Self {
        let mut body = Map::new();
        if is_of_type(request, "application/x-www-form-urlencoded") {
            let text = String::from_utf8_lossy(&request.body);
            for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                body.insert(percent_decoded(name), json!(percent_decoded(value)));
            }
        }
        Self { body, wrong: Vec::new() }
    }

    /// A text that has to be there, and not be empty. Where it is not, it is empty and will be refused.
    pub(super) fn text(&mut self, name: &str) -> String {
        match self.body.remove(name) {
            None => self.refuse(name, "Field required", "missing"),
            Some(Value::String(text)) if text.is_empty() => {
                self.refuse(name, "String should have at least 1 character", "string_too_short");
            }
            Some(Value::String(text)) => return text,
            Some(_) => self.refuse(name, "Input should be a valid string", "string_type"),
        }
        String::new()
    }

    /// A text that may be missing or null.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        match self.body.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.refuse(name, "Input should be a valid string", "string_type");
                None
            }
        }
    }

    /// An id, which may be a number where the service has told it as one.
    pub(super) fn id(&mut self, name: &str) -> String {
        match self.body.get(name) {
            Some(Value::Number(number)) if number.is_u64() => {
                let id = number.to_string();
                self.body.remove(name);
                id
            }
            _ => self.text(name),
        }
    }

    /// A field with one value only.
    pub(super) fn fixed(&mut self, name: &str, wanted: &str) {
        let given = self.text(name);
        if !given.is_empty() && given != wanted {
            self.refuse(name, &format!("Input should be '{wanted}'"), "literal_error");
        }
    }

    pub(super) fn refuse(&mut self, name: &str, why: &str, kind: &str) {
        self.wrong.push(entry(json!(["body", name]), why, kind));
    }

    /// Refuses the body if anything in it is wrong, or too much.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        for name in std::mem::take(&mut self.body).keys() {
            self.refuse(name, "Extra inputs are not permitted", "extra_forbidden");
        }
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err(Failure::unprocessable(self.wrong)),
        }
    }
}

fn is_of_type(request: &Request, wanted: &str) -> bool {
    let given = request.headers.get("content-type").unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn not_an_object() -> Failure {
    let why = "Input should be a valid dictionary or object to extract fields from";
    Failure::unprocessable(vec![entry(json!(["body"]), why, "model_attributes_type")])
}

fn entry(loc: Value, msg: &str, kind: &str) -> Value {
    json!({"loc": loc, "msg": msg, "type": kind})
}
