//! Fills the templates.

use std::io;
use std::path::{Path, PathBuf};

use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::docs::{self, Language};
use crate::model::Contract;
use crate::source::Source;

/// Where the truth stands.
pub const SOURCES: &[&str] = &[
    "core/protocol/src/event.rs",
    "core/protocol/src/error.rs",
    "core/protocol/src/counters.rs",
    "core/protocol/src/delivery.rs",
    "core/client/src/environment.rs",
    // The order of the options is that of these files.
    "core/client/src/options/reach.rs",
    "core/client/src/options.rs",
    "core/client/src/options/observe.rs",
    "core/client/src/report.rs",
    "core/client/src/stats.rs",
];

/// A file that is generated: `templates/{path}` with the contract in it.
pub struct File {
    /// Where it is, seen from the root of the repository.
    pub path: String,
    /// What belongs there.
    pub text: String,
}

impl File {
    /// Whether something else stands there.
    #[must_use]
    pub fn is_stale(&self, root: &Path) -> bool {
        std::fs::read_to_string(root.join(&self.path)).ok().as_deref() != Some(&self.text)
    }

    /// Puts it there.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        let path = root.join(&self.path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, &self.text)
    }
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The contract that the Rust types make.
///
/// # Errors
///
/// Where a source cannot be read, or has something that is not of the contract.
pub fn contract(root: &Path) -> Result<Contract, String> {
    let mut source = Source::default();
    for path in SOURCES {
        let text = std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        source.read(&text).map_err(|error| format!("{path}: {error}"))?;
    }
    Contract::new(source)
}

/// Every generated file.
///
/// # Errors
///
/// Where a source or a template is wrong.
pub fn files(root: &Path) -> Result<Vec<File>, String> {
    let contract = contract(root)?;
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let environment = environment(&templates);
    let mut paths = Vec::new();
    collect(&templates, &templates, &mut paths).map_err(|error| error.to_string())?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let template = environment.get_template(&path).map_err(|error| format!("{error:#}"))?;
        for (path, item) in written(&path, &contract) {
            let text =
                template.render(context! { contract, item }).map_err(|error| format!("{path}: {error:#}"))?;
            let text = if path.ends_with(".rs") { formatted(&text, root)? } else { text };
            files.push(File { path, text });
        }
    }
    Ok(files)
}

/// The files that a template gives, each with its `item`. In a language with a file for each type, `[enums]`, `[values]`
/// and `[choices]` in the template's path stand for the name of each of them.
fn written(path: &str, contract: &Contract) -> Vec<(String, Value)> {
    fn each<T: Serialize>(
        path: &str,
        of: &str,
        all: &[T],
        name: impl Fn(&T) -> &str,
    ) -> Vec<(String, Value)> {
        all.iter().map(|item| (path.replace(of, name(item)), Value::from_serialize(item))).collect()
    }
    if path.contains("[values]") {
        each(path, "[values]", &contract.values, |value| &value.name)
    } else if path.contains("[enums]") {
        each(path, "[enums]", &contract.enums, |found| &found.name)
    } else if path.contains("[choices]") {
        // Which call was wrong is said by the error's text.
        let choices: Vec<_> = contract.choices.iter().filter(|found| found.name != "Misuse").collect();
        each(path, "[choices]", &choices, |found| &found.name)
    } else {
        vec![(path.to_owned(), Value::UNDEFINED)]
    }
}

/// The templates' paths are those of the files; one that ends in `.shared` holds what several share.
fn collect(folder: &Path, root: &Path, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, root, paths)?;
        } else if !entry.file_name().to_string_lossy().ends_with(".shared")
            && let Ok(path) = path.strip_prefix(root)
        {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// As rustfmt would have it.
fn formatted(text: &str, root: &Path) -> Result<String, String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let failed = |error: io::Error| format!("rustfmt: {error}");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = rustfmt.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let output = rustfmt.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err("rustfmt does not take what a template gives".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn environment(templates: &Path) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_loader(minijinja::path_loader(templates));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("snake", |name: &str| name.to_snake_case());
    environment.add_filter("camel", |name: &str| name.to_lower_camel_case());
    environment.add_filter("java", |name: &str| docs::java_name(name));
    environment.add_filter("pascal", |name: &str| name.to_upper_camel_case());
    environment.add_filter("swift", |name: &str| docs::swift_name(name));
    environment.add_filter("shout", |name: &str| name.to_shouty_snake_case());
    environment.add_filter("brief", |docs: &str| docs::brief(docs));
    environment.add_filter("text", |docs: &str, of: &str| Ok::<_, Error>(docs::text(docs, language(of)?)));
    environment.add_filter("comment", |docs: &str, of: &str, indent: usize, width: Option<usize>| {
        Ok::<_, Error>(docs::comment(docs, language(of)?, indent, width.unwrap_or(110)))
    });
    environment.add_filter("fill", |text: &str, first: &str, rest: &str, width: Option<usize>| {
        docs::fill(text, first, rest, width.unwrap_or(120))
    });
    environment
}

fn language(name: &str) -> Result<Language, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("there is no language `{name}`"));
    Language::named(name).ok_or_else(unknown)
}
