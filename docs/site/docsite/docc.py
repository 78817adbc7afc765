"""``python -m docsite.docc FOLDER``: the reference that DocC has written for ``/SITE/`` is good at any address."""

import sys
from pathlib import Path

BASE = "/SITE/"


def main() -> None:
    folder = Path(sys.argv[1])
    # What its pages ask for first, and do without.
    (folder / "theme-settings.json").write_text("{}\n", encoding="utf-8")
    for file in folder.rglob("index.html"):
        up = "../" * (len(file.relative_to(folder).parts) - 1) or "./"
        text = file.read_text(encoding="utf-8")
        text = text.replace(f'baseUrl = "{BASE}"', f'baseUrl = new URL("{up}", document.baseURI).pathname')
        file.write_text(text.replace(f'"{BASE}', f'"{up}'), encoding="utf-8")


if __name__ == "__main__":
    main()
