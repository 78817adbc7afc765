//! The scripts: each is one step that no other client of Redis comes between.

use redis::Script;

/// The text of a script, with what all of them share before it.
macro_rules! text {
    ($name:literal) => {
        concat!(include_str!("lua/prelude.lua"), include_str!(concat!("lua/", $name, ".lua")))
    };
}

macro_rules! script {
    ($name:literal) => {
        Script::new(text!($name))
    };
}

/// The script of the processes that share a quota.
pub(super) const QUOTA: &str = text!("quota");

pub(super) struct Scripts {
    pub(super) avatars: Script,
    pub(super) claim: Script,
    pub(super) count: Script,
    pub(super) elsewhere: Script,
    pub(super) enter: Script,
    pub(super) expire: Script,
    pub(super) export: Script,
    pub(super) forget: Script,
    pub(super) hold: Script,
    pub(super) idle: Script,
    pub(super) list_notes: Script,
    pub(super) lost: Script,
    pub(super) r#move: Script,
    pub(super) named: Script,
    pub(super) notes: Script,
    pub(super) owed: Script,
    pub(super) post: Script,
    pub(super) read: Script,
    pub(super) release: Script,
    pub(super) said: Script,
    pub(super) save: Script,
    pub(super) take: Script,
    pub(super) unclaim: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            avatars: script!("avatars"),
            claim: script!("claim"),
            count: script!("count"),
            elsewhere: script!("elsewhere"),
            enter: script!("enter"),
            expire: script!("expire"),
            export: script!("export"),
            forget: script!("forget"),
            hold: script!("hold"),
            idle: script!("idle"),
            list_notes: script!("list_notes"),
            lost: script!("lost"),
            r#move: script!("move"),
            named: script!("named"),
            notes: script!("notes"),
            owed: script!("owed"),
            post: script!("post"),
            read: script!("read"),
            release: script!("release"),
            said: script!("said"),
            save: script!("save"),
            take: script!("take"),
            unclaim: script!("unclaim"),
        }
    }
}
