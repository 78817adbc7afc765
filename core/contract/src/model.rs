//! What the languages have in common, as the templates see it.

use heck::{ToLowerCamelCase, ToSnakeCase};
use serde::Serialize;

use crate::source::Source;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Contract {
    /// The kinds of events.
    pub events: Vec<Variant>,
    /// What every event has beside its kind.
    pub event: Vec<Field>,
    /// The kinds of errors.
    pub errors: Vec<Variant>,
    /// What a client is set up with.
    pub options: Vec<Field>,
    /// What a client counts.
    pub stats: Vec<Field>,
    /// Which of them Rust keeps in `Stats::counters`.
    pub counters: Vec<String>,
    /// Structs, by name.
    pub values: Vec<Struct>,
    /// Enums whose variants hold nothing.
    pub enums: Vec<Enum>,
    /// Enums of which some variant holds something.
    pub choices: Vec<Enum>,
}

/// A struct.
#[derive(Clone, Debug, Serialize)]
pub struct Struct {
    /// Its name, in Pascal case.
    pub name: String,
    /// Its documentation, with links as Rust writes them.
    pub docs: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// An enum.
#[derive(Clone, Debug, Serialize)]
pub struct Enum {
    /// Its name, in Pascal case.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its variants.
    pub variants: Vec<Variant>,
    /// Whether no variant holds anything.
    pub is_plain: bool,
    /// Whether it is `#[non_exhaustive]`: a match outside of its crate has a wildcard arm.
    pub is_open: bool,
}

/// A variant of an enum: a kind of event or of error, or a value.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// Its name, in Pascal case.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its fields, where they have names.
    pub fields: Vec<Field>,
    /// What it holds, where that has no name.
    pub value: Option<Kind>,
    /// Of a kind of event: its fields, and behind a choice also what its variants hold, for languages without enums that
    /// hold something.
    pub flat: Vec<Field>,
}

/// A field or an option.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Its name as Rust and Python write it.
    pub snake: String,
    /// Its name as Kotlin and Swift write it.
    pub camel: String,
    /// Its name as Node writes it: durations end in `Ms`.
    pub node: String,
    /// Its documentation.
    pub docs: String,
    /// What it holds.
    #[serde(flatten)]
    pub kind: Kind,
    /// Whose it is, where it stands behind a choice.
    pub held_by: Option<HeldBy>,
}

/// The choice that a field stands behind, and the variant that holds it.
#[derive(Clone, Debug, Serialize)]
pub struct HeldBy {
    /// The choice's field.
    pub field: String,
    /// The choice's type.
    pub of: String,
    /// The variant's name.
    pub variant: String,
    /// Whether the variant gives it a name.
    pub is_named: bool,
}

/// What a field holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kind {
    /// `bool`, `count`, `duration`, `time`, `instant`, `text` (what people say), `string`, `path`, `id`, `json`, `raw`, `error`,
    /// `enum`, `choice` or `value`; of an option also `switch` (nothing is passed), `store` or `callback`.
    pub kind: String,
    /// Of which type: that of the number, of the string or of the id, or the enum's or the struct's name.
    pub of: String,
    /// It may be absent.
    pub optional: bool,
    /// There are any number of them.
    pub list: bool,
    /// Rust keeps it behind a pointer.
    pub boxed: bool,
}

impl Kind {
    pub(crate) fn plain(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }
}

impl Field {
    pub(crate) fn new(name: String, docs: String, kind: Kind) -> Result<Self, String> {
        if name != name.to_snake_case() {
            return Err(format!("`{name}` is not in snake case"));
        }
        let camel = name.to_lower_camel_case();
        let node = if kind.kind == "duration" { format!("{camel}Ms") } else { camel.clone() };
        Ok(Self { snake: name, camel, node, docs, kind, held_by: None })
    }
}

impl Contract {
    /// The contract that these types make.
    ///
    /// # Errors
    ///
    /// Where a type that the contract is made of is missing, or a field's type is not one of it.
    pub fn new(source: Source) -> Result<Self, String> {
        let Source { mut structs, mut enums, mut options } = source;
        let known: Vec<_> = enums
            .iter()
            .map(|found| (found.name.clone(), if found.is_plain { "enum" } else { "choice" }))
            .chain(structs.iter().map(|found| (found.name.clone(), "value")))
            .collect();
        let resolve = |kind: &mut Kind| {
            if kind.kind == "named" {
                let found = known.iter().find(|(name, _)| *name == kind.of);
                kind.kind = found.map_or("unknown", |(_, kind)| kind).to_owned();
            }
        };
        for field in structs.iter_mut().flat_map(|found| &mut found.fields).chain(&mut options) {
            resolve(&mut field.kind);
        }
        for variant in enums.iter_mut().flat_map(|found| &mut found.variants) {
            variant.fields.iter_mut().for_each(|field| resolve(&mut field.kind));
            variant.value.iter_mut().for_each(&resolve);
        }
        let mut take = |name: &str| {
            let at = enums.iter().position(|found| found.name == name);
            at.map(|at| enums.remove(at).variants).ok_or_else(|| format!("there is no enum `{name}`"))
        };
        let (events, errors) = (take("EventKind")?, take("ErrorKind")?);
        let mut take = |name: &str| {
            let at = structs.iter().position(|found| found.name == name);
            at.map(|at| structs.remove(at).fields).ok_or_else(|| format!("there is no struct `{name}`"))
        };
        let events =
            events.into_iter().map(|event| Ok(Variant { flat: flat(&event.fields, &enums)?, ..event }));
        let events = events.collect::<Result<Vec<_>, String>>()?;
        let (event, mut stats, counters) = (take("Event")?, take("Stats")?, take("Counters")?);
        // One flat list in every language but Rust.
        stats.retain(|field| field.kind.of != "Counters");
        let names = counters.iter().map(|field| field.snake.clone()).collect();
        stats.extend(counters);
        let (enums, choices) = enums.into_iter().partition(|found| found.is_plain);
        Ok(Self { events, event, errors, options, stats, counters: names, values: structs, enums, choices })
    }
}

/// The fields, and behind each choice what its variants hold.
fn flat(fields: &[Field], enums: &[Enum]) -> Result<Vec<Field>, String> {
    let mut flat = Vec::new();
    for field in fields {
        flat.push(field.clone());
        let choice = enums.iter().find(|found| field.kind.kind == "choice" && found.name == field.kind.of);
        for variant in choice.iter().flat_map(|choice| &choice.variants) {
            let mut put = |held: Field, is_named| {
                let kind = Kind { optional: true, ..held.kind };
                let held_by = HeldBy {
                    field: field.snake.clone(),
                    of: field.kind.of.clone(),
                    variant: variant.name.clone(),
                    is_named,
                };
                flat.push(Field { kind, held_by: Some(held_by), ..held });
            };
            variant.fields.iter().for_each(|held| put(held.clone(), true));
            if let Some(kind) = &variant.value {
                put(Field::new(kind.kind.clone(), variant.docs.clone(), kind.clone())?, false);
            }
        }
    }
    Ok(flat)
}
