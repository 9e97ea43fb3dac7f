"""The Dockerfile builds this project and nothing else; that it runs: tests/integration/test_image.py."""

import re
import tomllib
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from inventory_stream.settings import Settings
from tests.unit.deploy.dockerfile import copied_from_repository, environment, of_keyword, stages
from tests.unit.deploy.files import HTTP_PORT, MONITORING_PORT, REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
BUILDER = "setuptools"
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+) \\$", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Give what a lock pins."""
    found = dict(PIN.findall((REPOSITORY / lock).read_text()))
    assert found
    return found


def needed(requirements: list[str]) -> set[str]:
    """Give the names of all packages that these need here, their own needs with them."""
    found: set[str] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras}:
            if f"{name}[{wanted}]" not in found:
                found.add(f"{name}[{wanted}]")
                waiting += [(need, wanted) for need in requires(name) or []]
    return {entry.partition("[")[0] for entry in found}


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    """Every COPY finds its files, and .dockerignore lets through these and no more."""
    sources = {source for several, _ in copied_from_repository() for source in several}
    assert all((REPOSITORY / source).exists() for source in sources)
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == sources


def test_every_package_of_the_project_is_copied() -> None:
    """A new package cannot be forgotten: the image would start and miss it."""
    sources = {source for several, _ in copied_from_repository() for source in several}
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= sources
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= sources


def test_lock_of_the_image_is_what_the_program_needs() -> None:
    """All that running needs, what builds it, and nothing for tests: in the versions that were tested."""
    image, all_pins = pins("requirements-runtime.lock"), pins("requirements.lock")
    assert set(image) == needed(PROJECT["project"]["dependencies"]) | {BUILDER}, "run `make lock-image`"
    assert image.items() <= all_pins.items(), "run `make lock-image`"


def test_base_image_is_a_release_of_python_that_the_project_runs_on() -> None:
    """One tag of one release, the same for building and running."""
    bases = [of_keyword(stage, "FROM")[0].words for stage in stages()]
    (tag,) = {words[0] for words in bases if words[0] != "python"}
    found = re.fullmatch(r"python:(3\.\d+\.\d+)-slim-[a-z]+", tag)
    assert found
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(found[1])
    assert (
        f"Programming Language :: Python :: {found[1].rpartition('.')[0]}"
        in PROJECT["project"]["classifiers"]
    )


def test_image_runs_the_command_line_as_nobody_in_particular() -> None:
    """The entry is our program, without a shell; the user is a number above those of systems."""
    final = stages()[-1]
    (entry,), (user,), ports = (of_keyword(final, kind) for kind in ("ENTRYPOINT", "USER", "EXPOSE"))
    assert entry.rest.startswith("[")
    assert len(entry.words) == 1
    assert entry.words[0] in PROJECT["project"]["scripts"]
    uid, gid = map(int, user.rest.split(":"))
    assert uid == gid > 10_000
    assert [int(port.rest) for port in ports] == [MONITORING_PORT, HTTP_PORT]


def test_image_gives_the_folders_that_are_written_to_its_user() -> None:
    """What `replay` writes goes where the setting says; it and `/access` belong to the user of the image."""
    final = stages()[-1]
    scratch = environment(final)["INVENTORY_STREAM_WORKER__DATA_DIR"]
    assert "data_dir" in Settings.model_fields["worker"].annotation.model_fields  # type: ignore[union-attr]
    assert of_keyword(final, "WORKDIR")[0].rest == scratch
    (user,) = of_keyword(final, "USER")
    uid, gid = user.rest.split(":")
    assert of_keyword(final, "RUN")[-1].rest == f"install -d -m 0700 -o {uid} -g {gid} {scratch} /access"
