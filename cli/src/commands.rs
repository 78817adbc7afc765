//! What a line on a terminal means: a message, or a command.

/// A parsed line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed<'a> {
    Nothing,
    Message(&'a str),
    Help,
    History(usize),
    Owner(&'a str),
    HandBack,
    Quit,
    /// Not a valid command; the text says why.
    Wrong(String),
}

const HISTORY: usize = 10;
/// The most messages that the library returns at once.
const HISTORY_MOST: usize = 1000;

/// Parses a line. Commands begin with a slash; a message that begins with a slash is typed with two.
pub(crate) fn understand(line: &str, emulator: bool) -> Typed<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Typed::Nothing;
    }
    let Some(command) = line.strip_prefix('/') else {
        return Typed::Message(line);
    };
    if command.starts_with('/') {
        return Typed::Message(command);
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    match (name, rest) {
        ("help", "") => Typed::Help,
        ("quit" | "exit" | "q", "") => Typed::Quit,
        ("history", "") => Typed::History(HISTORY),
        ("history", count) => match count.parse() {
            Ok(count @ 1..=HISTORY_MOST) => Typed::History(count),
            _ => Typed::Wrong(format!("/history takes how many messages, 1 to {HISTORY_MOST}")),
        },
        ("owner" | "handback", _) if !emulator => {
            Typed::Wrong(format!("/{name} needs --emulator: this avatar's owner is a real person"))
        }
        ("owner", "") => Typed::Wrong("/owner takes what the owner says: /owner Hi, it is me".to_owned()),
        ("owner", text) => Typed::Owner(text),
        ("handback", "") => Typed::HandBack,
        ("help" | "quit" | "exit" | "q" | "handback", _) => Typed::Wrong(format!("/{name} stands alone")),
        _ => Typed::Wrong(format!(
            "there is no /{name}; /help lists the commands. A message that begins with / begins with //"
        )),
    }
}

pub(crate) fn help(emulator: bool) -> &'static str {
    if emulator {
        "/history [N]   the last messages here, 10 or N\n\
         /owner TEXT    speak as the avatar's owner, in person\n\
         /handback      let the avatar answer again\n\
         /quit          leave, as Ctrl-D does\n\
         //text         a message that begins with a slash"
    } else {
        "/history [N]   the last messages here, 10 or N\n\
         /quit          leave, as Ctrl-D does\n\
         //text         a message that begins with a slash"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_slash_is_a_command() {
        assert_eq!(understand("  hello /quit ", true), Typed::Message("hello /quit"));
        assert_eq!(understand("//path", true), Typed::Message("/path"));
        assert_eq!(understand(" ", true), Typed::Nothing);
        assert_eq!(understand("/owner  Hi, it is me ", true), Typed::Owner("Hi, it is me"));
        assert_eq!(understand("/handback", true), Typed::HandBack);
        assert_eq!(understand("/history", false), Typed::History(10));
        assert_eq!(understand("/history 3", false), Typed::History(3));
        assert_eq!(understand("/q", false), Typed::Quit);
    }

    #[test]
    fn what_is_wrong_with_a_command_is_said() {
        for line in ["/owner", "/history 0", "/history x", "/nothing", "/quit now"] {
            assert!(matches!(understand(line, true), Typed::Wrong(_)), "{line}");
        }
        assert!(matches!(understand("/owner Hi", false), Typed::Wrong(_)));
    }
}
