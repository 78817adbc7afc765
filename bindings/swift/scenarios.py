"""Writes the scenarios of spec/scenarios down as one JSON object, since Swift reads no YAML."""

import json
import pathlib
import sys

import yaml

folder = pathlib.Path(__file__).resolve().parents[2] / "spec" / "scenarios"
files = sorted(folder.glob("*.yaml"))
print(json.dumps({file.stem: yaml.safe_load(file.read_text("utf-8")) for file in files}))
print(f"{len(files)} scenarios", file=sys.stderr)
