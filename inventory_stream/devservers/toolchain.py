"""Finds java and mvn on PATH, or says in one line what to install."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_stream.devservers.errors import MissingToolError

# `java -version` takes 0.1 s and `mvn -v` 0.5 s here; a cold disk with busy cores has cost
# 5 s. A tool that says nothing for this long is broken.
VERSION_SECONDS_MAX: Final = 60.0

WAY_OUT: Final = (
    "Debian: `apt install maven` brings both java and mvn. "
    "The other way, with containers: `docker compose up` (docker-compose.yml)."
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that devservers need, and how to see its version."""

    name: str
    version_option: str
    version_pattern: re.Pattern[str]
    version_min: tuple[int, ...]

    def find(self) -> Path:
        """Return the program's path.

        Raises:
            MissingToolError: It is absent, broken or too old; one line.
        """
        wanted = ".".join(map(str, self.version_min))
        need = f"devservers need {self.name} >= {wanted} on PATH"
        found = shutil.which(self.name)
        if found is None:
            raise MissingToolError(f"{need}, there is none. {WAY_OUT}")
        try:
            answer = subprocess.run(  # noqa: S603 - the path comes from PATH, as the user wants
                [found, self.version_option],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=VERSION_SECONDS_MAX,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MissingToolError(f"{need}, {found} does not run ({error}). {WAY_OUT}") from error
        match = self.version_pattern.search(answer.stdout + answer.stderr)
        if match is None:
            raise MissingToolError(f"{need}, {found} {self.version_option} names no version. {WAY_OUT}")
        version = tuple(int(part) for part in re.findall(r"\d+", match.group(1)))
        if version < self.version_min:
            raise MissingToolError(f"{need}, {found} is {match.group(1)}. {WAY_OUT}")
        return Path(found)


# The broker of Kafka 4 is compiled for Java 17. An old java names itself 1.8.0, which also
# compares as too old.
JAVA: Final = Tool("java", "-version", re.compile(r'version "([\d.]+)'), (17,))

# The oldest Maven that this was tried with; Debian 12 has 3.8.7.
MVN: Final = Tool("mvn", "-v", re.compile(r"Apache Maven ([\d.]+)"), (3, 8))
