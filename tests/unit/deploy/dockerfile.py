"""Reads the Dockerfile: enough of its grammar for ours."""

import json
import re
from typing import NamedTuple

from tests.unit.deploy.files import DOCKERFILE


class Instruction(NamedTuple):
    """One instruction, its lines joined."""

    keyword: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The arguments, of the exec form or divided at blanks."""
        if self.rest.startswith("["):
            words: list[str] = json.loads(self.rest)
            return words
        return self.rest.split()


def stages() -> list[list[Instruction]]:
    """Give the instructions of each stage, its FROM first."""
    text = "".join(
        line for line in DOCKERFILE.read_text().splitlines(keepends=True) if not line.startswith("#")
    )
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line:
            instruction = Instruction(*line.split(maxsplit=1))
            if instruction.keyword == "FROM":
                found.append([])
            found[-1].append(instruction)
    return found


def of_keyword(stage: list[Instruction], keyword: str) -> list[Instruction]:
    """Give the instructions of one kind."""
    return [instruction for instruction in stage if instruction.keyword == keyword]


def environment(stage: list[Instruction]) -> dict[str, str]:
    """Give what ENV sets."""
    words = [word for line in of_keyword(stage, "ENV") for word in line.words]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def copied_from_repository() -> list[tuple[list[str], str]]:
    """Give what each COPY takes from the build context, and where to."""
    return [
        (line.words[:-1], line.words[-1])
        for stage in stages()
        for line in of_keyword(stage, "COPY")
        if not line.rest.startswith("--from=")
    ]
