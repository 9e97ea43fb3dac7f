"""The reasons of dead letters, in families: a letter whose reason is in none of them is a finding."""

import re
from typing import Final

FAMILIES: Final[tuple[tuple[str, str], ...]] = (
    ("empty record", r"^empty record$"),
    ("record over 1 MiB", r"^record of \d+ bytes, at most \d+$"),
    ("pack of 0 or over 1,000", r"^pack of \d+ commands, 1 to \d+$"),
    ("not UTF-8", r"codec can't decode|[Ii]nvalid utf-8"),
    ("nested too deep", r"recursion depth"),
    ("not JSON", r"^JSON is malformed|^Input data was truncated|trailing characters|surrogate|unpaired"),
    ("type unknown in this topic", r"^Invalid value .* - at `\$(\[\.\.\.\]|\[\d+\])?(\.type|\[0\])?`$"),
    ("field missing", r"^Object missing required field|^Expected `array` of (at least )?length \d+(, got|$)"),
    ("field unknown", r"^Object contains unknown field|^Expected `array` of at most length"),
    ("too small", r"^Expected `(int|float|int \| \w+)` >= "),
    ("too large", r"^Expected `(int|float|int \| \w+)` <= |^Integer value out of range|^Number out of range"),
    ("identifier empty or over 128 characters", r"^Expected `str` of length [<>]="),
    ("list empty or too long", r"^Expected `array` of length [<>]=|^Expected `array` of at (least|most)"),
    ("time not RFC 3339 with its offset", r"RFC3339|with a timezone"),
    ("no such choice", r"^Invalid enum value"),
    ("another kind of value", r"^Expected `"),
    ("control character", r"^control character in `\w+`$"),
    ("adjust by 0", r"^adjust by 0"),
    ("0 units that are not final", r"of 0 units that is not final"),
    ("neither location nor group", r"neither a location nor a group|no location and no known group"),
    ("both location and group", r"both a location and a group"),
    ("path unknown", r"^path '.*' is none of"),
    ("from a location to itself", r"from a location to itself"),
    ("location twice", r"names a location twice"),
    ("no such time zone", r"is no IANA time zone"),
    ("orders_through without nets_orders", r"orders_through without nets_orders"),
    ("sale ends before it starts", r"^open_pool ends before it starts"),
    ("set aside after the sale starts", r"^open_pool sets units aside only after"),
)
"""What a letter may say: its name in docs/bad-input.md, and how the reason reads."""

_COMPILED: Final = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in FAMILIES)


def family_of(reason: str) -> str:
    """Name the family of a reason.

    Raises:
        AssertionError: it is in none.
    """
    for name, pattern in _COMPILED:
        if pattern.search(reason):
            return name
    raise AssertionError(f"a dead letter says {reason!r}, which is no reason that docs/bad-input.md knows")
