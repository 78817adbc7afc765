//! Reads a request of the Responses API.

use serde_json::{Value, json};

use super::fields::{Fields, wrong};
use super::prompt::Messages;
use super::question::{Looking, Named, Question, Words, digest, is_form, refuse_form, refuse_tool};
use super::refusal::Refusal;

/// What a request of the Responses API says beside its question.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) question: Question,
    /// The answer before, which the caller goes on from.
    pub(super) previous: Option<String>,
    /// Whether the answer can be asked for again.
    pub(super) store: bool,
}

impl Wish {
    pub(super) fn read(body: &[u8], looking: Looking<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::read(body)?;
        let model = fields.text("model")?;
        let named = Named::take(&mut fields)?;
        let stream = fields.flag("stream")?;
        let store = !matches!(fields.take("store"), Some(Value::Bool(false)));
        let previous = fields.text("previous_response_id")?;
        let chat = match fields.take("conversation") {
            None => None,
            Some(Value::String(id)) => Some(id),
            Some(Value::Object(conversation)) => {
                conversation.get("id").and_then(Value::as_str).map(str::to_owned)
            }
            Some(_) => return Err(wrong("conversation", "an id, or an object with one")),
        };
        let mut text = fields.object("text")?.unwrap_or_default();
        let format = match text.remove("format") {
            Some(Value::Object(format)) => format,
            _ => serde_json::Map::new(),
        };
        let instructions = fields.text("instructions")?;
        let mut messages = Messages::read("input", fields.take("input").map(listed))?;
        let (mut ignored, alone) = (Vec::new(), messages.is_one() && instructions.is_none());
        if let Some(instructions) = instructions {
            ignored.push("instructions".to_owned());
            messages.instruct(&instructions);
        }
        let words = match looking.find(&messages, is_form(&format)) {
            Some(task) => Words::Task(task),
            None => {
                if fields.flag("background")? {
                    let message =
                        "the avatar answers while the caller waits: leave `background` out, or stream";
                    return Err(Refusal::invalid("unsupported_parameter", message).at("background"));
                }
                refuse_form("text.format", &format)?;
                refuse_tool("tool_choice", fields.take("tool_choice"))?;
                Words::Said(messages.said(&mut ignored)?)
            }
        };
        ignored.retain(|name| name != "input.instructions");
        ignored.extend(fields.left());
        let question = Question {
            model,
            named,
            words,
            alone,
            stream,
            include_usage: true,
            chat,
            ignored,
            digest: digest(body),
        };
        Ok(Self { question, previous, store })
    }
}

/// A text alone is a message of the user.
fn listed(input: Value) -> Value {
    match input {
        Value::String(text) => json!([{"role": "user", "content": text}]),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKING: Looking<'_> = Looking { for_tasks: true, named: None };

    fn read(body: Value) -> Result<Wish, Refusal> {
        Wish::read(body.to_string().as_bytes(), LOOKING)
    }

    #[test]
    fn a_question_is_a_text_or_a_list_of_items() {
        let said = |body: Value| match read(body).unwrap().question.words {
            Words::Said(text) => text,
            Words::Task(task) => panic!("{task:?}"),
        };
        assert_eq!(said(json!({"input": "Hello"})), "Hello");
        let items = json!([
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "three"}]},
        ]);
        assert_eq!(said(json!({"input": items})), "three");
    }

    #[test]
    fn what_is_not_said_is_named_and_what_would_fool_the_caller_refused() {
        let wish =
            read(json!({"input": "Hello", "instructions": "Be a pirate", "temperature": 1, "store": false}))
                .unwrap();
        assert_eq!(wish.question.ignored, ["instructions", "temperature"]);
        assert!(!wish.store && !wish.question.alone);
        for (body, param) in [
            (json!({}), "input"),
            (json!({"input": 7}), "input"),
            (json!({"input": "a", "background": true}), "background"),
            (json!({"input": "a", "text": {"format": {"type": "json_schema"}}}), "text.format"),
            (json!({"input": "a", "tool_choice": "required"}), "tool_choice"),
            (json!({"input": [{"type": "function_call_output", "output": "x"}]}), "input[0]"),
            (json!({"input": "a", "conversation": 7}), "conversation"),
        ] {
            assert_eq!(read(body).unwrap_err().json()["error"]["param"], param);
        }
    }

    #[test]
    fn a_task_is_known_by_its_instructions() {
        let title = json!({"instructions": "你是一名擅长会话的助理，你需要", "input": "user: 你好"});
        assert!(matches!(read(title).unwrap().question.words, Words::Task(_)));
    }
}
