//! Replaces secrets and spoken words before anything is written.
//!
//! What is not known to be harmless is replaced. The same value gives the same placeholder within a recording,
//! of the same length and form, so that relations stay visible. `docs/recording.md` says what is kept.

mod http;
mod keyed;
mod known;
mod said;
mod shape;
mod strings;
#[cfg(test)]
mod tests;
mod time;

use serde_json::{Map, Number, Value};

use self::keyed::Key;
use self::known::Class;
pub(crate) use self::known::is_of_words;
use self::said::Said;
use self::time::Shift;

/// How deep objects may lie in each other. What lies deeper is replaced as a text.
const DEPTH: usize = 24;
/// Integers below it are kept, unless their field names something.
const SMALL: u64 = 1_000;
/// Amounts and codes below it are kept.
const AMOUNT: u64 = 10_000_000;

/// Kinds of what is replaced, for the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Id,
    Address,
    Number,
    Time,
    Name,
}

/// How often something was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) texts: u64,
    pub(crate) ids: u64,
    pub(crate) addresses: u64,
    pub(crate) numbers: u64,
    pub(crate) times: u64,
    pub(crate) names: u64,
}

/// Where JSON stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Request,
    Answer,
    Frame,
}

/// Replaces what is private, for one recording.
pub(crate) struct Private {
    key: Key,
    shift: Shift,
    replaced: Replaced,
    place: Place,
    said: Said,
    /// Within the `detail` of a failure.
    in_detail: bool,
}

impl Private {
    /// For a recording that begins now, in milliseconds since 1970. `None` if the system has no randomness.
    pub(crate) fn new(began: i64) -> Option<Self> {
        let key = Key::random().ok()?;
        Some(Self::with(key, began))
    }

    #[cfg(test)]
    pub(crate) fn fixed(seed: u64, began: i64) -> Self {
        Self::with(Key::fixed(seed), began)
    }

    fn with(key: Key, began: i64) -> Self {
        let (shift, replaced) = (Shift::new(began), Replaced::default());
        Self { key, shift, replaced, place: Place::default(), said: Said::default(), in_detail: false }
    }

    pub(crate) fn replaced(&self) -> Replaced {
        self.replaced
    }

    /// A JSON body or frame.
    pub(crate) fn json(&mut self, place: Place, value: &Value) -> Value {
        self.place = place;
        self.value("", value, 0)
    }

    /// A value that stands in a field; items of a list stand in the list's field.
    fn value(&mut self, field: &str, value: &Value, depth: usize) -> Value {
        if depth > DEPTH {
            return Value::String(self.opaque(&value.to_string()));
        }
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => Value::Number(self.number(field, number)),
            Value::String(text) => {
                let class = self.class(field, text);
                if matches!(class, Class::Other | Class::Id) {
                    // What comes over the socket may be a piece of a reply.
                    self.said.note(text, self.place == Place::Request);
                }
                Value::String(self.string_of(class, text, depth))
            }
            Value::Array(items) => items.iter().map(|item| self.value(field, item, depth + 1)).collect(),
            Value::Object(fields) => Value::Object(self.object(fields, depth)),
        }
    }

    /// What a string is, by the name of its field. Only where the service reports a failure, a sentence is about one;
    /// elsewhere a `message` is what a person said.
    fn class(&self, field: &str, text: &str) -> Class {
        match known::class(field) {
            Class::Failure if !self.in_detail => Class::Other,
            Class::Word if text.contains(' ') && self.in_detail => Class::Failure,
            class => class,
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        // Names that look like none of fields say that the others may be values, too.
        let are_fields = fields.keys().all(|name| known::is_field_name(name));
        let is_failure = |name: &str| fields.contains_key(name);
        let is_envelope = depth == 0
            && self.place == Place::Answer
            && ["code", "subCode", "error_code", "error", "detail"].into_iter().any(is_failure);
        let replace = |(name, value): (&String, &Value)| {
            let may_fail =
                self.in_detail || is_envelope || (self.place != Place::Request && name == "subCodeReason");
            let outer = std::mem::replace(
                &mut self.in_detail,
                may_fail && matches!(known::class(name), Class::Failure | Class::Word),
            );
            let replaced = self.value(name, value, depth + 1);
            self.in_detail = outer;
            let kept = (are_fields && known::is_field_name(name)) || known::is_of_words(name);
            let name = match kept {
                true => name.clone(),
                false => {
                    self.count(Kind::Name);
                    self.string(name, DEPTH)
                }
            };
            (name, replaced)
        };
        fields.iter().map(replace).collect()
    }

    fn number(&mut self, field: &str, number: &Number) -> Number {
        let class = known::class(field);
        if class == Class::Time
            && let Some(shifted) = number.as_i64().and_then(|number| self.shift.number(number))
        {
            self.count(Kind::Time);
            return shifted.into();
        }
        let size = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
        let limit = match class {
            Class::Id => 0,
            Class::Amount | Class::Word => AMOUNT,
            _ => SMALL,
        };
        if size.is_some_and(|size| size < limit) || number.as_f64() == Some(0.0) && class != Class::Id {
            return number.clone();
        }
        self.count(Kind::Number);
        let text = number.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let replaced = match size {
            Some(_) => shape::replace_number(&self.key, digits),
            None => digits
                .split('.')
                .map(|part| shape::replace_number(&self.key, part))
                .collect::<Vec<_>>()
                .join("."),
        };
        // What has as many digits may be too large for an integer; half of it is not.
        let parsed = serde_json::from_str(&format!("{sign}{replaced}"));
        parsed.ok().filter(|parsed: &Number| parsed.is_f64() == number.is_f64()).unwrap_or_else(|| {
            let shorter =
                replaced.get(..replaced.len().div_ceil(2)).and_then(|half| half.parse::<u64>().ok());
            shorter.unwrap_or(7).into()
        })
    }

    fn count(&mut self, kind: Kind) {
        let counter = match kind {
            Kind::Text => &mut self.replaced.texts,
            Kind::Id => &mut self.replaced.ids,
            Kind::Address => &mut self.replaced.addresses,
            Kind::Number => &mut self.replaced.numbers,
            Kind::Time => &mut self.replaced.times,
            Kind::Name => &mut self.replaced.names,
        };
        *counter += 1;
    }
}
