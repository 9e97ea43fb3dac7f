"""What is not equal about every database here, in words that they share; docs/peers.md has the sentences."""

from typing import Final

DURABLE: Final = "disk before the answer (one broker: page cache)"
NO_COPIES: Final = "none"
MISSES: Final = "confirm, release, expiry, locations, history"
