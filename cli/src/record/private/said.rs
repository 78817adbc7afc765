//! What people have said, as far as it consists of words that are kept elsewhere: so that a text about a failure
//! which repeats it is known.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use super::known;

/// So many words in a row, found in both texts, are a repetition.
const IN_A_ROW: usize = 3;
/// How many rows of words are remembered: some 16 MB. After that every text may be a repetition.
const MOST: usize = 500_000;

/// Only hashes of words are held.
#[derive(Default)]
pub(super) struct Said {
    rows: HashSet<u64>,
    hasher: RandomState,
}

impl Said {
    /// Remembers a text. One that is shorter than a row counts if it is whole, and not a piece of a reply.
    pub(super) fn note(&mut self, text: &str, is_whole: bool) {
        let words: Vec<String> = words(text).collect();
        let is_known = |word: &String| is_number(word) || known::is_of_words(word);
        let length = if is_whole { IN_A_ROW.min(words.len()) } else { IN_A_ROW };
        if length == 0 {
            return;
        }
        for row in words.windows(length).filter(|row| row.iter().all(is_known)) {
            if self.rows.len() < MOST {
                self.rows.insert(self.hasher.hash_one(row));
            }
        }
    }

    /// Whether a text repeats what was said.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let words: Vec<String> = words(text).collect();
        let is_said = |row: &[String]| self.rows.contains(&self.hasher.hash_one(row));
        self.rows.len() >= MOST || (1..=IN_A_ROW).any(|length| words.windows(length).any(is_said))
    }
}

/// The words of a text, without what stands between and around them.
fn words(text: &str) -> impl Iterator<Item = String> {
    let runs = text.split(|letter: char| !(letter.is_alphanumeric() || "-_.".contains(letter)));
    let bare = runs.map(|run| run.trim_matches(['-', '_', '.'])).filter(|run| !run.is_empty());
    bare.map(str::to_lowercase)
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_repeats_what_was_said_if_it_holds_a_short_text_or_three_words_in_a_row() {
        let mut said = Said::default();
        said.note("Delete my payment, the second message was wrong!", true);
        said.note("Cancel", true);
        said.note("No", true);
        said.note("quota", false);
        for repeats in
            ["the content \"second message was\" is refused", "THE SECOND, MESSAGE", "no permission"]
        {
            assert!(said.is_in(repeats), "{repeats}");
        }
        for other in ["second message", "the quota is used up", "not found", ""] {
            assert!(!said.is_in(other), "{other}");
        }
    }

    #[test]
    fn what_is_remembered_has_an_end_and_is_on_the_safe_side() {
        let mut said = Said::default();
        let numbers: Vec<String> = (0..MOST + 10).map(|number| number.to_string()).collect();
        said.note(&numbers.join(" "), true);
        assert_eq!(said.rows.len(), MOST);
        assert!(said.is_in("not found"));
    }
}
