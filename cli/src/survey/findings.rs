//! What was found, and the file that says so. `docs/survey.md` describes its format.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::secrets::Secrets;

/// The version of the file's format.
const FORMAT: u32 = 1;

/// How the file begins, by which one is known again.
pub(super) const HEAD: &str = "# What `avatar survey` saw of a service.";

const ABOUT: &str = "
# It holds no key, token, id, address or word that was said, so it can be handed on.
# docs/survey.md describes it; `avatar emulator --profile` behaves as it says.
";

/// What is known of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its answer, as the emulator writes it.
    Answer,
    /// The question was put, and what came fits no answer or none came.
    NotSeen,
    /// The question was not put.
    NotAsked,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) switch: &'static str,
    pub(super) outcome: Outcome,
    /// The answer; empty without one.
    pub(super) answer: String,
    /// How it was seen, or why not.
    pub(super) why: String,
    at: SystemTime,
}

/// All findings about one door, in the order in which they came.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) door: &'static str,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(door: &'static str) -> Self {
        Self { door, list: Vec::new() }
    }

    pub(super) fn answer(
        &mut self,
        switch: &'static str,
        answer: impl Into<String>,
        seen: impl Into<String>,
    ) {
        self.add(switch, Outcome::Answer, answer.into(), seen.into());
    }

    pub(super) fn not_seen(&mut self, switch: &'static str, why: impl Into<String>) {
        self.add(switch, Outcome::NotSeen, String::new(), why.into());
    }

    pub(super) fn not_asked(&mut self, switch: &'static str, why: impl Into<String>) {
        self.add(switch, Outcome::NotAsked, String::new(), why.into());
    }

    pub(super) fn has(&self, switch: &str) -> bool {
        self.list.iter().any(|finding| finding.switch == switch)
    }

    /// The answer to a switch, if it was seen.
    pub(super) fn answer_to(&self, switch: &str) -> Option<&str> {
        let found = self.list.iter().find(|finding| finding.switch == switch)?;
        (found.outcome == Outcome::Answer).then_some(found.answer.as_str())
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.list
    }

    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.list.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// Notes that questions are not put, unless they were answered all the same.
    pub(super) fn leave_out(&mut self, switches: &[(&'static str, &str)]) {
        for (switch, why) in switches {
            if !self.has(switch) {
                self.not_asked(switch, *why);
            }
        }
    }

    /// A later finding takes the place of an earlier one.
    fn add(&mut self, switch: &'static str, outcome: Outcome, answer: String, why: String) {
        self.list.retain(|finding| finding.switch != switch);
        self.list.push(Finding { switch, outcome, answer, why, at: SystemTime::now() });
    }

    /// The file, without the codes that would hold a secret.
    pub(super) fn file(&self, environment: &str, secrets: &Secrets) -> String {
        let mut file = format!("{HEAD}{ABOUT}format = {FORMAT}\n");
        file.push_str(&format!("survey = {}\n", quoted(env!("CARGO_PKG_VERSION"))));
        file.push_str(&format!("surveyed = {}\n", moment(SystemTime::now())));
        file.push_str(&format!("environment = {}\n", quoted(environment)));
        let mut list: Vec<_> = self.list.iter().collect();
        list.sort_by_key(|finding| finding.switch);
        for finding in list {
            file.push_str(&format!("\n[{}.{}]\n", self.door, finding.switch));
            let name = match finding.outcome {
                Outcome::Answer => {
                    file.push_str(&format!("answer = {}\n", quoted(&finding.answer)));
                    "seen"
                }
                Outcome::NotSeen => "not-seen",
                Outcome::NotAsked => "not-asked",
            };
            file.push_str(&format!("{name} = {}\n", quoted(&secrets.without(&finding.why))));
            if finding.outcome != Outcome::NotAsked {
                file.push_str(&format!("when = {}\n", moment(finding.at)));
            }
        }
        file
    }
}

/// A text of JSON is a text of TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A moment as TOML writes it, in UTC: `2026-11-28T15:40:02Z`.
fn moment(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Civil from days, with years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A length of time for a sentence: `120 ms`, `5.3 s`, `31 s`.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 1.0 => format!("{} ms", time.as_millis()),
        short if short < 10.0 => format!("{short:.1} s"),
        long => format!("{long:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let at = |seconds| moment(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_795_880_402), "2026-11-28T15:40:02Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn the_file_says_what_was_seen_and_why_not_and_no_secret() {
        let mut findings = Findings::new("avatar-open-api");
        findings.answer("pings", "nothing", "No pong came.");
        findings.not_seen("second-socket", "The code was `abcdef01.closed`.");
        findings.not_asked("takeover-silence", "Only the owner can take over.");
        findings.answer("ping-drop", "30s", "The socket was closed.");
        let mut secrets = Secrets::default();
        secrets.keep("abcdef01");
        secrets.keep("socket was");
        let file = findings.file("production", &secrets);
        let profile = secondme_avatar_emulator::Profile::parse(&file).unwrap_or_default();
        assert_eq!(profile.answers().collect::<Vec<_>>(), [("ping-drop", "30s"), ("pings", "nothing")]);
        assert!(file.contains("The socket was closed."), "words of ours stay");
        assert!(file.starts_with(HEAD) && file.contains("not-asked = \"Only the owner can take over.\""));
        assert!(!file.contains("abcdef01") && file.contains("not-seen = \"The code was a code.\""));
    }
}
