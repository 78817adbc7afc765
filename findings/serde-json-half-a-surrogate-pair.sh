#!/usr/bin/env bash
# serde_json: whether half a surrogate pair in a string is an error depends on whether the field is read.
set -euo pipefail
PACKAGES='serde@=1.0.229 serde_json@=1.0.154'
EXPECTED='the same answer for a document, whether its field is read or not'
SEEN='read: unexpected end of hex escape at line 1 column 22; not read: taken'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --vcs none --name finding
for package in $PACKAGES; do cargo add --quiet "$package"; done
cat >src/main.rs <<'END'
use serde_json::{Value, from_str, json};

fn main() {
    // What JSON.stringify and json.dumps write for a text that was cut between the halves of an emoji.
    let document = r#"{"text":"Hello \ud83d"}"#;
    let read = from_str::<Value>(document).map_or_else(|error| error.to_string(), |value| json!(value).to_string());
    let ignored = from_str::<serde::de::IgnoredAny>(document).map_or_else(|error| error.to_string(), |_| "taken".to_owned());
    println!("read: {read}; not read: {ignored}");
}
END
said=$(cargo run --quiet)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
