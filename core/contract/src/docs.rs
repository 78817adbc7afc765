//! Documentation, from Rust's into each language's: names in its case, links and comments in its form.

use heck::ToLowerCamelCase;

/// Whose documentation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust code of a binding that its users never see.
    Rust,
    /// Python, in its own files.
    Python,
    /// Python's classes that are written in Rust.
    PyO3,
    /// TypeScript.
    TypeScript,
    /// Kotlin.
    Kotlin,
    /// Java.
    Java,
    /// Swift.
    Swift,
    /// A page.
    Markdown,
}

impl Language {
    /// The language of this name, as the templates write it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rust" => Self::Rust,
            "python" => Self::Python,
            "pyo3" => Self::PyO3,
            "typescript" => Self::TypeScript,
            "kotlin" => Self::Kotlin,
            "java" => Self::Java,
            "swift" => Self::Swift,
            "markdown" => Self::Markdown,
            _ => return None,
        })
    }

    /// How the language writes a name that Rust writes in snake case.
    fn case(self, name: &str) -> String {
        match self {
            Self::Rust | Self::Python | Self::PyO3 | Self::Markdown => name.to_owned(),
            Self::Swift => swift_name(name),
            Self::Java => java_name(name),
            Self::TypeScript | Self::Kotlin => name.to_lower_camel_case(),
        }
    }

    fn code(self, path: &str) -> String {
        let between = if self == Self::Rust { "::" } else { "." };
        let segments: Vec<_> = path
            .split("::")
            .filter(|segment| !matches!(*segment, "Self" | "crate"))
            .map(|segment| match segment {
                "ClientBuilder" if !matches!(self, Self::Rust | Self::Markdown) => "ClientOptions".to_owned(),
                _ if is_snake(segment) => self.case(segment),
                _ => segment.to_owned(),
            })
            .collect();
        let code = segments.join(between);
        match self {
            Self::Python => format!("``{code}``"),
            Self::Java => format!("{{@code {code}}}"),
            _ => format!("`{code}`"),
        }
    }
}

impl Language {
    /// What the language calls a type that a link leads to, where that is not Rust's name.
    fn own_name(self, target: &str) -> Option<String> {
        let (of, name) = target.rsplit_once("::").unwrap_or(("", target));
        let of = of.rsplit("::").next().unwrap_or_default();
        let is_type = name.starts_with(|first: char| first.is_ascii_uppercase());
        let kind = match of {
            // In the documentation that is shared, only kinds of events name each other so.
            "EventKind" | "Self" if is_type => "Event",
            "ErrorKind" => "Error",
            "Error" => return self.own_error().map(|error| self.code(&format!("{error}::{name}"))),
            _ if name == "Error" => return self.own_error().map(|error| self.code(error)),
            _ => return None,
        };
        match self {
            Self::Python | Self::PyO3 | Self::TypeScript => Some(self.code(&format!("{name}{kind}"))),
            Self::Kotlin | Self::Java => {
                Some(self.code(&format!("{}.{name}", if kind == "Event" { kind } else { "AvatarException" })))
            }
            Self::Swift => Some(format!("`.{}`", name.to_lower_camel_case())),
            Self::Rust | Self::Markdown => None,
        }
    }

    /// The class of all errors.
    fn own_error(self) -> Option<&'static str> {
        match self {
            Self::Python | Self::PyO3 | Self::TypeScript | Self::Swift => Some("AvatarError"),
            Self::Kotlin | Self::Java => Some("AvatarException"),
            Self::Rust | Self::Markdown => None,
        }
    }
}

/// The name as Java writes it: every object has a method `wait` of its own.
pub fn java_name(name: &str) -> String {
    let camel = name.to_lower_camel_case();
    if camel == "wait" { "waitTime".to_owned() } else { camel }
}

/// The name as Swift writes it: by Apple's guidelines an acronym has one case.
pub fn swift_name(name: &str) -> String {
    let camel = name.to_lower_camel_case();
    for (acronym, written) in [("Id", "ID"), ("Url", "URL")] {
        if let Some(stem) = camel.strip_suffix(acronym) {
            return format!("{stem}{written}");
        }
    }
    camel
}

fn is_snake(name: &str) -> bool {
    name.contains('_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The first paragraph.
pub fn brief(docs: &str) -> String {
    docs.split("\n\n").next().unwrap_or_default().to_owned()
}

/// The text, in this language's words: without examples, names in its case.
pub fn text(docs: &str, language: Language) -> String {
    let mut kept = Vec::new();
    let mut is_code = false;
    for line in docs.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            kept.push(line);
        }
    }
    let kept = kept.join("\n");
    let paragraphs =
        kept.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let paragraphs: Vec<_> =
        paragraphs.filter(|paragraph| !paragraph.is_empty()).map(|text| words(&text, language)).collect();
    paragraphs.join("\n\n")
}

/// Links become code, and code gets the language's case.
fn words(text: &str, language: Language) -> String {
    let mut made = String::new();
    let mut left = text;
    while let Some(at) = left.find(['`', '[']) {
        made += &left[..at];
        left = &left[at..];
        if let Some((label, target, after)) = link(left) {
            // A label in plain words stays so.
            made += &label.strip_prefix('`').and_then(|code| code.strip_suffix('`')).map_or_else(
                || label.to_owned(),
                |code| language.own_name(target.unwrap_or(code)).unwrap_or_else(|| language.code(code)),
            );
            left = after;
        } else if let Some((code, after)) = left.strip_prefix('`').and_then(|left| left.split_once('`')) {
            made += &language.code(code);
            left = after;
        } else {
            made += &left[..1];
            left = &left[1..];
        }
    }
    made + left
}

/// The label of `[label](target)` or `[label]`, the target where there is one, and what comes after.
fn link(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let (label, after) = text.strip_prefix('[')?.split_once(']')?;
    Some(match after.strip_prefix('(') {
        Some(target) => {
            let (target, after) = target.split_once(')')?;
            (label, Some(target), after)
        }
        None => (label, None, after),
    })
}

/// The text as a comment of this language, indented by so many spaces, no line wider than `width`.
pub fn comment(docs: &str, language: Language, indent: usize, width: usize) -> String {
    let text = text(docs, language);
    // Javadoc is HTML, in which a paragraph says that it is one.
    let text = if language == Language::Java { text.replace("\n\n", "\n\n<p>") } else { text };
    let pad = " ".repeat(indent);
    let lines = |prefix: &str| {
        let wrapped = wrap(&text, width - indent - prefix.len());
        let lines = wrapped.iter().map(|line| format!("{pad}{prefix}{line}").trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    };
    match language {
        Language::Rust | Language::PyO3 | Language::Swift => lines("/// "),
        Language::TypeScript | Language::Kotlin | Language::Java => {
            let one = format!("{pad}/** {text} */");
            if one.len() <= width && !text.contains('\n') {
                one
            } else {
                format!("{pad}/**\n{}\n{pad} */", lines(" * "))
            }
        }
        Language::Python => {
            let one = format!("{pad}\"\"\"{text}\"\"\"");
            if one.len() <= width && !text.contains('\n') {
                return one;
            }
            let wrapped = wrap(&format!("\"\"\"{text}"), width - indent);
            let mut lines: Vec<_> =
                wrapped.iter().map(|line| format!("{pad}{line}").trim_end().to_owned()).collect();
            if let Some(last) = lines.last_mut() {
                if last.len() + 3 <= width && !text.contains('\n') {
                    last.push_str("\"\"\"");
                } else {
                    lines.push(format!("{pad}\"\"\""));
                }
            }
            lines.join("\n")
        }
        Language::Markdown => text,
    }
}

/// Lines no wider than that, paragraphs apart.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let paragraphs = text.split("\n\n").map(|paragraph| fill(paragraph, "", "", width));
    paragraphs.collect::<Vec<_>>().join("\n\n").split('\n').map(str::to_owned).collect()
}

/// One paragraph in lines no wider than that: the first begins with `first`, the others with `rest`.
pub fn fill(text: &str, first: &str, rest: &str, width: usize) -> String {
    let (mut filled, mut line, mut is_begun) = (String::new(), first.to_owned(), false);
    for word in text.split_whitespace() {
        if is_begun && line.chars().count() + 1 + word.chars().count() > width {
            filled += &std::mem::replace(&mut line, rest.to_owned());
            filled.push('\n');
            is_begun = false;
        }
        if is_begun {
            line.push(' ');
        }
        line += word;
        is_begun = true;
    }
    filled + &line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_language_s_case_and_links_its_form() {
        let docs = "Comes before [`Self::OwnerReply`]: see [`Reply::in_reply_to`](crate::Reply::in_reply_to), `max_live`.";
        let of = |language| text(docs, language);
        assert_eq!(
            of(Language::Python),
            "Comes before ``OwnerReplyEvent``: see ``Reply.in_reply_to``, ``max_live``."
        );
        assert_eq!(
            of(Language::TypeScript),
            "Comes before `OwnerReplyEvent`: see `Reply.inReplyTo`, `maxLive`."
        );
        assert_eq!(text("The `message_id`.", Language::Swift), "The `messageID`.");
        let docs = "A [`Deadline`](ErrorKind::Deadline) or an [`Unsent`](crate::EventKind::Unsent): [`Error::code`].";
        assert_eq!(
            text(docs, Language::TypeScript),
            "A `DeadlineError` or an `UnsentEvent`: `AvatarError.code`."
        );
        assert_eq!(
            text(docs, Language::Kotlin),
            "A `AvatarException.Deadline` or an `Event.Unsent`: `AvatarException.code`."
        );
        assert_eq!(
            text("The `message_id`, the `wait`.", Language::Java),
            "The {@code messageId}, the {@code wait}."
        );
    }

    #[test]
    fn a_long_text_is_wrapped_and_examples_are_left_out() {
        let docs = "One two three four.\n\n```\nlet x = 1;\n```\nFive.";
        assert_eq!(
            comment(docs, Language::Kotlin, 2, 20),
            "  /**\n   * One two three\n   * four.\n   *\n   * Five.\n   */"
        );
        assert_eq!(comment("Short.", Language::Python, 4, 80), "    \"\"\"Short.\"\"\"");
        assert_eq!(fill("one two three four", ":x: ", "  ", 12), ":x: one two\n  three four");
    }
}
