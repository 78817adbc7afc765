//! What there is to choose from: calls, faults, switches, settings.

use serde_json::{Value, json};

use super::calls;
use crate::brain::Brain;
use crate::service::{Settings, faults_there_are};

pub(super) fn catalogue() -> Value {
    let calls = calls::ALL.iter().map(|(_, method, path)| json!({"method": method, "path": path}));
    let (points, effects) = faults_there_are();
    let defaults = json!(Settings::default());
    let (mut switches, mut settings) = (Vec::new(), Vec::new());
    for field in Settings::fields() {
        let (name, about, default) = (&field.name, field.about, &defaults[&field.name]);
        match field.answers {
            Some(answers) => {
                let door = name.starts_with("visitor-chat-").then_some("visitor-chat");
                switches.push(json!({"name": name, "about": about, "answers": answers, "default": default, "door": door}));
            }
            None => settings.push(json!({"name": name, "about": about, "default": default})),
        }
    }
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "calls": calls.collect::<Vec<_>>(),
        "injectionPoints": points,
        "effects": effects,
        "switches": switches,
        "settings": settings,
        "demo": Brain::demo(),
    })
}
