"""The draw among those who are there before the opening: fixed beforehand, checked by anybody afterwards.

Before the opening the room shows the SHA-256 of the seed, after it the seed. A ticket's number is then
HMAC-SHA256(seed, ticket id); the smallest goes first. Nobody can choose a ticket id that wins, because it
comes from the customer's keyed hash, and the seed is not known before the opening.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from inventory_stream.ports.waiting_room import Room

# Redis keeps places as doubles, exact to 53 bits; 52 of them make two equal draws among 100,000 people
# less likely than 1 in 900,000, and then the ticket id decides.
_DRAW_BITS: Final = 52
DRAW_SPAN: Final = 1 << _DRAW_BITS

# 15 bytes are 20 characters without padding; two of 100,000 people share an id with 1 in 2**86.
_TICKET_ID_BYTES: Final = 15

# Of 20. Two of 100,000 people share so much with 1 in 2**39, and could then use each other's admissions.
_OWNER_CHARACTERS: Final = 12


def ticket_id(sale_id: str, customer: str) -> str:
    """Give the one ticket id of a customer (a keyed hash) in a sale's room, the same at every gateway."""
    digest = hashlib.blake2b(
        f"{sale_id}\0{customer}".encode(), digest_size=_TICKET_ID_BYTES, person=b"waiting-room"
    )
    return urlsafe_b64encode(digest.digest()).decode()


def owner_of(sale_id: str, customer: str) -> str:
    """Give the part of a customer's ticket ids that says whose they are: 9 bytes, 12 characters."""
    return ticket_id(sale_id, customer)[:_OWNER_CHARACTERS]


def shown_ticket_id(sale_id: str, customer: str, word: str) -> str:
    """Give a ticket id that only who knows `word` can ask for again; its end has 48 bits of the word.

    For callers who cannot prove whom they ask for. The seed is not known when a word is chosen.
    """
    digest = hashlib.blake2b(f"{customer}\0{word}".encode(), digest_size=6, person=b"waiting-room")
    return owner_of(sale_id, customer) + urlsafe_b64encode(digest.digest()).decode()


def seed(key: bytes, room: Room) -> bytes:
    """Give the 32 bytes that decide the draw; `key` is the one that `room.key_id` names.

    Every gateway computes it, so that it is not lost with any server.
    """
    words = f"waiting-room draw\0{room.sale_id}\0{room.opens_ms}\0{room.closes_ms}"
    return hmac.digest(key, words.encode(), "sha256")


def commitment(seed_bytes: bytes) -> str:
    """Give what is shown of a seed before the opening: its SHA-256 in hex."""
    return hashlib.sha256(seed_bytes).hexdigest()


def draw(seed_bytes: bytes, ticket: str) -> int:
    """Give a ticket's place among those who were there before the opening: below 0, smallest first."""
    digest = hmac.digest(seed_bytes, ticket.encode(), "sha256")
    return (int.from_bytes(digest[:8], "big") >> (64 - _DRAW_BITS)) - DRAW_SPAN
