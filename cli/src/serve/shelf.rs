//! What was said and not told yet, as notes in the client's store, so that it outlives the process.

use std::sync::{Arc, OnceLock};

use secondme_avatar::{AvatarClient, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::later::{LIFETIME, Word};
use super::turn::Earlier;

/// What the keys of these notes begin with.
const NOTES: &str = "serve/later/";
/// How many letters of a text a note takes: it holds 16 KiB, and a letter is six bytes in JSON at most.
const LETTERS: usize = 2500;
/// How much of a message's id a key takes, in letters; a key has 200 bytes at most.
const ID: usize = 40;

/// A part of what was said, as its note holds it.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    id: String,
    owner: bool,
    at: u64,
    name: String,
    text: String,
    /// How many parts there are.
    parts: usize,
}

/// A word, and the notes that were found of it.
struct Found {
    word: Word,
    keys: Vec<String>,
    /// How many it should have.
    parts: usize,
}

/// Writes a word. When this returns, it outlives the process.
pub(super) async fn put(client: &AvatarClient, word: &Word) -> Result<(), Error> {
    let visitor = Visitor::from(word.visitor.clone());
    let visitor = match &word.person {
        Some(person) => visitor.tag(person.as_str()),
        None => visitor,
    };
    let texts = parts(&word.text);
    let parts = texts.len();
    for (number, text) in texts.into_iter().enumerate() {
        let (id, name) = (word.id.clone(), word.name.clone());
        let part = Part { id, owner: word.by == Earlier::Owner, at: word.at, name, text, parts };
        let text = serde_json::to_string(&part).unwrap_or_default();
        client.add_note(&visitor, key(&word.id, number), text).lifetime(LIFETIME).await?;
    }
    Ok(())
}

/// Whether the word is there, and so was not told by another process.
pub(super) async fn has(client: &AvatarClient, word: &Word) -> Result<bool, Error> {
    Ok(client.note(&word.visitor, &key(&word.id, 0)).await?.is_some())
}

/// Deletes a word that was told.
pub(super) async fn remove(client: &AvatarClient, word: &Word) -> Result<(), Error> {
    for number in 0..parts(&word.text).len() {
        client.delete_note(&word.visitor, &key(&word.id, number)).await?;
    }
    Ok(())
}

/// All words of a model there are, in the order they were said, without their numbers. One of which the process has not
/// written or deleted all parts before it ended is deleted.
pub(super) async fn all(client: &AvatarClient, model: &Arc<str>) -> Result<Vec<Word>, Error> {
    let mut found: Vec<Found> = Vec::new();
    for note in client.notes(NOTES).await? {
        // What another version has written is left where it is.
        let Ok(Part { id, owner, at, name, text, parts }) = serde_json::from_str(&note.text) else {
            continue;
        };
        let visitor = note.visitor.id().clone();
        match found.iter_mut().find(|known| known.word.id == id && known.word.visitor == visitor) {
            Some(known) => {
                known.word.text.push_str(&text);
                known.keys.push(note.key);
            }
            None => {
                let by = if owner { Earlier::Owner } else { Earlier::Avatar };
                let person = note.visitor.own_tag().map(str::to_owned);
                let (number, conversation, model) = (0, None, Arc::clone(model));
                let stored = OnceLock::from(());
                let word =
                    Word { id, visitor, person, by, text, at, number, conversation, model, name, stored };
                found.push(Found { word, keys: vec![note.key], parts });
            }
        }
    }
    let mut whole = Vec::new();
    for Found { word, keys, parts } in found {
        if keys.len() == parts {
            whole.push(word);
            continue;
        }
        for key in keys {
            client.delete_note(&word.visitor, &key).await?;
        }
    }
    Ok(whole)
}

fn key(id: &str, number: usize) -> String {
    let id: String = id.chars().take(ID).collect();
    format!("{NOTES}{id}/{number:04}")
}

fn parts(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(LETTERS).map(|part| part.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_several_notes_and_a_key_is_short_enough() {
        let text = format!("{}好", "x".repeat(LETTERS));
        assert_eq!(parts(&text), ["x".repeat(LETTERS), "好".to_owned()]);
        let worst = "\u{1}".repeat(LETTERS);
        assert!(serde_json::to_string(&worst).unwrap().len() < 15_500);
        assert!(key(&"好".repeat(300), 9999).len() <= 200);
    }

    #[tokio::test]
    async fn a_word_of_which_a_part_is_missing_is_deleted() {
        let emulator = secondme_avatar_emulator::Emulator::builder().start().await.unwrap();
        let builder = AvatarClient::builder(emulator.api_key()).unwrap();
        let client = builder.base_url(emulator.base_url().parse().unwrap()).build().unwrap();
        let word = |id: &str| Word {
            id: id.to_owned(),
            visitor: Visitor::for_user("app", "ada").unwrap().id().clone(),
            person: None,
            by: Earlier::Owner,
            text: "x".repeat(2 * LETTERS + 1),
            at: 7,
            number: 0,
            conversation: None,
            model: "avatar".into(),
            name: String::new(),
            stored: OnceLock::new(),
        };
        for id in ["whole", "half written", "half deleted"] {
            put(&client, &word(id)).await.unwrap();
        }
        let visitor = word("").visitor;
        client.delete_note(&visitor, &key("half written", 2)).await.unwrap();
        client.delete_note(&visitor, &key("half deleted", 0)).await.unwrap();
        let found = all(&client, &word("").model).await.unwrap();
        assert_eq!((found.len(), &*found[0].id, &found[0].text), (1, "whole", &word("").text));
        assert_eq!(client.notes(NOTES).await.unwrap().len(), 3, "of the whole one");
    }
}
