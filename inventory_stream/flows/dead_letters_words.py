"""What a letter's reason means, and how to mend what it is about."""

import re
from typing import Final

from models.commands import ORDER_COMMANDS, STOCK_COMMANDS, type_name

_ADVICE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (
            r"COMMAND_ID_REUSED",
            (
                "another command with this id was decided, with other content, and stays decided. If this "
                "one is meant as well, give it an id of its own: --set id=..."
            ),
        ),
        (
            r"unknown field",
            (
                "the field is not of this version (R6: lots, kits and measures are not guessed). Replay it "
                "after the upgrade that knows it, or leave the field out with --edit FILE"
            ),
        ),
        (
            r"\$(\[\.\.\.\])?\.type`",
            (
                "this topic has no such command: an order command belongs to order-events, a stock command "
                "to stock-events; a newer type waits for the upgrade that knows it; else --set type=..."
            ),
        ),
        (r"missing required field", "add the field: --set name=value"),
        (r"[Ii]nvalid value|Expected|timezone|RFC3339", "give the field a value that fits: --set name=value"),
        (
            r"control character",
            "identifiers hold no control characters: mend the producer, and this one with --set name=value",
        ),
        (
            r"^empty record",
            "nothing was in it: nothing can be replayed. Mend the producer, and take the letter out",
        ),
        (
            r"^record of|^pack of",
            "a record has at most 1 MiB and a pack at most 1,000 commands: send it anew in smaller ones",
        ),
        (r"neither a location nor a group|no location and no known group", "name one: --set location=..."),
        (r"both a location and a group", "leave one of the two out with --edit FILE"),
        (r"path '.*' is unknown", "this version sells from 'common': --set path=common"),
        (r"adjust by 0", "an adjust of nothing is a mistake of the producer: take the letter out"),
        (r"[Jj]SON|malformed|trailing|truncated|UTF-8|utf-8", "it is no JSON: mend it with --edit FILE"),
    )
)

_NUMBERS: Final = re.compile(r"\d+")

_TYPES: Final = tuple(type_name(command) for command in (*STOCK_COMMANDS, *ORDER_COMMANDS))


def how_to_mend(reason: str) -> str:
    """Give the way out of a letter with this reason."""
    for pattern, advice in _ADVICE:
        if pattern.search(reason):
            return advice
    return f"mend it with --set name=value or --edit FILE; commands are: {', '.join(_TYPES)}"


def kind_of(reason: str) -> str:
    """Give a reason without its numbers, so that letters with the same fault count together."""
    return _NUMBERS.sub("N", reason)
