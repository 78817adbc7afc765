//! Reads a journal from a file.

use serde_json::Value;

use super::emulated::Emulated;
use super::recorded::Recorded;
use super::whose::Journal;

/// What the first line of a recording says.
const RECORDING: &str = "secondme-avatar-journal";
/// The version of recordings that is known here.
const VERSION: u64 = 1;

/// Why a file is not a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJournal {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is something else.
    #[error("it is not a journal, but {0}")]
    Other(&'static str),
    /// It is a recording of a later version.
    #[error("it is a recording of version {0}, and this program reads version {VERSION}")]
    Version(u64),
    /// One of its lines is broken.
    #[error("line {line}: {why}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Journal {
    /// Reads a journal: lines of JSON, each an entry as `GET /_emulator/journal` has them; the whole answer of that
    /// call; or what `avatar record` has written. A last line that breaks off is passed over.
    pub fn parse(text: &str) -> Result<Self, InvalidJournal> {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).peekable();
        let Some((number, first)) = lines.peek().copied() else {
            return Err(InvalidJournal::Empty);
        };
        let first: Value = match serde_json::from_str(first) {
            Ok(first) => first,
            Err(error) => match serde_json::from_str::<Value>(text) {
                Ok(whole) => return Self::of_whole(&whole),
                Err(_) if first.trim_start().starts_with(['{', '[']) => {
                    return Err(InvalidJournal::Line {
                        line: number,
                        why: format!("it is not JSON: {error}"),
                    });
                }
                Err(_) => return Err(InvalidJournal::Other(kind_of(text))),
            },
        };
        if first["journal"] == RECORDING {
            return match first["version"].as_u64() {
                Some(VERSION) => {
                    let mut reader = Recorded::default();
                    each(lines, |_, line| {
                        reader.take(line);
                        Ok(())
                    })?;
                    Ok(Self::new(reader.finish(), false))
                }
                other => Err(InvalidJournal::Version(other.unwrap_or_default())),
            };
        }
        if first["entries"].is_array() || first.is_array() {
            return Self::of_whole(&first);
        }
        if !is_entry(&first) {
            return Err(InvalidJournal::Other("other JSON: no `entries`, and no entries of a journal"));
        }
        let mut reader = Emulated::default();
        each(lines, |line, entry| {
            let why = "it is no entry: an entry has `n`, `atMs` and `what`".to_owned();
            if !is_entry(entry) {
                return Err(InvalidJournal::Line { line, why });
            }
            reader.take(entry);
            Ok(())
        })?;
        Ok(Self::new(reader.finish(), true))
    }

    /// All entries in one JSON value.
    fn of_whole(whole: &Value) -> Result<Self, InvalidJournal> {
        let entries = whole["entries"].as_array().or_else(|| whole.as_array());
        let entries = entries.filter(|entries| entries.iter().all(is_entry));
        let other = InvalidJournal::Other("other JSON: no `entries`, and no entries of a journal");
        let mut reader = Emulated::default();
        entries.ok_or(other)?.iter().for_each(|entry| reader.take(entry));
        Ok(Self::new(reader.finish(), true))
    }
}

/// Hands over line by line. The last may break off: its writer was stopped.
fn each<'a>(
    mut lines: std::iter::Peekable<impl Iterator<Item = (usize, &'a str)>>,
    mut take: impl FnMut(usize, &Value) -> Result<(), InvalidJournal>,
) -> Result<(), InvalidJournal> {
    while let Some((number, line)) = lines.next() {
        match serde_json::from_str(line) {
            Ok(value) => take(number, &value)?,
            Err(error) if error.is_eof() && lines.peek().is_none() => {}
            Err(error) => {
                return Err(InvalidJournal::Line { line: number, why: format!("it is not JSON: {error}") });
            }
        }
    }
    Ok(())
}

fn is_entry(entry: &Value) -> bool {
    entry["n"].is_u64() && entry["atMs"].is_u64() && entry["what"].is_string()
}

/// What a file may be that is no JSON.
fn kind_of(text: &str) -> &'static str {
    let begin = text.trim_start();
    match begin {
        _ if begin.starts_with("<svg") || begin.starts_with("<?xml") => "a picture, or other XML",
        _ if begin.starts_with('<') => "HTML, or other markup",
        _ if begin.contains('\0') => "not text",
        _ if begin.lines().any(|line| line.trim_start().starts_with("steps:")) => "a scenario",
        _ if begin.lines().any(|line| line.starts_with("format =")) => "a profile of `avatar survey`",
        _ => "other text: its first line is not JSON",
    }
}
