"""What every text of a request keeps to, beyond its own type."""

from typing import Any, Final

TEXT_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""No control characters: `gateway/decode.py` refuses them in any text, as no row could hold them."""


def printable(schema: Any) -> Any:  # noqa: ANN401  # any JSON Schema
    """Say of each text in a schema that it has no control characters, where it has no pattern of its own."""
    if isinstance(schema, list):
        return [printable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    said = {key: printable(part) for key, part in schema.items() if key != "default"}
    if "default" in schema:
        said["default"] = schema["default"]
    if schema.get("type") == "string" and not said.keys() & {"pattern", "format", "enum", "const"}:
        said["pattern"] = TEXT_PATTERN
    return said
