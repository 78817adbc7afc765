//! Writes a reply as the Responses API does: whole, or as named events.

use secondme_avatar::Error;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::sse::Form;
use super::telling::{self, Told};

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Responding {
    pub(super) id: String,
    created: u64,
    model: String,
    previous: Option<String>,
    store: bool,
    /// The number of the next event.
    sequence: u64,
    /// What was said so far.
    text: String,
    by_owner: Option<String>,
}

impl Responding {
    pub(super) fn new(id: String, created: u64, model: &str, previous: Option<String>, store: bool) -> Self {
        let (model, text) = (model.to_owned(), String::new());
        Self { id, created, model, previous, store, sequence: 0, text, by_owner: None }
    }

    /// The whole answer.
    pub(super) fn whole(mut self, text: String, by_owner: Option<&str>) -> Value {
        self.text = text;
        self.by_owner = by_owner.map(str::to_owned);
        self.completed()
    }

    /// The answer while it comes in.
    pub(super) fn begun(&self) -> Value {
        self.response("in_progress", &json!([]), &Value::Null)
    }

    /// The answer that failed.
    pub(super) fn failed(&self, error: &Error) -> Value {
        let refusal = Refusal::from(error);
        let code = if refusal.is_rate_limit() { "rate_limit_exceeded" } else { "server_error" };
        let mut response = self.response("failed", &json!([]), &Value::Null);
        response["error"] = json!({"code": code, "message": refusal.message()});
        response
    }

    fn completed(&self) -> Value {
        let usage = json!({
            "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
        });
        let mut response = self.response("completed", &json!([self.item("completed")]), &usage);
        response["completed_at"] = super::gateway::now().into();
        response
    }

    fn response(&self, status: &str, output: &Value, usage: &Value) -> Value {
        let Self { id, created, model, previous, store, .. } = self;
        json!({
            "id": id, "object": "response", "created_at": created, "status": status, "model": model,
            "output": output, "usage": usage, "previous_response_id": previous, "store": store,
            "background": false, "error": null, "incomplete_details": null, "instructions": null,
            "max_output_tokens": null, "metadata": {}, "parallel_tool_calls": false,
            "reasoning": {"effort": null, "summary": null}, "temperature": null, "text": {"format": {"type": "text"}},
            "tool_choice": "auto", "tools": [], "top_p": null, "truncation": "disabled", "user": null,
        })
    }

    /// The message in the answer.
    fn item(&self, status: &str) -> Value {
        let content = if status == "completed" { json!([self.part()]) } else { json!([]) };
        let mut item = json!({"id": self.item_id(), "type": "message", "status": status, "role": "assistant", "content": content});
        if let Some(name) = &self.by_owner {
            item["avatar"] = author(name);
        }
        item
    }

    fn part(&self) -> Value {
        json!({"type": "output_text", "text": self.text, "annotations": [], "logprobs": []})
    }

    fn item_id(&self) -> String {
        self.id.replacen("resp_", "msg_", 1)
    }

    /// An event, with its number.
    fn event(&mut self, name: &str, mut data: Value) -> String {
        data["type"] = name.into();
        data["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        format!("event: {name}\ndata: {data}\n\n")
    }

    /// An event about the text of the message.
    fn of_text(&mut self, name: &str, mut data: Value) -> String {
        data["item_id"] = self.item_id().into();
        data["output_index"] = 0.into();
        data["content_index"] = 0.into();
        self.event(name, data)
    }
}

impl Form for Responding {
    fn begin(&mut self) -> String {
        let begun = self.begun();
        let item = self.item("in_progress");
        [
            self.event("response.created", json!({"response": begun})),
            self.event("response.in_progress", json!({"response": begun})),
            self.event("response.output_item.added", json!({"output_index": 0, "item": item})),
            self.of_text(
                "response.content_part.added",
                json!({"part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []}}),
            ),
        ]
        .concat()
    }

    fn piece(&mut self, told: &Told, name: &str) -> String {
        self.text.push_str(&told.text);
        let mut data = json!({"delta": told.text, "logprobs": []});
        if told.by_owner {
            self.by_owner = Some(name.to_owned());
            data["avatar"] = author(name);
        }
        self.of_text("response.output_text.delta", data)
    }

    fn end(&mut self) -> String {
        let (text, part, item) = (self.text.clone(), self.part(), self.item("completed"));
        let completed = self.completed();
        [
            self.of_text("response.output_text.done", json!({"text": text, "logprobs": []})),
            self.of_text("response.content_part.done", json!({"part": part})),
            self.event("response.output_item.done", json!({"output_index": 0, "item": item})),
            self.event("response.completed", json!({"response": completed})),
        ]
        .concat()
    }

    fn fail(&mut self, error: &Error) -> String {
        let failed = self.failed(error);
        self.event("response.failed", json!({"response": failed}))
    }
}

fn author(name: &str) -> Value {
    json!({"author": "owner", "name": telling::owner(name)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_numbered_and_ends_with_the_whole_answer() {
        let mut form = Responding::new("resp_1".to_owned(), 7, "avatar", None, true);
        let told = |text: &str, by_owner| Told { text: text.to_owned(), by_owner };
        let text = [
            form.begin(),
            form.piece(&told("Hi ", false), "Ada"),
            form.piece(&told("there", true), "Ada"),
            form.end(),
        ]
        .concat();
        let mut names = Vec::new();
        for (number, event) in text.split_terminator("\n\n").enumerate() {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            assert_eq!(data["sequence_number"], number);
            names.push(data["type"].as_str().unwrap().replace("response.", ""));
            if data["type"] == "response.completed" {
                let item = &data["response"]["output"][0];
                assert_eq!((&item["content"][0]["text"], &item["id"]), (&json!("Hi there"), &json!("msg_1")));
                assert_eq!(item["avatar"]["name"], "Ada");
                assert_eq!(data["response"]["usage"]["total_tokens"], 0);
            }
        }
        let expected = [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ];
        assert_eq!(names, expected);
    }
}
