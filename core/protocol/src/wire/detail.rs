//! The field `detail`, in which the gateway's other doors report a failure: a text, or which fields are wrong.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::lenient::Lax;

/// How many wrong fields are named.
const FIELDS: usize = 3;

/// What a `detail` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    /// Its text: a code or a sentence.
    pub(super) text: Option<String>,
    /// Which fields are wrong, and what is wrong with each.
    pub(super) fields: Option<String>,
}

/// One wrong field. What was given for it may stand beside these three, and is not read.
#[derive(Deserialize)]
struct WrongField<'a> {
    #[serde(default)]
    loc: Vec<Value>,
    #[serde(borrow, default)]
    msg: Lax<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
}

/// Reads a `detail`. One of another form says nothing.
pub(super) fn read(raw: &RawValue) -> Detail {
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Detail { text: Some(text), fields: None };
    }
    let fields = serde_json::from_str::<Vec<WrongField<'_>>>(raw.get()).unwrap_or_default();
    let mut said = String::new();
    for field in fields.iter().take(FIELDS) {
        let what = field.msg.as_deref().or(field.kind.as_deref()).unwrap_or("is wrong");
        // Writing to a string does not fail.
        let _ = match place(&field.loc) {
            Some(place) => write!(said, "{}the field `{place}`: {what}", separator(&said)),
            None => write!(said, "{}{what}", separator(&said)),
        };
    }
    Detail { text: None, fields: (!said.is_empty()).then_some(said) }
}

fn separator(said: &str) -> &'static str {
    if said.is_empty() { "" } else { "; " }
}

/// Where the field stands. The first part is the part of the request, which is the body where none is named.
fn place(loc: &[Value]) -> Option<String> {
    let parts = loc.iter().filter_map(|part| match part {
        Value::String(name) => Some(name.clone()),
        Value::Number(at) => Some(at.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let parts: Vec<_> = parts.skip_while(|part| part == "body").collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(detail: &str) -> Detail {
        read(&RawValue::from_string(detail.to_owned()).unwrap())
    }

    #[test]
    fn a_list_names_the_fields_and_not_what_was_given_for_them() {
        let said = read_text(
            r#"[{"loc":["body","visitorId"],"msg":"field required","type":"missing","input":"sk-secret"},
                {"loc":["query","items",0,"id"],"type":"int_type"}, {"msg":"too long"}, {"loc":["body","last"]}]"#,
        );
        let fields =
            "the field `visitorId`: field required; the field `query.items.0.id`: int_type; too long";
        assert_eq!(said, Detail { text: None, fields: Some(fields.to_owned()) });
    }

    #[test]
    fn a_text_is_a_text_and_anything_else_says_nothing() {
        assert_eq!(read_text(r#""Not authenticated""#).text.as_deref(), Some("Not authenticated"));
        for odd in ["{}", "7", "null", "[]", r#"["a"]"#, r#"[{"loc":"body"}]"#] {
            assert_eq!(read_text(odd), Detail::default(), "{odd}");
        }
    }
}
