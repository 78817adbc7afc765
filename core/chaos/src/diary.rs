//! What a process that may be killed at any moment writes down, line by line.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use secondme_avatar::{Event, EventKind, Gap};
use serde_json::{Value, json};

use crate::accounts::{Account, Fate};

/// A file to which lines are appended one by one, so a killed process leaves whole lines.
#[derive(Debug)]
pub struct Diary {
    file: File,
    /// The number of the process.
    process: u64,
}

impl Diary {
    /// Continues this file.
    pub fn open(path: &Path, process: u64) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)?, process })
    }

    /// Writes that a message is stored.
    pub fn kept(&mut self, text: &str) -> io::Result<()> {
        self.write(&json!({"kept": text}))
    }

    /// Writes an event, if it counts.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let line = match &event.kind {
            EventKind::Reply(reply) | EventKind::OwnerReply(reply) => {
                json!({"heard": reply.id.as_ref().map(|id| id.as_str()), "text": reply.text.as_str()})
            }
            EventKind::Unsent { message, .. } => {
                json!({"unsent": message.text.as_str(), "certain": message.certain})
            }
            EventKind::Reconnected { gap: Gap::Unknown } => {
                json!({"may_lack": event.session_id.as_ref().map(|id| id.as_str())})
            }
            _ => return Ok(()),
        };
        self.write(&line)
    }

    fn write(&mut self, line: &Value) -> io::Result<()> {
        let mut line = line.clone();
        line["process"] = self.process.into();
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

/// Reads what all processes have written.
pub fn read(path: &Path) -> io::Result<Account> {
    let mut account = Account::default();
    let mut last_heard: BTreeMap<String, u64> = BTreeMap::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let line: Value = serde_json::from_str(line).map_err(io::Error::other)?;
        let process = line["process"].as_u64().unwrap_or_default();
        if let Some(text) = line["kept"].as_str() {
            account.sent.entry(text.to_owned()).or_insert(Fate::Kept);
        } else if let Some(text) = line["unsent"].as_str() {
            let certain = line["certain"] == true;
            let reason = format!("{} event", if certain { "certain:" } else { "unconfirmed:" });
            account.sent.insert(text.to_owned(), Fate::HandedBack { certain, reason });
        } else if let Some(id) = line["heard"].as_str() {
            let heard = account.heard.entry(id.to_owned()).or_default();
            heard.texts.push(line["text"].as_str().unwrap_or_default().to_owned());
            // A repetition within one process has nothing to do with a kill.
            let before = last_heard.insert(id.to_owned(), process);
            heard.again += usize::from(before.is_some_and(|before| before != process));
        } else if let Some(session) = line["may_lack"].as_str() {
            account.may_lack.insert(session.to_owned());
        }
    }
    Ok(account)
}
