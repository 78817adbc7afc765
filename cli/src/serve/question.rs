//! A request of chat completions, read.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::fields::{Fields, wrong};
use super::prompt::Messages;
use super::refusal::Refusal;
use super::tasks::Task;

/// What a caller asks.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) model: Option<String>,
    pub(super) named: Named,
    pub(super) words: Words,
    /// Whether the request holds one message and nothing else.
    pub(super) alone: bool,
    pub(super) stream: bool,
    /// Whether a stream ends with a chunk of its usage.
    pub(super) include_usage: bool,
    /// The chat that it belongs to, where the body says so.
    pub(super) chat: Option<String>,
    /// What of the body does not go to the avatar.
    pub(super) ignored: Vec<String>,
    /// A request that is made again has the same.
    pub(super) digest: u64,
}

/// What a request says.
#[derive(Debug)]
pub(super) enum Words {
    /// A person does.
    Said(String),
    /// A program does.
    Task(Task),
}

/// How prompts are looked at that no person wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looking<'a> {
    /// Whether they are told from a person's words at all.
    pub(super) for_tasks: bool,
    /// What the program says that it is.
    pub(super) named: Option<&'a str>,
}

/// The names that a body has for the person who asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) safety_identifier: Option<String>,
    pub(super) user: Option<String>,
    pub(super) metadata: Option<String>,
}

impl Named {
    pub(super) fn take(fields: &mut Fields) -> Result<Self, Refusal> {
        let metadata = fields.object("metadata")?.unwrap_or_default();
        let metadata = metadata.get("visitor").map(|visitor| match visitor {
            Value::String(visitor) => Ok(visitor.clone()),
            _ => Err(wrong("metadata.visitor", "a string")),
        });
        Ok(Self {
            safety_identifier: fields.text("safety_identifier")?,
            user: fields.text("user")?,
            metadata: metadata.transpose()?,
        })
    }
}

impl Question {
    /// Reads the body of a chat completion.
    pub(super) fn of_chat(body: &[u8], looking: Looking<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::read(body)?;
        let model = fields.text("model")?;
        let named = Named::take(&mut fields)?;
        let stream = fields.flag("stream")?;
        let options = fields.object("stream_options")?.unwrap_or_default();
        let include_usage = options.get("include_usage") == Some(&Value::Bool(true));
        let format = fields.object("response_format")?.unwrap_or_default();
        let messages = Messages::read("messages", fields.take("messages"))?;
        let (mut ignored, alone) = (Vec::new(), messages.is_one());
        let words = match looking.find(&messages, is_form(&format)) {
            Some(task) => Words::Task(task),
            None => {
                refuse_several(&mut fields)?;
                refuse_form("response_format", &format)?;
                refuse_tool("tool_choice", fields.take("tool_choice"))?;
                refuse_tool("function_call", fields.take("function_call"))?;
                refuse_sound(&mut fields)?;
                Words::Said(messages.said(&mut ignored)?)
            }
        };
        ignored.extend(fields.left());
        let digest = digest(body);
        Ok(Self { model, named, words, alone, stream, include_usage, chat: None, ignored, digest })
    }
}

/// Tells bodies apart.
pub(super) fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

impl Looking<'_> {
    pub(super) fn find(self, messages: &Messages, json: bool) -> Option<Task> {
        self.for_tasks.then(|| Task::find(self.named, &messages.texts(), json)).flatten()
    }
}

fn refuse_several(fields: &mut Fields) -> Result<(), Refusal> {
    match fields.take("n") {
        None => Ok(()),
        Some(n) if n.as_u64() == Some(1) => Ok(()),
        Some(_) => {
            let message = "the avatar gives one answer: leave `n` out";
            Err(Refusal::invalid("unsupported_parameter", message).at("n"))
        }
    }
}

/// Whether the answer is to have a form, such as JSON.
pub(super) fn is_form(format: &Map<String, Value>) -> bool {
    !matches!(format.get("type").and_then(Value::as_str), None | Some("text"))
}

/// A form that the avatar would not keep to.
pub(super) fn refuse_form(param: &str, format: &Map<String, Value>) -> Result<(), Refusal> {
    if !is_form(format) {
        return Ok(());
    }
    let message = "the avatar answers in words, and keeps to no form: leave it out";
    Err(Refusal::invalid("unsupported_parameter", message).at(param))
}

pub(super) fn refuse_tool(param: &str, choice: Option<Value>) -> Result<(), Refusal> {
    match choice {
        None => Ok(()),
        Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
        Some(_) => {
            let message = "the avatar uses no tools of the caller: leave it out, or say `auto` or `none`";
            Err(Refusal::invalid("unsupported_parameter", message).at(param))
        }
    }
}

fn refuse_sound(fields: &mut Fields) -> Result<(), Refusal> {
    match fields.take("modalities") {
        None => Ok(()),
        Some(Value::Array(kinds)) if kinds.iter().all(|kind| kind == "text") => Ok(()),
        Some(_) => {
            let message = "the avatar answers in text alone: leave `modalities` out";
            Err(Refusal::invalid("unsupported_parameter", message).at("modalities"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LOOKING: Looking<'_> = Looking { for_tasks: true, named: None };

    fn read(mut more: Value) -> Result<Question, Refusal> {
        let fields = more.as_object_mut().unwrap();
        fields.entry("messages").or_insert(json!([{"role": "user", "content": "Hello"}]));
        Question::of_chat(more.to_string().as_bytes(), LOOKING)
    }

    #[test]
    fn what_the_avatar_does_not_do_is_named() {
        let question = read(json!({
            "model": "avatar", "temperature": 0.2, "seed": 7, "tools": [], "stop": null, "tool_choice": "auto",
            "stream": true, "stream_options": {"include_usage": true}, "user": "ada", "metadata": {"visitor": "eve"},
        }))
        .unwrap();
        assert_eq!(question.ignored, ["seed", "temperature", "tools"]);
        assert!(question.stream && question.include_usage);
        assert_eq!(
            (question.named.user.as_deref(), question.named.metadata.as_deref()),
            (Some("ada"), Some("eve"))
        );
    }

    #[test]
    fn what_would_fool_the_caller_is_refused() {
        for (body, param) in [
            (json!({"n": 2}), "n"),
            (json!({"response_format": {"type": "json_object"}}), "response_format"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"tool_choice": {"type": "function"}}), "tool_choice"),
            (json!({"function_call": {"name": "f"}}), "function_call"),
            (json!({"modalities": ["text", "audio"]}), "modalities"),
            (json!({"messages": "Hello"}), "messages"),
            (json!({"stream": "yes"}), "stream"),
            (json!({"user": 7}), "user"),
            (json!({"metadata": {"visitor": 7}}), "metadata.visitor"),
        ] {
            let refusal = read(body).unwrap_err();
            assert_eq!(refusal.json()["error"]["param"], param);
        }
        let mut title = json!({"response_format": {"type": "json_object"}, "messages": [
            {"role": "user", "content": "Provide a concise, 5-word-or-less title for the conversation"}]});
        assert!(matches!(read(title.take()).unwrap().words, Words::Task(_)), "a task has its form");
        assert!(read(json!({"n": 1, "response_format": {"type": "text"}, "modalities": ["text"]})).is_ok());
        for broken in [&b"{"[..], b"[]", b"\"a\"", b""] {
            assert_eq!(Question::of_chat(broken, LOOKING).unwrap_err().code(), "invalid_json");
        }
    }
}
