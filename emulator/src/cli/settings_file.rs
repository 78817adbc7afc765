//! The file of `--settings`.

mod place;

use std::path::Path;

use serde_json::{Map, Value};

use super::{RunError, openai_key, read};
use crate::brain::Brain;
use crate::service::Settings;

/// How a file is written.
#[derive(Clone, Copy)]
enum Form {
    Toml,
    /// And JSON, which is YAML as well.
    Yaml,
}

/// These settings, with what a file says otherwise.
pub(super) fn changed_by(path: &Path, settings: Settings) -> Result<Settings, RunError> {
    let text = read(path, "--settings takes the path of a TOML, YAML or JSON file")?;
    let wrong = |why: String| RunError::Settings { path: path.to_owned(), why };
    let form = Form::of(path).ok_or_else(|| {
        wrong("what it is shows by its ending, which must be .toml, .yaml, .yml or .json".to_owned())
    })?;
    let changes = form.read(&text).map_err(wrong)?;
    let found = Settings::wrong_in(&changes);
    if !found.is_empty() {
        return Err(wrong(form.with_places(&text, &found)));
    }
    let mut settings = settings.changed(changes).map_err(|error| wrong(error.to_string()))?;
    if let Brain::OpenAi(endpoint) = &mut settings.brain
        && endpoint.key.is_none()
    {
        endpoint.key = openai_key();
    }
    Ok(settings)
}

impl Form {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" | "json" => Some(Self::Yaml),
            _ => None,
        }
    }

    fn read(self, text: &str) -> Result<Map<String, Value>, String> {
        match self {
            Self::Toml => toml::from_str(text).map_err(|error| error.to_string()),
            Self::Yaml => serde_saphyr::from_str(text).map_err(|error| error.to_string()),
        }
    }

    /// What is wrong, one a line, each with its line and column in the file, in the order of the file.
    fn with_places(self, text: &str, found: &[(String, String)]) -> String {
        let mut placed: Vec<_> = found
            .iter()
            .map(|(name, why)| {
                let others = found.iter().map(|(other, _)| other).filter(|other| *other != name);
                (self.place_of_the_error(text, others.cloned().collect()), why)
            })
            .collect();
        placed.sort();
        let lines = placed.into_iter().map(|(place, why)| match place {
            Some((line, column)) => format!("line {line}, column {column}: {why}"),
            None => why.clone(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Line and column of what is no setting, where these settings are not looked at.
    fn place_of_the_error(self, text: &str, without: Vec<String>) -> Option<(u64, u64)> {
        place::without(without, || match self {
            Self::Toml => {
                let start = toml::from_str::<place::Looked>(text).err()?.span()?.start;
                let before = text.get(..start)?;
                let line = before.rsplit('\n').next().unwrap_or_default();
                Some((before.matches('\n').count() as u64 + 1, line.chars().count() as u64 + 1))
            }
            Self::Yaml => {
                let place = serde_saphyr::from_str::<place::Looked>(text).err()?.location()?;
                Some((place.line(), place.column()))
            }
        })
    }
}
