//! Writes a reply as a chat completion: whole, or piece by piece.

use secondme_avatar::Error;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::sse::Form;
use super::telling::{self, Told};

/// What all chunks of an answer have in common.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
}

impl Completion {
    pub(super) fn new(id: String, created: u64, model: &str, include_usage: bool) -> Self {
        Self { id, created, model: model.to_owned(), include_usage }
    }

    /// The whole answer. `by_owner` is the owner's name, where the owner has said some of it in person.
    pub(super) fn whole(&self, text: &str, by_owner: Option<&str>) -> Value {
        let Self { id, created, model, .. } = self;
        let mut message = json!({"role": "assistant", "content": text, "refusal": null});
        if let Some(name) = by_owner {
            message["avatar"] = author(name);
        }
        json!({
            "id": id, "object": "chat.completion", "created": created, "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}],
            "usage": usage(),
        })
    }

    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> String {
        let Self { id, created, model, .. } = self;
        let mut chunk = json!({
            "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        });
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        line(&chunk)
    }
}

impl Form for Completion {
    fn begin(&mut self) -> String {
        self.chunk(&json!({"role": "assistant", "content": "", "refusal": null}), None)
    }

    fn piece(&mut self, told: &Told, name: &str) -> String {
        let mut delta = json!({"content": told.text});
        if told.by_owner {
            delta["avatar"] = author(name);
        }
        self.chunk(&delta, None)
    }

    fn end(&mut self) -> String {
        let mut end = self.chunk(&json!({}), Some("stop"));
        if self.include_usage {
            let Self { id, created, model, .. } = &*self;
            end += &line(&json!({
                "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
                "choices": [], "usage": usage(),
            }));
        }
        end + "data: [DONE]\n\n"
    }

    fn fail(&mut self, error: &Error) -> String {
        // Without `[DONE]`, so that what came is not taken for all of it.
        line(&Refusal::from(error).json())
    }
}

/// The service tells of no tokens. Dify takes an answer without `usage` apart, so it is there.
fn usage() -> Value {
    json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
}

fn author(name: &str) -> Value {
    json!({"author": "owner", "name": telling::owner(name)})
}

/// An event without a name: some clients end at an `event:` line.
fn line(value: &Value) -> String {
    format!("data: {value}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str) -> Vec<Value> {
        let lines = text.split_terminator("\n\n").filter(|line| *line != "data: [DONE]");
        lines.map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()).collect()
    }

    #[test]
    fn a_stream_is_a_role_then_words_then_its_end() {
        let mut form = Completion::new("chatcmpl-1".to_owned(), 7, "avatar", true);
        let avatar = Told { text: "Hi".to_owned(), by_owner: false };
        let owner = Told { text: "Me".to_owned(), by_owner: true };
        let text = [form.begin(), form.piece(&avatar, "Ada"), form.piece(&owner, "Ada"), form.end()].concat();
        assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("event:") && !text.contains('\r'));
        let chunks = chunks(&text);
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(chunks[1]["choices"][0]["delta"], json!({"content": "Hi"}));
        let marked = json!({"content": "Me", "avatar": {"author": "owner", "name": "Ada"}});
        assert_eq!(chunks[2]["choices"][0]["delta"], marked);
        assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
        assert_eq!((&chunks[4]["choices"], &chunks[4]["usage"]["total_tokens"]), (&json!([]), &json!(0)));
        assert!(chunks[..4].iter().all(|chunk| chunk.as_object().unwrap()["usage"].is_null()));
    }

    #[test]
    fn usage_comes_in_a_stream_only_where_it_is_asked_for() {
        let mut form = Completion::new("chatcmpl-1".to_owned(), 7, "avatar", false);
        assert!(!(form.begin() + &form.end()).contains("usage"));
        assert_eq!(form.whole("Hi", None)["usage"]["prompt_tokens"], 0);
        assert_eq!(form.whole("Hi", Some(""))["choices"][0]["message"]["avatar"]["name"], "The owner");
    }
}
