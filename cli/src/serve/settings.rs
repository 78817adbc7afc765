//! The file of `--settings`: what the options say, and where keys and tokens are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::args::{ServeArgs, SessionPer, Tasks};
use super::store_place::StorePlace;
use crate::args::duration;
use crate::exit::{self, Failure};

/// The schema of such a file, for editors.
pub(super) const SCHEMA: &str = include_str!("settings.schema.json");

/// What a file says. What it leaves out is as without one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    port: Option<u16>,
    host: Option<IpAddr>,
    base_url: Option<String>,
    door: Option<String>,
    store: Option<Secret>,
    max_live: Option<usize>,
    quota: Option<usize>,
    idle_after: Option<String>,
    owner_wait: Option<String>,
    one_visitor: bool,
    session_per: Option<String>,
    tasks: Option<String>,
    allow_origins: Vec<String>,
    metrics: bool,
    /// The models, by the names that callers know them by.
    pub(super) models: BTreeMap<String, KeySource>,
    /// What callers have to show, by the callers' names.
    pub(super) tokens: BTreeMap<String, Secret>,
    pub(super) openwebui_secret: Option<Secret>,
}

/// A text that is written nowhere.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Where a model's API key is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum KeySource {
    Key(Secret),
    KeyFile(PathBuf),
    KeyEnv(String),
}

impl Settings {
    /// Reads the file, and gives the options what they leave to it.
    pub(super) fn read(args: &mut ServeArgs) -> Result<Self, Failure> {
        let Some(path) = args.settings.clone() else { return Ok(Self::default()) };
        let wrong = |why: String| Failure::new(exit::USAGE, format!("--settings: {}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let settings = Self::parse(&path, &text).map_err(wrong)?;
        settings.complete(args).map_err(wrong)?;
        Ok(settings)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        // What serde says of a wrong value repeats it, and it may be a secret.
        let (parsed, fields) = match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => {
                let fields: Map<String, Value> = toml::from_str(text)
                    .map_err(|error| place(line_of(text, error.span()), "this is not valid TOML"))?;
                (toml::from_str(text).map_err(|error| line_of(text, error.span())), fields)
            }
            Some("json") => {
                let value = serde_json::from_str(text)
                    .map_err(|error| place(Some(error.line()), "this is not valid JSON"))?;
                let Value::Object(fields) = value else { return Err("it has to be an object".to_owned()) };
                (serde_json::from_str(text).map_err(|error| Some(error.line())), fields)
            }
            _ => return Err("what it is shows by its ending, which must be .toml or .json".to_owned()),
        };
        parsed.map_err(|line| match wrong_fields(&fields).as_slice() {
            [] => place(line, "a setting is there twice"),
            [wrong] => place(line, wrong),
            several => several.join("; "),
        })
    }

    fn complete(&self, args: &mut ServeArgs) -> Result<(), String> {
        args.port = args.port.or(self.port);
        args.host = args.host.or(self.host);
        if !args.emulator {
            args.base_url = args.base_url.take().or_else(|| self.base_url.clone());
        }
        if let (None, Some(door)) = (args.door, &self.door) {
            args.door = Some(door.parse().map_err(|_| misfit("door"))?);
        }
        if let (None, Some(store)) = (&args.store, &self.store) {
            let place = StorePlace::parse(store.expose().into()).map_err(|why| format!("store: {why}"))?;
            args.store = Some(place);
        }
        args.max_live = args.max_live.or(self.max_live);
        args.quota = args.quota.or(self.quota);
        let time = |name: &str, text: &Option<String>| {
            text.as_deref().map(|text| duration(text).map_err(|why| format!("{name}: {why}"))).transpose()
        };
        args.idle_after = args.idle_after.or(time("idle-after", &self.idle_after)?);
        args.owner_wait = args.owner_wait.or(time("owner-wait", &self.owner_wait)?);
        args.one_visitor |= self.one_visitor;
        args.metrics |= self.metrics;
        args.session_per = args.session_per.or(choice::<SessionPer>("session-per", &self.session_per)?);
        args.tasks = args.tasks.or(choice::<Tasks>("tasks", &self.tasks)?);
        if args.allow_origins.is_empty() {
            args.allow_origins.clone_from(&self.allow_origins);
        }
        Ok(())
    }
}

fn choice<T: clap::ValueEnum>(name: &str, text: &Option<String>) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    T::from_str(text, false).map(Some).map_err(|_| misfit(name))
}

/// What a setting has to be. None where there is no such setting.
fn form(name: &str) -> Option<&'static str> {
    Some(match name {
        "port" => "a whole number from 0 to 65535",
        "host" => "an IP address such as \"127.0.0.1\"",
        "base-url" | "store" | "openwebui-secret" => "a text",
        "door" => "avatar-open-api or visitor-chat",
        "max-live" | "quota" => "a whole number",
        "idle-after" | "owner-wait" => "a time such as \"25s\" or \"60m\"",
        "one-visitor" | "metrics" => "true or false",
        "session-per" => "visitor or chat",
        "tasks" => "answer, forward or refuse",
        "allow-origins" => "a list of texts",
        "models" => "a table of models",
        "tokens" => "a table of callers' names and their tokens",
        _ => return None,
    })
}

fn misfit(name: &str) -> String {
    match form(name) {
        Some(form) => format!("{name} has to be {form}"),
        None => format!("unknown field `{name}`"),
    }
}

/// What is wrong with which fields. Each is looked at by itself, since an error of all of them names none.
fn wrong_fields(fields: &Map<String, Value>) -> Vec<String> {
    let fits = |value: Value| Settings::deserialize(value).is_ok();
    let mut wrong = Vec::new();
    for (name, value) in fields.iter().filter(|(name, value)| !fits(json!({ name.as_str(): value }))) {
        let within = match name.as_str() {
            "models" => "a table with key, key-file or key-env",
            "tokens" => "a text",
            _ => "",
        };
        match value.as_object().filter(|_| !within.is_empty()) {
            Some(entries) => {
                let entries = entries
                    .iter()
                    .filter(|(entry, value)| !fits(json!({ name.as_str(): { entry.as_str(): value } })));
                wrong.extend(entries.map(|(entry, _)| format!("{name}.{entry} has to be {within}")));
            }
            None => wrong.push(misfit(name)),
        }
    }
    wrong
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> Option<usize> {
    let before = text.get(..span?.start)?;
    Some(before.matches('\n').count() + 1)
}

fn place(line: Option<usize>, why: &str) -> String {
    line.map_or_else(|| why.to_owned(), |line| format!("line {line}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        port = 1
        host = "127.0.0.1"
        base-url = "pre-release"
        door = "avatar-open-api"
        store = "avatar.db"
        max-live = 2
        quota = 3
        idle-after = "5m"
        owner-wait = "6s"
        one-visitor = true
        session-per = "chat"
        tasks = "refuse"
        allow-origins = ["https://chat.example"]
        metrics = true
        openwebui-secret = "secret"
        [models.avatar]
        key-env = "KEY"
        [models.avatar-ada]
        key-file = "ada.key"
        [tokens]
        dify = "0123456789abcdef"
    "#;

    #[test]
    fn every_setting_is_in_the_schema_and_every_one_of_the_schema_is_a_setting() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let written: toml::Table = toml::from_str(WHOLE).unwrap();
        let names: Vec<_> = written.keys().collect();
        let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        known.sort();
        assert_eq!(names, known);
        assert!(Settings::parse(Path::new("a.toml"), WHOLE).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_what_may_be_a_secret() {
        for (name, text, why) in [
            ("a.toml", "\nprot = 1", "line 2: unknown field `prot`"),
            ("a.toml", "port = \"sk-secret\"", "line 1: port has to be a whole number from 0 to 65535"),
            (
                "a.toml",
                "[models]\navatar = \"sk-secret\"",
                "line 2: models.avatar has to be a table with key, key-file or key-env",
            ),
            ("a.toml", "[models.avatar]\nsk-secret = 1", "models.avatar has to be a table"),
            ("a.toml", "tokens = \"sk-secret\"", "line 1: tokens has to be a table of callers' names"),
            ("a.toml", "[tokens]\ndify = [\"sk-secret\"]", "line 2: tokens.dify has to be a text"),
            ("a.toml", "openwebui-secret = [\"sk-secret\"]", "line 1: openwebui-secret has to be a text"),
            ("a.toml", "[models.avatar]\nkey = \"sk-secret", "line 2: this is not valid TOML"),
            ("a.toml", "[models.avatar]\nkey = sk-secret", "line 2: this is not valid TOML"),
            (
                "a.json",
                "{\n\"models\": {\"avatar\": \"sk-secret\"}}",
                "line 2: models.avatar has to be a table",
            ),
            ("a.json", "{\"tokens\": \"sk-secret\"}", "line 1: tokens has to be a table"),
            ("a.json", "{\"port\": \"sk-secret\", \"host\": 1}", "host has to be an IP address"),
            ("a.json", "\"sk-secret\"", "it has to be an object"),
            ("a.json", "{\"port\": sk-secret}", "line 1: this is not valid JSON"),
            ("a.json", "{\"port\": 1,\n\"port\": 2}", "line 2: a setting is there twice"),
        ] {
            let error = Settings::parse(Path::new(name), text).unwrap_err();
            assert!(error.contains(why) && !error.contains("secret\"") && !error.contains("sk-"), "{error}");
        }
        assert!(Settings::parse(Path::new("a.ini"), "").unwrap_err().contains(".toml or .json"));
    }

    #[test]
    fn every_setting_has_a_form_and_none_of_the_secrets_is_written() {
        let settings = Settings::parse(
            Path::new("a.toml"),
            "openwebui-secret = \"sk-1\"\n[models.avatar]\nkey = \"sk-2\"\n[tokens]\ndify = \"sk-3\"",
        );
        let written = format!("{:?}", settings.unwrap());
        assert!(written.contains("Key(…)") && !written.contains("sk-"), "{written}");
        let written: toml::Table = toml::from_str(WHOLE).unwrap();
        assert!(written.keys().all(|name| form(name).is_some()));
    }
}
