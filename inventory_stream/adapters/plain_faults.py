"""What kept a connection from being made, in words of whoever has to mend it."""

import socket
from typing import Final

from inventory_stream.adapters.tls_faults import causes

_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (socket.gaierror, "no machine of that name is known"),
    (ConnectionRefusedError, "nobody listens there"),
    (ConnectionResetError, "it hung up"),
    (FileNotFoundError, "no such file"),
    (PermissionError, "not allowed to open it"),
    (TimeoutError, "no answer in time"),
)
"""The most telling first: libraries wrap several of them in each other."""


def plain_cause(error: BaseException) -> str:
    """Give the cause in plain words; the library's own name for it where there are none."""
    chain = list(causes(error))
    for kind, words in _WORDS:
        if any(isinstance(link, kind) for link in chain):
            return words
    return type(chain[min(1, len(chain) - 1)]).__name__
