#!/usr/bin/env bash
# Open WebUI begins its own prompts (title, tags, follow-ups, queries) with "### Task:", and so it begins a person's
# question where a file or a knowledge base is at hand. A server that answers the first kind by itself has to read on.
set -euo pipefail
PACKAGES='open-webui==0.12.4'
EXPECTED='a title begins "### Task:", a question with sources begins otherwise'
SEEN='a title begins "### Task:", a question with sources begins "### Task:"'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest wheels $PACKAGES
cat >try.py <<'END'
import ast
import pathlib
import zipfile

(wheel,) = pathlib.Path("wheels").glob("*.whl")
templates = {}
for node in ast.parse(zipfile.ZipFile(wheel).read("open_webui/config.py")).body:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
            templates[name] = text
begins = [templates[name].splitlines()[0] for name in ("DEFAULT_TITLE_GENERATION_PROMPT_TEMPLATE", "DEFAULT_RAG_TEMPLATE")]
print(f'a title begins "{begins[0]}", a question with sources begins "{begins[1]}"')
END
said=$(venv/bin/python try.py)
printf '%s\nexpected: %s\nseen:     %s\n' "$PACKAGES" "$EXPECTED" "$said"
[ "$said" = "$SEEN" ] || { echo "this is no longer what was seen: $SEEN" >&2; exit 1; }
