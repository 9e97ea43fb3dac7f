"""Why a row of the file becomes no command: a closed list of reasons, each documented."""

from enum import StrEnum, unique
from typing import Final


@unique
class Reason(StrEnum):
    """Reason code of a refused row, as the report names it."""

    UNREADABLE = "unreadable"
    NO_RULE = "no_rule"
    NULL = "null"
    NOT_A_NUMBER = "not_a_number"
    FRACTIONAL = "fractional"
    OUT_OF_RANGE = "out_of_range"
    ID_EMPTY = "id_empty"
    ID_TOO_LONG = "id_too_long"
    CONTROL_CHARACTER = "control_character"
    BAD_TEXT = "bad_text"
    BAD_TIME = "bad_time"
    TIME_DOES_NOT_EXIST = "time_does_not_exist"
    BEFORE_OPENING = "before_opening"


EXPLANATIONS: Final[dict[Reason, str]] = {
    Reason.UNREADABLE: "the line is no CSV record with as many fields as the header, or no JSON object",
    Reason.NO_RULE: "no rule's condition is true",
    Reason.NULL: "a column that the rule needs has no value",
    Reason.NOT_A_NUMBER: "the value is not a decimal number",
    Reason.FRACTIONAL: "the quantity is not a whole number of units",
    Reason.OUT_OF_RANGE: "the number or time is outside of what the command allows",
    Reason.ID_EMPTY: "the identifier is the empty string",
    Reason.ID_TOO_LONG: "the identifier has more than 128 characters",
    Reason.CONTROL_CHARACTER: "the identifier holds a control character",
    Reason.BAD_TEXT: "the value is not valid Unicode text, or cannot be written as an identifier",
    Reason.BAD_TIME: "the value is not a time in the stated form",
    Reason.TIME_DOES_NOT_EXIST: "the clocks of the stated time zone skipped this time",
    Reason.BEFORE_OPENING: "effective at or before the opening stock, which would swallow it (R8)",
}
"""What each reason means, in the words of the documentation. All are there: a test compares."""


class RefusalError(Exception):
    """One row cannot become a command. Raised by a rule's parts, caught by the mapper."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """`detail` names the offending value, cut to a bearable length."""
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail[:200]
        self.field: str | None = None
