"""How much one GraphQL question may ask for, judged before anything is looked up."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    Visitor,
    value_from_ast_untyped,
    visit,
)
from strawberry.extensions import SchemaExtension

TOKENS_MAX: Final = 500
"""Words and signs of a question; a page of a shop asks with 100."""
DEPTH_MAX: Final = 6
"""Fields within fields: our own data has 3 levels, and introspection stays possible where it is allowed."""
ALIASES_MAX: Final = 20
"""Renamed fields: the same costly thing asked again and again under other names."""
SPREADS_MAX: Final = 16
"""Uses of fragments. Fragments that use each other twice double with each step, and the rules that come
after this one walk all of it: 16 uses make at most 256 visits."""
DIGITS_MAX: Final = 20
"""Of a whole number: an Int has 10 at most, and Python raises an error at more than 4,300."""
COST_MAX: Final = 1_000
"""Values in the answer, about: 8 us each, so that a question holds others up for some 10 ms at most."""
LIST_DEFAULT: Final = 10
"""Entries of a list of which the question does not say how many."""

_COUNTS: Final = frozenset({"first", "ids"})
"""Arguments that say how many entries a list has."""


@dataclass
class QuestionLimits(SchemaExtension):
    """Counts uses of fragments and what the answer would cost, before the rules of GraphQL are tried."""

    def on_validate(self) -> Iterator[None]:
        """Refuse what is too much."""
        document = self.execution_context.graphql_document
        if document is not None:
            check(document, self.execution_context.variables or {})
        yield


def check(document: DocumentNode, variables: Mapping[str, Any]) -> None:
    """Judge a question.

    Raises:
        GraphQLError: it uses too many fragments, a number is too long, or its answer would be too large.
    """
    words = _Words()
    visit(document, words)
    if words.spreads > SPREADS_MAX:
        raise GraphQLError(f"{words.spreads} uses of fragments; {SPREADS_MAX} are allowed.")
    fragments = {
        part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)
    }
    for part in document.definitions:
        if isinstance(part, OperationDefinitionNode):
            given = {**_defaults(part), **variables}
            cost = _cost(part.selection_set, fragments, given, frozenset())
            if cost > COST_MAX:
                raise GraphQLError(
                    f"The question costs {cost}; {COST_MAX} are allowed. A field costs 1, within a list 1 "
                    "for each entry: ask for fewer by `first` or `ids`."
                )


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Give what the variables are that the request leaves out."""
    return {
        part.variable.name.value: value_from_ast_untyped(part.default_value)
        for part in operation.variable_definitions or ()
        if part.default_value
    }


class _Words(Visitor):
    """Counts uses of fragments, and refuses numbers that nobody means."""

    def __init__(self) -> None:
        super().__init__()
        self.spreads = 0

    def enter_fragment_spread(self, *_: object) -> None:
        self.spreads += 1

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        if len(node.value) > DIGITS_MAX:
            raise GraphQLError(f"A number has {len(node.value)} digits; {DIGITS_MAX} are allowed.", node)


def _cost(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: dict[str, Any],
    inside: frozenset[str],
) -> int:
    cost = 0
    for selection in selections.selections if selections else ():
        if isinstance(selection, FieldNode):
            below = _cost(selection.selection_set, fragments, variables, inside)
            cost += 1 + below * _entries(selection, variables)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name in fragments and name not in inside:  # a circle is refused by GraphQL's own rules
                cost += _cost(fragments[name].selection_set, fragments, variables, inside | {name})
        else:
            cost += _cost(getattr(selection, "selection_set", None), fragments, variables, inside)
    return cost


def _entries(field: FieldNode, variables: dict[str, Any]) -> int:
    """Say how many times what is below a field comes in the answer."""
    counts = [argument for argument in field.arguments or () if argument.name.value in _COUNTS]
    if counts:
        return max(_number(argument.value, variables) for argument in counts)
    return LIST_DEFAULT if field.name.value in LISTS else 1


LISTS: Final = frozenset({"locations", "channels", "sales", "lines", "storesNearest"})
"""Fields that are lists without an argument that must be given."""


def _number(value: ValueNode, variables: dict[str, Any]) -> int:
    """Say how many entries the value of `first` or `ids` means, however it is given.

    As GraphQL takes it: a float without a fraction is an Int, a value alone a list of one. What is neither
    is refused after this, or is null where the field's default counts.
    """
    given = value_from_ast_untyped(value, variables)
    if isinstance(given, list):
        return len(given)
    if isinstance(given, str):
        return 1
    return int(min(max(0, given), sys.maxsize)) if isinstance(given, int | float) else LIST_DEFAULT
