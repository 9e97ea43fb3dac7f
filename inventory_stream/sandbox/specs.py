"""The vendors' own specifications, where this machine has them: they validate every request.

The files are the vendors' and do not ship with the project. Without them the fakes still check what their
authors wrote by hand, and say so at start.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

DEFAULT_FOLDER: Final = Path("../shared/specs")
MISFITS_MAX: Final = 5
"""Misfits named of one request: a batch of a thousand wrong items needs not a thousand lines."""

Validator = Callable[[object], list[str]]
"""Names where a document does not fit; empty: it does."""


class Specs:
    """Finds and opens specification files. `folder` None: there are none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder if folder is not None and folder.is_dir() else None

    def path(self, file: str) -> Path | None:
        """Find a file such as `square/inventory-slice.json`."""
        path = None if self.folder is None else self.folder / file
        return path if path is not None and path.is_file() else None

    def openapi(
        self, file: str, schema: str, *, also: Mapping[str, object] | None = None
    ) -> Validator | None:
        """Build a validator of a schema in `components` (OpenAPI 3) or `definitions` (Swagger 2).

        Args:
            file: The specification.
            schema: The schema's name.
            also: Keywords that the vendor's file forgot, such as `required`, added on top.
        """
        path = self.path(file)
        if path is None:
            return None
        whole = json.loads(path.read_text())
        room = "components" if "components" in whole else "definitions"
        at = f"#/components/schemas/{schema}" if room == "components" else f"#/definitions/{schema}"
        return validator({"allOf": [{"$ref": at}, dict(also or {})], room: with_nulls(whole[room])})

    def discovery(
        self, file: str, schema: str, *, also: Mapping[str, object] | None = None
    ) -> Validator | None:
        """Build a validator of a schema of a Google discovery document."""
        path = self.path(file)
        if path is None:
            return None
        schemas = json.loads(path.read_text())["schemas"]
        return validator(
            {"allOf": [{"$ref": f"#/$defs/{schema}"}, dict(also or {})], "$defs": _by_path(schemas)}
        )

    def json_schema(self, file: str) -> Validator | None:
        """Build a validator of a file that is a JSON Schema itself."""
        path = self.path(file)
        return None if path is None else validator(json.loads(path.read_text()))


def validator(schema: Mapping[str, object]) -> Validator:
    """Build a validator that gives `path: what is wrong` of the first misfits."""
    rules = jsonschema_rs.validator_for(dict(schema))

    def misfits(document: object) -> list[str]:
        found: list[str] = []
        for error in rules.iter_errors(document):
            found.append(f"{'/'.join(str(part) for part in error.instance_path) or '.'}: {error.message}")
            if len(found) == MISFITS_MAX:
                break
        return found

    return misfits


def with_nulls(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """Say OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(schema, list):
        return [with_nulls(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: with_nulls(part) for name, part in schema.items() if name not in {"nullable", "example"}}
    if schema.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _by_path(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """Write a discovery document's bare references (`Price`) as JSON pointers; drop its own words."""
    if isinstance(schema, list):
        return [_by_path(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _by_path(part) for name, part in schema.items() if name not in {"id", "enumDescriptions"}}
    reference = kept.get("$ref")
    if isinstance(reference, str):
        kept["$ref"] = f"#/$defs/{reference}"
    return kept
