"""Rows to commands, or to remarks that say why not. Pure: equal rows give equal results."""

from collections.abc import Mapping
from typing import NamedTuple

from inventory_stream.replay.compile import CommandRule, CompiledMapping, SkipRule
from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import Chunk, Row, Unreadable
from models.commands import Command


class Remark(NamedTuple):
    """Why a row became no command.

    `skipped` says that a rule left it out on purpose; otherwise it was refused and `reason` is a
    `Reason`. `listed` False: counted only. `data` is the whole row.
    """

    row: int
    skipped: bool
    reason: str
    listed: bool
    rule: str | None = None
    field: str | None = None
    detail: str = ""
    lines: tuple[int, int] | None = None
    data: Mapping[str, object] | None = None


class Mapper:
    """Applies a compiled mapping: the first rule whose condition is true decides."""

    def __init__(self, mapping: CompiledMapping) -> None:
        """Keep the rules."""
        self._rules = mapping.rules

    def map_chunk(self, chunk: Chunk) -> list[Command | Remark]:
        """Give a command or a remark for each row of the chunk, in order."""
        rules = self._rules
        results: list[Command | Remark] = []
        for number, row in enumerate(chunk.rows, chunk.first_row):
            rule: CommandRule | SkipRule | None = None
            if row.__class__ is Unreadable:
                results.append(_unreadable(number, row))
                continue
            try:
                for rule in rules:
                    if rule.when is None or rule.when(row):  # type: ignore[arg-type]  # no Unreadable here
                        break
                else:
                    rule = None
                    results.append(_refused(number, chunk, Reason.NO_RULE, None, None, ""))
                    continue
                if isinstance(rule, CommandRule):
                    results.append(rule.build(row, number))  # type: ignore[arg-type]  # no Unreadable here
                else:
                    results.append(_skipped(number, chunk, rule))
            except RefusalError as refusal:
                results.append(self._explain(number, chunk, rule, refusal))
        return results

    @staticmethod
    def _explain(
        number: int, chunk: Chunk, rule: CommandRule | SkipRule | None, refusal: RefusalError
    ) -> Remark:
        """Find the field that refused: the happy path keeps no track of it, for speed."""
        row = chunk.rows[number - chunk.first_row]
        field = "when"
        if isinstance(rule, CommandRule) and not isinstance(row, Unreadable):
            field = _refusing_field(rule, row, number) or field
        name = rule.name if rule is not None else None
        return _refused(number, chunk, refusal.reason, name, field, refusal.detail)


def _refusing_field(rule: CommandRule, row: Row, number: int) -> str | None:
    try:
        if rule.when is not None:
            rule.when(row)
    except RefusalError:
        return None
    for name, read in rule.readers:
        try:
            read(row, number)
        except RefusalError:
            return name
    return None


def _unreadable(number: int, row: object) -> Remark:
    assert isinstance(row, Unreadable)  # noqa: S101  # narrows the type; the caller looked
    return Remark(
        row=number,
        skipped=False,
        reason=Reason.UNREADABLE,
        listed=True,
        detail=row.detail,
        lines=(row.first_line, row.last_line),
    )


def _refused(
    number: int, chunk: Chunk, reason: Reason, rule: str | None, field: str | None, detail: str
) -> Remark:
    data = chunk.describe(number - chunk.first_row)
    return Remark(
        row=number,
        skipped=False,
        reason=reason,
        listed=True,
        rule=rule,
        field=field,
        detail=detail,
        data=data,
    )


def _skipped(number: int, chunk: Chunk, rule: SkipRule) -> Remark:
    data = chunk.describe(number - chunk.first_row) if rule.list_rows else None
    return Remark(
        row=number, skipped=True, reason=rule.reason, listed=rule.list_rows, rule=rule.name, data=data
    )
