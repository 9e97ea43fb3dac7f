"""What is not equal about every database here, in words that they share."""

from typing import Final

DURABLE: Final = "on disk before the answer: more than the one broker here, which answers from page cache"
NO_COPIES: Final = "none; the ledger's topic is made for three copies"
MISSES: Final = "confirm, release, expiry, locations, history; outcomes pile up"
