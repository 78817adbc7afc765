"""What is taken from the pages to try the packages with."""

import subprocess
import unittest
from collections import Counter
from xml.etree import ElementTree

from tests.support import PACKAGING


class ThePomOfJavasPage(unittest.TestCase):
    def test_maven_can_read_it(self) -> None:
        command = [PACKAGING / "platforms/java-pom", "file:///maven"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        project = ElementTree.fromstring(said)
        several = [tag for tag, number in Counter(part.tag for part in project).items() if number > 1]
        self.assertEqual(several, [])
        name = "{http://maven.apache.org/POM/4.0.0}"
        artifacts = {found.text for found in project.iterfind(f"{name}dependencies/{name}dependency/{name}artifactId")}
        self.assertIn("secondme-avatar-java", artifacts)
