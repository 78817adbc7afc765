//! A service as `avatar survey` has seen it: the answers to the open questions, from a file.
//!
//! `docs/survey.md` describes the file. For each question, by door, it gives the answer, or the reason why the answer
//! is not known; the emulator takes the answers, and keeps its default for every other question.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use toml::Table;

use crate::service::Settings;

/// The version of the file's format.
const FORMAT: i64 = 1;

/// The settings that answer no open question: what there is, and how fast it goes.
const NO_SWITCHES: [&str; 17] = [
    "origins",
    "avatars",
    "keys",
    "apps",
    "user-tokens",
    "visitor-chat-token-lifetime",
    "brain",
    "socket-base",
    "quota-per-minute",
    "chat-context-lifetime",
    "address-lifetime",
    "reply-delay",
    "piece-delay",
    "latency",
    "journal",
    "history-bytes",
    "history-page",
];

/// The doors of the service, as the file names them.
const DOORS: [&str; 2] = ["avatar-open-api", "visitor-chat"];

/// What the file says beside the answer, for people.
const REMARKS: [&str; 4] = ["seen", "when", "not-asked", "not-seen"];

/// The answers to open questions that a file holds.
///
/// ```
/// use secondme_avatar_emulator::{Emulator, Profile};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let profile = Profile::parse(
///     r#"
///     format = 1
///     [avatar-open-api.pings]
///     answer = "nothing"
///     [avatar-open-api.takeover-silence]
///     not-asked = "only the avatar's owner can take over"
///     "#,
/// )?;
/// let emulator = Emulator::builder().profile(&profile).start().await?;
/// # emulator.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    answers: Map<String, Value>,
}

/// What is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProfile {
    /// It is not TOML.
    #[error("it is not TOML: {0}")]
    Toml(String),
    /// It says no format, or one that this version does not know.
    #[error("it begins with `format = {FORMAT}`, the only one known here; this file has {0}")]
    Format(String),
    /// It has a part that is neither about the survey nor a door.
    #[error("`{name}` is not a door; there are: {known}")]
    Door {
        /// The part's name.
        name: String,
        /// The doors there are.
        known: String,
    },
    /// It answers a question that is not known.
    #[error("`{name}` is not one of the switches: {known}")]
    Switch {
        /// The name in the file.
        name: String,
        /// The switches there are.
        known: String,
    },
    /// Its answer to a question is not one of the answers there are.
    #[error("switch `{name}`: {why}")]
    Answer {
        /// The switch.
        name: String,
        /// The answer, and those there are.
        why: String,
    },
    /// Two doors that share a switch of the emulator answer it differently.
    #[error(
        "switch `{0}`: both doors have it in common in the emulator, and the answers differ; remove one of them"
    )]
    Shared(String),
    /// A switch is written in another way.
    #[error(
        "switch `{0}`: write `answer = \"…\"`; beside it stand `seen` and `when`, or `not-asked` or `not-seen` alone"
    )]
    Entry(String),
}

impl Profile {
    /// Reads a profile, and checks every name and answer in it.
    pub fn parse(text: &str) -> Result<Self, InvalidProfile> {
        let file: Table =
            text.parse().map_err(|error: toml::de::Error| InvalidProfile::Toml(error.to_string()))?;
        match file.get("format") {
            Some(toml::Value::Integer(FORMAT)) => {}
            Some(toml::Value::Integer(other)) => {
                return Err(InvalidProfile::Format(format!("`format = {other}`")));
            }
            Some(_) => return Err(InvalidProfile::Format("a `format` that is no number".to_owned())),
            None => return Err(InvalidProfile::Format("no `format`".to_owned())),
        }
        let mut answers = Map::new();
        for (name, part) in &file {
            match part {
                toml::Value::Table(switches) if DOORS.contains(&name.as_str()) => {
                    read_door(name, switches, &mut answers)?
                }
                // Beside the doors stand lines about the survey itself.
                toml::Value::Table(_) => {
                    return Err(InvalidProfile::Door { name: name.clone(), known: DOORS.join(", ") });
                }
                _ => {}
            }
        }
        Ok(Self { answers })
    }

    /// The switches that have an answer here, with it.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.answers.iter().filter_map(|(name, answer)| Some((name.as_str(), answer.as_str()?)))
    }

    /// These settings, with the answers of the profile.
    #[must_use]
    pub fn apply(&self, settings: &Settings) -> Settings {
        // Each answer was checked, so what can be wrong was wrong before, and `check` says so at the start.
        settings.changed(self.answers.clone()).unwrap_or_else(|_| settings.clone())
    }
}

/// The names of all switches, in alphabetical order.
fn switches() -> Vec<String> {
    let Value::Object(settings) = json!(Settings::default()) else {
        return Vec::new();
    };
    let mut names: Vec<_> =
        settings.keys().filter(|name| !NO_SWITCHES.contains(&name.as_str())).cloned().collect();
    names.sort();
    names
}

/// The setting of a switch, as the file names it at a door. The second door has switches of its own, which
/// begin with its name among the settings, and shares the others with the first.
fn setting_of(door: &str, name: &str, known: &[String]) -> Option<String> {
    let own = format!("{door}-{name}");
    let settings = [own, name.to_owned()];
    settings.into_iter().find(|setting| known.contains(setting) && !is_of_other_door(door, setting))
}

fn is_of_other_door(door: &str, setting: &str) -> bool {
    DOORS.iter().any(|other| *other != door && setting.starts_with(&format!("{other}-")))
}

/// The switches of a door, as the file names them.
fn names_at(door: &str, known: &[String]) -> String {
    let own = format!("{door}-");
    let names = known.iter().filter(|setting| !is_of_other_door(door, setting));
    let mut names: Vec<_> = names.map(|setting| setting.strip_prefix(&own).unwrap_or(setting)).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn read_door(
    door: &str,
    switches_of_door: &Table,
    answers: &mut Map<String, Value>,
) -> Result<(), InvalidProfile> {
    let known = switches();
    for (name, entry) in switches_of_door {
        let setting = setting_of(door, name, &known).ok_or_else(|| InvalidProfile::Switch {
            name: format!("{door}.{name}"),
            known: names_at(door, &known),
        })?;
        let Some(answer) = answer_of(name, entry)? else {
            continue;
        };
        check(name, &setting, answer)?;
        match answers.insert(setting, json!(answer)) {
            Some(other) if other != answer => return Err(InvalidProfile::Shared(name.clone())),
            _ => {}
        }
    }
    Ok(())
}

/// The answer in an entry, if it has one.
fn answer_of<'a>(name: &str, entry: &'a toml::Value) -> Result<Option<&'a str>, InvalidProfile> {
    let wrong = || InvalidProfile::Entry(name.to_owned());
    let entry = entry.as_table().ok_or_else(wrong)?;
    if entry.keys().any(|key| key != "answer" && !REMARKS.contains(&key.as_str())) {
        return Err(wrong());
    }
    match entry.get("answer") {
        Some(answer) => answer.as_str().map(Some).ok_or_else(wrong),
        None if entry.contains_key("not-asked") || entry.contains_key("not-seen") => Ok(None),
        None => Err(wrong()),
    }
}

fn check(name: &str, setting: &str, answer: &str) -> Result<(), InvalidProfile> {
    let changes = Map::from_iter([(setting.to_owned(), json!(answer))]);
    match Settings::deserialize(Value::Object(changes)) {
        Ok(_) => Ok(()),
        Err(error) => Err(InvalidProfile::Answer { name: name.to_owned(), why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Pings, SecondSocket};

    #[test]
    fn answers_are_taken_and_what_has_none_keeps_its_default() {
        let profile = Profile::parse(
            "format = 1\nsurveyed = 2026-11-28\n\
             [avatar-open-api.pings]\nanswer = 'nothing'\nseen = 'no pong'\nwhen = 2026-11-28T15:40:02Z\n\
             [avatar-open-api.second-socket]\nnot-seen = 'the second handshake failed'\n",
        )
        .unwrap();
        assert_eq!(profile.answers().collect::<Vec<_>>(), [("pings", "nothing")]);
        let before = Settings::default().second_socket(SecondSocket::BothGet);
        let after = profile.apply(&before);
        assert_eq!((after.pings, after.second_socket), (Pings::Nothing, SecondSocket::BothGet));
    }

    #[test]
    fn each_door_has_switches_of_its_own_and_some_in_common() {
        let profile = Profile::parse(
            "format = 1\n[avatar-open-api.ping-drop]\nanswer = '20s'\n[avatar-open-api.pings]\nanswer = 'nothing'\n\
             [visitor-chat.ping-drop]\nanswer = 'never'\n[visitor-chat.pings]\nanswer = 'nothing'\n",
        )
        .unwrap();
        let answers: Vec<_> = profile.answers().collect();
        let wanted = [("ping-drop", "20s"), ("pings", "nothing"), ("visitor-chat-ping-drop", "never")];
        assert_eq!(answers, wanted);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_known() {
        for (text, says) in [
            ("pings", "not TOML"),
            ("", "`format = 1`, the only one known here; this file has no `format`"),
            ("format = 2", "this file has `format = 2`"),
            ("format = 1\n[front]\n", "`front` is not a door; there are: avatar-open-api, visitor-chat"),
            (
                "format = 1\n[avatar-open-api.pongs]\nanswer = 'pong'",
                "`avatar-open-api.pongs` is not one of the switches: client-text, ",
            ),
            (
                "format = 1\n[avatar-open-api.brain]\nanswer = 'echo'",
                "`avatar-open-api.brain` is not one of the switches",
            ),
            (
                "format = 1\n[avatar-open-api.pings]\nanswer = 'pang'",
                "switch `pings`: `pang` is not one of the answers: pong, nothing",
            ),
            (
                "format = 1\n[avatar-open-api.visitor-chat-echo]\nanswer = 'none'",
                "is not one of the switches",
            ),
            ("format = 1\n[visitor-chat.ecko]\nanswer = 'none'", ", echo, echo-id, "),
            (
                "format = 1\n[avatar-open-api.pings]\nanswer = 'pong'\n[visitor-chat.pings]\nanswer = 'nothing'",
                "switch `pings`: both doors have it in common",
            ),
            ("format = 1\n[avatar-open-api.pings]\nseen = 'a pong'", "switch `pings`: write `answer"),
            ("format = 1\n[avatar-open-api.pings]\nanswer = 7", "switch `pings`: write `answer"),
            (
                "format = 1\n[avatar-open-api.pings]\nanswer = 'pong'\nwhy = 'x'",
                "switch `pings`: write `answer",
            ),
        ] {
            let error = Profile::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn every_switch_of_the_command_line_is_known_here_and_no_other_setting() {
        let names = switches();
        assert!(names.iter().any(|name| name == "token-lifetime") && names.len() >= 20, "{names:?}");
        #[cfg(feature = "cli")]
        {
            use clap::Args as _;
            let command = crate::SwitchArgs::augment_args(clap::Command::new("switches"));
            let mut options: Vec<_> =
                command.get_arguments().filter_map(|option| option.get_long()).map(str::to_owned).collect();
            options.sort();
            assert_eq!(options, names, "a setting that is no switch belongs into NO_SWITCHES");
        }
    }
}
