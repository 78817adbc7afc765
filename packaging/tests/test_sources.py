"""Mistakes planted in the sources, and what the check says of each."""

import json
import unittest

from release import metadata, versions
from tests.support import VERSION, OfACopy

NEXT = "9.9.9"
SECTION = "# Changelog\n\n## {heading}\n\n### Added\n\n- Something.\n"


class Version(OfACopy):
    def test_the_sources_as_they_are_have_no_mistake(self) -> None:
        self.finds()

    def test_a_package_of_npm_that_says_another_version(self) -> None:
        with self.planted("node/widget/package.json", f'"version": "{VERSION}"', f'"version": "{NEXT}"'):
            self.finds(
                f"node/widget/package.json:3: it says version {NEXT}, and Cargo.toml says {VERSION}",
                f"node/widget/package.json: its version is {NEXT}, and Cargo.toml says {VERSION}",
            )

    def test_a_lock_file_that_is_stale(self) -> None:
        old = f'name = "secondme-avatar"\nversion = "{VERSION}"'
        line = (self.root / "Cargo.lock").read_text(encoding="utf-8").split(old)[0].count("\n") + 2
        with self.planted("Cargo.lock", old, old.replace(VERSION, NEXT)):
            self.finds(f"Cargo.lock:{line}: it says version {NEXT}, and Cargo.toml says {VERSION}")

    def test_a_page_that_names_a_jar_of_another_version(self) -> None:
        page = "bindings/kotlin/README.md"
        old = f"dist/secondme-avatar-{VERSION}.jar"
        line = (self.root / page).read_text(encoding="utf-8").split(old)[0].count("\n") + 1
        with self.planted(page, old, f"dist/secondme-avatar-{NEXT}.jar"):
            self.finds(f"{page}:{line}: it says version {NEXT}, and Cargo.toml says {VERSION}")

    def test_a_constant_that_is_gone(self) -> None:
        path = "bindings/swift/Sources/SecondMeAvatar/AvatarClient.swift"
        with self.planted(path, f'public static let version = "{VERSION}"', "public static let version = made()"):
            self.finds(f"{path}: it does not say the version any more")

    def test_a_tag_of_another_version(self) -> None:
        with self.file("CHANGELOG.md", SECTION.format(heading=f"{VERSION} - 2030-01-01")), self.no_fragments():
            self.finds(f"the tag is v{NEXT}, and Cargo.toml says {VERSION}", tag=f"v{NEXT}")
            self.finds(tag=f"v{VERSION}")

    def test_one_command_writes_the_version_everywhere(self) -> None:
        versions.write(self.root, "9.9.9-rc.1")
        try:
            count, problems = versions.check(self.root)
            self.assertEqual(problems, [])
            self.assertEqual(len(versions.places(self.root, "9.9.9-rc.1")), count)
            lock = json.loads((self.root / "node/package-lock.json").read_text(encoding="utf-8"))
            self.assertEqual(lock["packages"][""]["version"], "9.9.9-rc.1")
        finally:
            versions.write(self.root, VERSION)
        self.finds()

    def test_a_version_that_a_registry_would_write_differently_is_refused(self) -> None:
        for version in ("1.0", "v1.0.0", "1.0.0-SNAPSHOT", "1.0.0.post1", "1.0.0-rc1"):
            with self.assertRaisesRegex(ValueError, "is not a version"):
                versions.write(self.root, version)
        self.assertEqual(versions.for_python("0.2.0-alpha.3"), "0.2.0a3")

    def no_fragments(self):
        return NoFragments(self)


class NoFragments:
    """Takes the fragments of the changelog away for a while."""

    def __init__(self, test: OfACopy) -> None:
        self.folder, self.aside = test.root / "changelog.d", test.root / "aside"

    def __enter__(self) -> None:
        self.aside.mkdir()
        for path in self.folder.glob("*.md") if self.folder.is_dir() else []:
            path.rename(self.aside / path.name)

    def __exit__(self, *_: object) -> None:
        for path in self.aside.glob("*.md"):
            path.rename(self.folder / path.name)
        self.aside.rmdir()


class Changelog(OfACopy):
    def heading(self, text: str):
        return self.file("CHANGELOG.md", SECTION.format(heading=text))

    def test_a_version_without_a_date(self) -> None:
        with self.heading(VERSION), NoFragments(self):
            self.finds(f"CHANGELOG.md: {VERSION} has no date")

    def test_a_date_that_is_none_and_one_that_lies_in_the_future(self) -> None:
        with self.heading(f"{VERSION} - 2030-13-01"), NoFragments(self):
            self.finds(f"CHANGELOG.md: the date of {VERSION}, 2030-13-01, is not a day written as 2026-12-31")
        with self.heading(f"{VERSION} - 2030-01-03"), NoFragments(self):
            self.finds(f"CHANGELOG.md: the date of {VERSION}, 2030-01-03, lies in the future")

    def test_a_stale_changelog_at_a_release(self) -> None:
        with self.heading(f"{VERSION} - 2030-01-01"), NoFragments(self), self.file("changelog.d/x.fixed.md", "Late.\n"):
            stale = f"changelog.d: 1 fragments are not in CHANGELOG.md, which has the section of {VERSION} already"
            self.finds(stale, tag=f"v{VERSION}")
            self.assertIn(stale, self.sources().undecided)

    def test_a_release_that_the_changelog_does_not_tell_of(self) -> None:
        with self.heading("0.0.1 - 2030-01-01"), NoFragments(self):
            self.finds(
                f"CHANGELOG.md has no section of {VERSION}: `make changelog` writes it out of 0 fragments",
                tag=f"v{VERSION}",
            )

    def test_a_changelog_that_is_ahead_of_the_version(self) -> None:
        with self.heading(f"{NEXT} - 2030-01-01"), NoFragments(self):
            self.finds(f"CHANGELOG.md: it has {NEXT} already, and Cargo.toml says {VERSION}")

    def test_a_fragment_of_no_kind_an_empty_one_and_one_with_a_heading(self) -> None:
        kinds = "security, removed, deprecated, changed, added, fixed"
        with self.file("changelog.d/x.news.md", "Text.\n"):
            self.finds(
                f"changelog.d/x.news.md: a fragment is called NAME.KIND.md, and its kind is one of {kinds}",
            )
        with self.file("changelog.d/x.added.md", "\n"):
            self.finds("changelog.d/x.added.md: it is empty")
        with self.file("changelog.d/x.added.md", "# News\n"):
            self.finds("changelog.d/x.added.md: a fragment is an item of a list, and has no heading: # News")


class Metadata(OfACopy):
    def test_a_licence_that_is_missing_and_one_that_is_another(self) -> None:
        missing = "there is no LICENSE-MIT beside it that says what the repository's says, so none in the package"
        with self.file("core/client/LICENSE-MIT", None):
            self.finds(f"core/client/Cargo.toml: {missing}")
        with self.file("node/widget/LICENSE-MIT", "All rights reserved.\n"):
            self.finds(f"node/widget/package.json: {missing}")

    def test_a_package_under_another_licence(self) -> None:
        with self.planted("python/pyproject.toml", 'license = "MIT OR Apache-2.0"', 'license = "MIT"'):
            self.finds("python/pyproject.toml: its licence is MIT, and Cargo.toml says MIT OR Apache-2.0")

    def test_an_address_that_only_one_package_has(self) -> None:
        with self.planted("node/package.json", '"homepage"', '"bugs": "https://example.org/issues",\n  "homepage"'):
            self.finds("node/package.json: its issues is https://example.org/issues, and Cargo.toml says None")

    def test_what_a_registry_asks_for_and_is_not_there(self) -> None:
        with self.planted("cli/Cargo.toml", "keywords = [", "keywordz = ["):
            self.finds("cli/Cargo.toml: it has no keywords, which crates.io shows")
        with self.planted("emulator/Cargo.toml", "keywords = [", 'keywords = ["one", "more", '):
            self.finds("emulator/Cargo.toml: more than five keywords")
        with self.planted("python/emulator/pyproject.toml", "description = ", "summary = "):
            self.finds("python/emulator/pyproject.toml: it has no description, which PyPI shows")
        with self.file("node/emulator/README.md", None):
            self.finds("node/emulator/package.json: there is no README.md, which npm shows")
        with self.planted("bindings/kotlin/pom.xml", "<name>The secondme-avatar authors</name>", ""):
            self.finds("bindings/kotlin/pom.xml: it has no developers/developer/name, which Maven Central asks for")

    def test_a_published_crate_whose_tests_need_one_that_is_not_published(self) -> None:
        old = "secondme-avatar-emulator.workspace = true"
        with self.planted("core/client/Cargo.toml", old, f"{old}\nsecondme-avatar-bridge.workspace = true"):
            bridge = "secondme-avatar-bridge, of its dev-dependencies, is not published, and has a version"
            self.finds(f"core/client/Cargo.toml: {bridge}")

    def test_crates_are_published_after_what_they_and_their_tests_need(self) -> None:
        order = metadata.publish_order(self.root)
        self.assertEqual(
            order,
            ["secondme-avatar-emulator", "secondme-avatar-protocol", "secondme-avatar", "secondme-avatar-cli"],
        )


class Pages(OfACopy):
    def test_a_page_that_promises_another_minimum(self) -> None:
        with self.planted("node/README.md", "Node 20 or newer", "Node 18 or newer"):
            self.finds("node/README.md: it says 18, and node/package.json says 20")
        with self.planted("node/package.json", '"node": ">=20"', '"node": ">=22"'):
            self.finds(
                "README.md: it says 20, and node/package.json says 22",
                "node/README.md: it says 20, and node/package.json says 22",
            )


class Workflows(OfACopy):
    def test_an_action_that_is_not_pinned_and_one_without_its_version(self) -> None:
        path = ".github/workflows/advisories.yml"
        use = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
        with self.planted(path, use, "actions/checkout@v7"):
            self.finds(f"{path}: actions/checkout is not pinned to a commit: v7")
        with self.planted(path, use, use.split(" #")[0]):
            self.finds(f"{path}: actions/checkout does not say which version its commit is")


if __name__ == "__main__":
    unittest.main()
