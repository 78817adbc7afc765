"""Takes what the tests read out of the wheels: `unpack.py FOLDER_OF_WHEELS FOLDER`."""

import sys
import zipfile
from pathlib import Path

# The prefixes of the members that are taken, by wheel.
TAKEN = {
    "dify_plugin": ("dify_plugin/",),
    "open_webui": ("open_webui/config.py", "open_webui/utils/context_compaction.py"),
}


def main(wheels: Path, folder: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        prefixes = TAKEN[wheel.name.partition("-")[0]]
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(prefixes) and name.endswith(".py")]
            archive.extractall(folder, members)
        print(f"{wheel.name}: {len(members)} files")
        wheel.unlink()


main(Path(sys.argv[1]), Path(sys.argv[2]))
