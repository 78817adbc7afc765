//! The files in the tree are what the Rust types say.

use secondme_avatar_contract::render;

#[test]
fn every_generated_file_is_what_its_template_gives() {
    let root = render::root();
    let files = render::files(&root).unwrap();
    assert!(!files.is_empty());
    let stale: Vec<_> = files.iter().filter(|file| file.is_stale(&root)).map(|file| &file.path).collect();
    assert!(stale.is_empty(), "{stale:?} are not what the Rust types say: run `make contract`");
}

#[test]
fn the_contract_knows_every_type_that_it_is_made_of() {
    let contract = render::contract(&render::root()).unwrap();
    let fields = contract.events.iter().flat_map(|event| &event.fields).chain(&contract.options);
    let fields = fields.chain(&contract.stats).chain(contract.values.iter().flat_map(|value| &value.fields));
    let undocumented: Vec<_> =
        fields.filter(|field| field.docs.is_empty()).map(|field| &field.snake).collect();
    assert!(undocumented.is_empty(), "{undocumented:?} have no documentation");
    assert!(contract.events.len() >= 17 && contract.errors.len() >= 16 && contract.options.len() >= 20);
    assert!(contract.stats.len() >= 20);
}

#[test]
fn errors_name_options_that_there_are() {
    let contract = render::contract(&render::root()).unwrap();
    for name in secondme_avatar_protocol::OptionName::ALL {
        let is_one = contract.options.iter().any(|option| option.snake == name.as_str());
        assert!(is_one, "there is no option `{}`", name.as_str());
    }
}

/// Where each language of `docs/names.md` has its calls, in which column, and how it declares one.
const CALLS: [(usize, &str, &str, &[&str]); 6] = [
    (0, "Rust", "core/client/src", &["pub fn ", "pub async fn "]),
    (1, "Python", "python/secondme_avatar", &["def "]),
    (2, "Node", "node/ts", &["  ", "async ", "get "]),
    (3, "Kotlin", "bindings/kotlin/avatar/src/main/kotlin/me/secondme/avatar", &["fun ", "val "]),
    // Behind the type that it gives.
    (3, "Java", "bindings/java/src/main/java/me/secondme/avatar/java", &[" "]),
    (4, "Swift", "bindings/swift/Sources/SecondMeAvatar", &["func ", "var "]),
];

#[test]
fn every_call_that_the_table_of_names_has_is_declared_in_its_language() {
    let page = std::fs::read_to_string(render::root().join("docs/names.md")).unwrap();
    let calls = page.split("\n## ").find(|part| part.starts_with("Calls\n")).unwrap();
    let rows: Vec<Vec<_>> = calls
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).skip(3).collect())
        .collect();
    assert!(rows.len() >= 20);
    for (column, language, folder, declared) in &CALLS {
        let mut source = String::new();
        read(&render::root().join(folder), &mut source);
        for row in &rows {
            // `send(…).durable` is an option of `send` where it is one. Kotlin stops with the coroutine that collects.
            let name = row[*column].split('(').next().unwrap();
            let is_there = |before: &&str| {
                let found = format!("{before}{name}");
                let mut ends = source.match_indices(&found).map(|(at, found)| at + found.len());
                let is_call = |after: &str| {
                    let is_whole = !after.starts_with(|next: char| next.is_alphanumeric() || next == '_');
                    is_whole && (*language != "Java" || after.starts_with('('))
                };
                ends.any(|end| is_call(&source[end..]))
            };
            assert!(name == "-" || declared.iter().any(is_there), "{language} has no `{name}`");
        }
    }
}

fn read(folder: &std::path::Path, to: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, to);
        } else if let Ok(text) = std::fs::read_to_string(path) {
            to.push_str(&text);
        }
    }
}
