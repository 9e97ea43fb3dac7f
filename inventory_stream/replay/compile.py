"""From a mapping and the columns of a file to rules that turn rows into commands."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from inventory_stream.replay.clock_times import epoch_ms
from inventory_stream.replay.columns import ColumnTable
from inventory_stream.replay.errors import MappingError
from inventory_stream.replay.expressions import Condition, ExpressionError, compile_condition
from inventory_stream.replay.fields import FieldContext, FieldReader, compile_field, field_infos
from inventory_stream.replay.mapping_file import SKIP, FieldTable, MappingSource, Rule, Scalar
from inventory_stream.replay.rows import Row, RowSource
from models.commands import ORDER_COMMANDS, STOCK_COMMANDS, Command, RecordOrder, Reserve, type_name

COMMANDS: Final[dict[str, type[Command]]] = {
    type_name(command): command for command in (*STOCK_COMMANDS, *ORDER_COMMANDS)
}
"""The words that a rule's `command` may be, besides `skip`."""


@dataclass(frozen=True, slots=True)
class CommandRule:
    """A rule that makes commands. `readers` are its fields in the order of the constructor."""

    name: str
    when: Condition | None
    build: Callable[[Row, int], Command]
    readers: tuple[tuple[str, FieldReader], ...]


@dataclass(frozen=True, slots=True)
class SkipRule:
    """A rule that leaves rows out, for a named reason; `list_rows` False: counted only."""

    name: str
    when: Condition | None
    reason: str
    list_rows: bool


@dataclass(frozen=True, slots=True)
class OpeningRule:
    """How many units every SKU and location of the file starts with, and when."""

    on_hand: int
    effective_at_ms: int
    source: str | None


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping made for one file. `columns` are the ones that its rows must bring, in order."""

    rules: tuple[CommandRule | SkipRule, ...]
    columns: tuple[str, ...]
    opening: OpeningRule | None


def compile_mapping(mapping: MappingSource, source: RowSource, file_id: str) -> CompiledMapping:
    """Make a mapping ready for a file.

    Args:
        mapping: As read from its file.
        source: The rows; only its columns are looked at.
        file_id: What `{file}` stands for.

    Raises:
        MappingError: a line for each rule that does not fit the commands or the columns.
    """
    content = mapping.mapping
    opening = None
    if content.opening is not None:
        opening = OpeningRule(
            content.opening.on_hand, epoch_ms(content.opening.effective_at), content.opening.source
        )
    context = FieldContext(
        columns=ColumnTable(source),
        file_id=file_id,
        time=content.time,
        opening_ms=opening.effective_at_ms if opening else None,
    )
    rules: list[CommandRule | SkipRule] = []
    faults = _unused_defaults(mapping)
    for rule in content.rules:
        try:
            rules.append(_rule(mapping, rule, context))
        except MappingError as error:
            faults.append(str(error))
    faults += _unreachable(mapping)
    if faults:
        raise MappingError("\n".join(faults))
    return CompiledMapping(tuple(rules), context.columns.wanted, opening)


def _rule(mapping: MappingSource, rule: Rule, context: FieldContext) -> CommandRule | SkipRule:
    try:
        when = None if rule.when is None else compile_condition(rule.when, context.columns)
    except ExpressionError as error:
        raise mapping.error(str(error), rule=rule.name, field="when") from None
    if rule.command == SKIP:
        return _skip_rule(mapping, rule, when)
    command = COMMANDS.get(rule.command)
    if command is None:
        raise mapping.error(
            f"no command {rule.command!r}; there are {', '.join(sorted(COMMANDS))} and {SKIP}",
            rule=rule.name,
            field="command",
        )
    readers = _readers(mapping, rule, command, context)

    def build(
        row: Row, number: int, _readers: tuple[FieldReader, ...] = tuple(r for _, r in readers)
    ) -> Command:
        return command(*[read(row, number) for read in _readers])  # type: ignore[arg-type]  # each checked its field

    return CommandRule(rule.name, when, build, readers)


def _skip_rule(mapping: MappingSource, rule: Rule, when: Condition | None) -> SkipRule:
    reason = rule.fields.get("reason")
    if not isinstance(reason, str) or not reason:
        raise mapping.error("a rule that skips rows needs a `reason`, for the report", rule=rule.name)
    for name in rule.fields:
        if name != "reason":
            raise mapping.error(
                "a rule that skips rows has no such field; remove it", rule=rule.name, field=name
            )
    return SkipRule(rule.name, when, reason, rule.list_rows)


def _readers(
    mapping: MappingSource, rule: Rule, command: type[Command], context: FieldContext
) -> tuple[tuple[str, FieldReader], ...]:
    infos = field_infos(command)
    known = [info.name for info in infos]
    for name in rule.fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise mapping.error(f"{rule.command} has no such field; {hint}", rule=rule.name, field=name)
    written = {**mapping.mapping.defaults, **rule.fields}
    if command in (Reserve, RecordOrder) and ("location" in written) == ("group" in written):
        raise mapping.error(f"{rule.command} needs either `location` or `group`", rule=rule.name)
    last = max(at for at, name in enumerate(known) if name in written or infos[at].required)
    readers: list[tuple[str, FieldReader]] = []
    for info in infos[: last + 1]:
        if info.name in written:
            readers.append(
                (info.name, _reader(mapping, rule, info.name, written[info.name], context, command))
            )
        elif info.required:
            raise mapping.error(f"{rule.command} needs the field {info.name!r}; add it", rule=rule.name)
        else:
            readers.append((info.name, _constant(info.default)))
    return tuple(readers)


def _reader(
    mapping: MappingSource,
    rule: Rule,
    name: str,
    written: Scalar | list[str] | FieldTable,
    context: FieldContext,
    command: type[Command],
) -> FieldReader:
    info = next(info for info in field_infos(command) if info.name == name)
    try:
        return compile_field(info, written, context)
    except ExpressionError as error:
        if name in rule.fields:
            raise mapping.error(str(error), rule=rule.name, field=name) from None
        raise mapping.error(f"for rule {rule.name!r}: {error}", field=f"defaults.{name}") from None


def _constant(value: object) -> FieldReader:
    return lambda _row, _number: value


def _unused_defaults(mapping: MappingSource) -> list[str]:
    used = {
        info.name
        for rule in mapping.mapping.rules
        if (command := COMMANDS.get(rule.command)) is not None
        for info in field_infos(command)
    }
    return [
        str(mapping.error("no rule's command has such a field; remove it", field=f"defaults.{name}"))
        for name in mapping.mapping.defaults
        if name not in used
    ]


def _unreachable(mapping: MappingSource) -> list[str]:
    """Name the rules after one without a condition: the first match wins, so they never apply."""
    rules = mapping.mapping.rules
    for at, rule in enumerate(rules[:-1]):
        if rule.when is None:
            message = (
                f"comes after rule {rule.name!r}, which has no `when` and so takes every row; move it up"
            )
            return [str(mapping.error(message, rule=later.name)) for later in rules[at + 1 :]]
    return []
