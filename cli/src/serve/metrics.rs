//! What the gateway has done, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::asking::Model;
use super::gateway::Trace;
use super::tasks::Kind;

/// The paths that are counted by their names. Others would let a caller make up any number of names.
const PATHS: [&str; 7] =
    ["chat/completions", "responses", "models", "avatar/events", "healthz", "metrics", "other"];

/// Counts requests.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By path and status: how many, and how long until the answer began.
    requests: BTreeMap<(&'static str, u16), (u64, Duration)>,
    /// By model: questions that went to the avatar, and those that were asked before.
    questions: BTreeMap<(String, &'static str), u64>,
    tasks: BTreeMap<&'static str, u64>,
}

impl Metrics {
    pub(super) fn request(&self, path: &str, status: u16, took: Duration, trace: &Trace) {
        let path = path.trim_start_matches("/v1").trim_start_matches('/');
        let path = PATHS.into_iter().find(|known| {
            path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, time) = counts.requests.entry((path.unwrap_or("other"), status)).or_default();
        *count += 1;
        *time += took;
        if trace.is_task {
            *counts.tasks.entry(trace.what).or_default() += 1;
        } else if !trace.what.is_empty() {
            *counts.questions.entry((trace.model.clone(), trace.what)).or_default() += 1;
        }
    }

    /// All of it. `replies` are under way.
    pub(super) fn text(&self, models: &[impl AsRef<Model>], replies: usize) -> String {
        let mut text = String::new();
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        head(&mut text, "requests_total", "counter", "Requests by path and status.");
        for ((path, status), (count, _)) in &counts.requests {
            line(
                &mut text,
                "requests_total",
                &[("path", path), ("status", &status.to_string())],
                *count as f64,
            );
        }
        head(&mut text, "request_seconds_total", "counter", "Time until the answers began.");
        for ((path, status), (_, time)) in &counts.requests {
            let labels = [("path", *path), ("status", &status.to_string())];
            line(&mut text, "request_seconds_total", &labels, time.as_secs_f64());
        }
        head(
            &mut text,
            "questions_total",
            "counter",
            "Questions that went to the avatar, or were attached to one that had.",
        );
        for ((model, what), count) in &counts.questions {
            line(&mut text, "questions_total", &[("model", model), ("what", what)], *count as f64);
        }
        head(&mut text, "tasks_total", "counter", "Prompts that no person wrote, which were answered here.");
        for kind in Kind::ALL {
            let count = counts.tasks.get(kind.name()).copied().unwrap_or_default();
            line(&mut text, "tasks_total", &[("kind", kind.name())], count as f64);
        }
        drop(counts);
        head(&mut text, "replies_under_way", "gauge", "Replies that are coming in.");
        line(&mut text, "replies_under_way", &[], replies as f64);
        of_models(&mut text, models);
        text
    }
}

fn of_models(text: &mut String, models: &[impl AsRef<Model>]) {
    type Read = fn(&Model) -> f64;
    let gauges: [(&str, &str, Read); 7] = [
        ("visitors", "Visitors whose conversations are open.", |model| model.client.stats().visitors as f64),
        ("visitors_connected", "Visitors with a socket.", |model| model.client.stats().connected as f64),
        ("visitors_paused", "Visitors who have given up their socket.", |model| {
            model.client.stats().paused as f64
        }),
        ("waiting_for_slot", "Visitors who wait for a socket.", |model| {
            model.client.stats().waiting_for_slot as f64
        }),
        ("waiting_for_quota", "Calls that wait for the key's quota.", |model| {
            model.client.stats().waiting_for_quota as f64
        }),
        ("stored_visitors", "Visitors in the store.", |model| model.client.stats().stored_visitors as f64),
        ("said_later_waiting", "What was said and not told yet.", |model| model.later.len() as f64),
    ];
    for (name, help, read) in gauges {
        head(text, name, "gauge", help);
        for model in models {
            let model = model.as_ref();
            line(text, name, &[("model", &model.id)], read(model));
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // A String takes all that is written.
    let _ = writeln!(text, "# HELP avatar_gateway_{name} {help}\n# TYPE avatar_gateway_{name} {kind}");
}

/// The names of models, paths and kinds need no escapes.
fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(text, "avatar_gateway_{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn requests_are_counted_by_what_they_were() {
        let metrics = Metrics::default();
        let sent = Trace { model: "avatar".to_owned(), what: "sent", ..Trace::default() };
        let title = Trace { what: Kind::Title.name(), is_task: true, ..Trace::default() };
        metrics.request("/v1/chat/completions", 200, Duration::from_millis(250), &sent);
        metrics.request("/chat/completions", 200, Duration::from_millis(250), &title);
        metrics.request("/v1/models/avatar", 404, Duration::ZERO, &Trace::default());
        metrics.request("/v1/anything/at\"all", 404, Duration::ZERO, &Trace::default());
        let text = metrics.text(&[] as &[Arc<Model>], 3);
        for line in [
            "avatar_gateway_requests_total{path=\"chat/completions\",status=\"200\"} 2",
            "avatar_gateway_request_seconds_total{path=\"chat/completions\",status=\"200\"} 0.5",
            "avatar_gateway_requests_total{path=\"models\",status=\"404\"} 1",
            "avatar_gateway_requests_total{path=\"other\",status=\"404\"} 1",
            "avatar_gateway_questions_total{model=\"avatar\",what=\"sent\"} 1",
            "avatar_gateway_tasks_total{kind=\"title\"} 1",
            "avatar_gateway_tasks_total{kind=\"tags\"} 0",
            "avatar_gateway_replies_under_way 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
