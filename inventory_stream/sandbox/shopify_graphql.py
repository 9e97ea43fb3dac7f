"""Which documents and variables a fake Shopify takes: by the vendor's schema where it is there."""

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLError, GraphQLSchema, build_client_schema, parse, validate
from graphql.execution import get_variable_values
from graphql.language import DocumentNode, OperationDefinitionNode

from inventory_stream.sandbox.specs import Specs, validator

SCHEMA_FILE: Final = "shopify/admin_2026-10.json.gz"

QUANTITIES_MAX: Final = 250

# What the schema leaves open and the shop demands at run time (channels.md 1a and 2).
_INPUT: Final = validator(
    {
        "type": "object",
        "required": ["name", "reason", "quantities"],
        "additionalProperties": False,
        "properties": {
            "name": {"enum": ["available", "on_hand"]},
            "reason": {"type": "string", "minLength": 1},
            "referenceDocumentUri": {"type": "string", "pattern": "^gid://[^/]+/[^/]+/.+$"},
            "quantities": {
                "type": "array",
                "minItems": 1,
                "maxItems": QUANTITIES_MAX,
                "items": {
                    "type": "object",
                    "required": ["inventoryItemId", "locationId", "quantity", "changeFromQuantity"],
                    "additionalProperties": False,
                    "properties": {
                        "inventoryItemId": {
                            "type": "string",
                            "pattern": "^gid://shopify/InventoryItem/[0-9]+$",
                        },
                        "locationId": {"type": "string", "pattern": "^gid://shopify/Location/[0-9]+$"},
                        "quantity": {"type": "integer", "minimum": -1_000_000_000, "maximum": 1_000_000_000},
                        "changeFromQuantity": {"type": ["integer", "null"]},
                    },
                },
            },
        },
    }
)


class Documents:
    """Reads requests as Shopify does."""

    def __init__(self, specs: Specs) -> None:
        path = specs.path(SCHEMA_FILE)
        self.verified_by = SCHEMA_FILE if path is not None else None
        self._schema = schema_of(path) if path is not None else None

    def misfits(self, query: str, variables: dict[str, Any]) -> list[str]:
        """Say what is wrong with a document and its variables; empty: nothing.

        Without the vendor's schema a document is only parsed; the mutation's input is looked at either way.
        """
        try:
            document = parse(query)
        except GraphQLError as error:
            return [error.message]
        found = [] if self._schema is None else _misfits_of(self._schema, document, variables)
        if "inventorySetQuantities" in query:
            if "@idempotent" not in query:
                found.append("The @idempotent directive is required.")
            found += _INPUT(variables.get("input"))
        return found


def _misfits_of(schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> list[str]:
    if errors := validate(schema, document):
        return [error.message for error in errors]
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    values = get_variable_values(schema, operation.variable_definitions or [], variables)
    return [error.message for error in values] if isinstance(values, list) else []


@lru_cache(maxsize=1)
def schema_of(path: Path) -> GraphQLSchema:
    """Build the vendor's schema, once in a process: it takes a third of a second."""
    with gzip.open(path) as file:
        return build_client_schema(json.load(file)["data"], assume_valid=True)
