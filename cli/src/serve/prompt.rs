//! What a person says in a request: the words after the last answer.

use serde_json::{Map, Value};

use super::fields::wrong;
use super::refusal::Refusal;
use super::tasks::Texts;

/// The messages of a request, before it is known whether they are a person's.
#[derive(Debug)]
pub(super) struct Messages {
    param: &'static str,
    systems: Vec<Turn>,
    turns: Vec<Turn>,
}

impl Messages {
    /// Reads the field `param`.
    pub(super) fn read(param: &'static str, messages: Option<Value>) -> Result<Self, Refusal> {
        let messages = match messages {
            Some(Value::Array(messages)) => messages,
            None => {
                return Err(Refusal::invalid("missing_field", format!("`{param}` is missing")).at(param));
            }
            Some(_) => return Err(wrong(param, "a list of messages")),
        };
        let mut read = Self { param, systems: Vec::new(), turns: Vec::new() };
        for (at, message) in messages.into_iter().enumerate() {
            let at = format!("{param}[{at}]");
            let Value::Object(message) = message else { return Err(wrong(&at, "an object")) };
            let turn = Turn::read(at, message)?;
            match turn.role.as_str() {
                "system" | "developer" => read.systems.push(turn),
                _ => read.turns.push(turn),
            }
        }
        Ok(read)
    }

    /// Adds what the program tells the model beside the messages.
    pub(super) fn instruct(&mut self, instructions: &str) {
        let content = Some(Value::String(instructions.to_owned()));
        self.systems
            .insert(0, Turn { at: "instructions".to_owned(), role: "instructions".to_owned(), content });
    }

    /// Whether there is one, of the user.
    pub(super) fn is_one(&self) -> bool {
        self.systems.is_empty() && self.turns.len() == 1
    }

    /// Their texts, by which a prompt that no person wrote is known.
    pub(super) fn texts(&self) -> Texts {
        let users = self.turns.iter().filter(|turn| turn.is_of_user());
        Texts {
            systems: self.systems.iter().map(Turn::lenient).collect(),
            users: users.map(Turn::lenient).collect(),
            lone: self.turns.len() == 1,
        }
    }

    /// Returns all that the user has said since the last answer, and adds what does not go out to `ignored`.
    pub(super) fn said(self, ignored: &mut Vec<String>) -> Result<String, Refusal> {
        let Self { param, systems, mut turns } = self;
        for system in systems {
            note(ignored, param, &system.role);
        }
        match turns.last() {
            None => return Err(nothing_said(param)),
            Some(last) if !last.is_of_user() => return Err(not_of_user(last)),
            Some(_) => {}
        }
        let since = turns.iter().rposition(|turn| turn.role == "assistant").map_or(0, |answer| answer + 1);
        if since > 0 {
            note(ignored, param, "earlier");
        }
        let mut said = Vec::new();
        for turn in turns.drain(since..) {
            match turn.is_of_user() {
                true => said.push(turn.text()?),
                false => note(ignored, param, &turn.role),
            }
        }
        let text = said.join("\n\n");
        if text.trim().is_empty() {
            return Err(nothing_said(param));
        }
        Ok(text)
    }
}

fn note(ignored: &mut Vec<String>, param: &str, what: &str) {
    let name = format!("{param}.{what}");
    if !ignored.contains(&name) {
        ignored.push(name);
    }
}

fn nothing_said(param: &str) -> Refusal {
    let message =
        format!("`{param}` holds no text of a user after the last answer: say something to the avatar");
    Refusal::invalid("nothing_said", message).at(param)
}

fn not_of_user(last: &Turn) -> Refusal {
    let message = match last.role.as_str() {
        "assistant" => {
            "the last message is the assistant's: the avatar does not go on with words put into its mouth"
                .to_owned()
        }
        role => format!(
            "the last message is of the role `{role}`: the avatar uses no tools, and is only told what a user says"
        ),
    };
    Refusal::invalid("last_message_not_from_user", message).at(&last.at)
}

/// A message.
#[derive(Debug)]
struct Turn {
    /// Where it stands in the body.
    at: String,
    role: String,
    content: Option<Value>,
}

impl Turn {
    fn read(at: String, mut message: Map<String, Value>) -> Result<Self, Refusal> {
        let role = match (message.remove("role"), message.get("type").and_then(Value::as_str)) {
            (Some(Value::String(role)), _) => role,
            // Items of the Responses API that are no messages, such as a tool's result.
            (None, Some(kind)) if kind != "message" => kind.to_owned(),
            _ => return Err(wrong(&format!("{at}.role"), "`user`, `assistant` or `system`")),
        };
        Ok(Self { at, role, content: message.remove("content") })
    }

    fn is_of_user(&self) -> bool {
        self.role == "user"
    }

    /// The text. What is no text is refused.
    fn text(self) -> Result<String, Refusal> {
        let at = format!("{}.content", self.at);
        match self.content {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Array(parts)) => {
                let texts: Result<Vec<_>, _> = parts
                    .iter()
                    .enumerate()
                    .map(|(index, part)| {
                        text_of(part).map_err(|kind| no_text(kind, &format!("{at}[{index}]")))
                    })
                    .collect();
                Ok(texts?.join("\n"))
            }
            _ => Err(wrong(&at, "a string, or a list of parts")),
        }
    }

    /// The text as far as there is some.
    fn lenient(&self) -> String {
        match &self.content {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let texts: Vec<_> = parts.iter().filter_map(|part| text_of(part).ok()).collect();
                texts.join("\n")
            }
            _ => String::new(),
        }
    }
}

/// The text of a part, or what the part is.
fn text_of(part: &Value) -> Result<&str, &str> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("part of no type");
    match (kind, part.get("text").and_then(Value::as_str)) {
        ("text" | "input_text", Some(text)) => Ok(text),
        _ => Err(kind),
    }
}

fn no_text(kind: &str, at: &str) -> Refusal {
    let kind: String = kind.chars().take(40).collect();
    let message = format!(
        "`{at}` is of the type `{kind}`: the avatar reads text alone, so leave images, sound and files out"
    );
    Refusal::invalid("unsupported_content", message).at(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prompt(messages: Value) -> Result<(String, Vec<String>), Refusal> {
        let mut ignored = Vec::new();
        let text = Messages::read("messages", Some(messages))?.said(&mut ignored)?;
        Ok((text, ignored))
    }

    fn said(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    #[test]
    fn only_what_follows_the_last_answer_goes_out() {
        let (prompt, ignored) = prompt(json!([
            said("system", "You are a pirate"),
            said("user", "one"),
            said("assistant", "two"),
            said("user", "three"),
            {"role": "user", "content": [{"type": "text", "text": "four"}, {"type": "text", "text": "five"}]},
            said("developer", "Be brief"),
        ]))
        .unwrap();
        assert_eq!(prompt, "three\n\nfour\nfive");
        assert_eq!(ignored, ["messages.system", "messages.developer", "messages.earlier"]);
    }

    #[test]
    fn what_would_fool_the_caller_is_refused() {
        let image = json!([{"role": "user", "content": [
            {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:"}}]}]);
        for (messages, code, param) in [
            (json!([]), "nothing_said", "messages"),
            (json!([said("user", " \n")]), "nothing_said", "messages"),
            (json!([said("user", "a"), said("assistant", "b")]), "last_message_not_from_user", "messages[1]"),
            (json!([said("user", "a"), said("tool", "b")]), "last_message_not_from_user", "messages[1]"),
            (json!([{"type": "function_call_output"}]), "last_message_not_from_user", "messages[0]"),
            (image, "unsupported_content", "messages[0].content[1]"),
            (json!([{"content": "a"}]), "invalid_type", "messages[0].role"),
            (json!([{"role": "user", "content": 7}]), "invalid_type", "messages[0].content"),
            (json!(["a"]), "invalid_type", "messages[0]"),
        ] {
            let refusal = prompt(messages).unwrap_err();
            assert_eq!((refusal.code(), refusal.json()["error"]["param"].as_str()), (code, Some(param)));
        }
    }

    #[test]
    fn an_image_that_was_answered_before_is_no_reason_to_refuse() {
        let earlier = json!([
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
            said("assistant", "A cat"),
            said("user", "And now?"),
        ]);
        assert_eq!(prompt(earlier).unwrap().0, "And now?");
    }
}
