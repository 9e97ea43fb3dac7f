"""Keys of the waiting rooms in Redis. They are the gateways' own, no contract with anybody else.

    waiting-rooms                   hash: sale id -> terms of its room, JSON of `ports.waiting_room.Room`
    waiting-room:{<sale>}:state     hash; there as long as the server kept its data
        opens_us, closes_ms         of the terms
        last_us                     arrival of the newest ticket
        admitted                    admissions so far
        hold_ms, restored_ms        nobody is let in before; when it was opened anew, 0 for never
        holder, holder_until_ms     who lets people in, and until when
    waiting-room:{<sale>}:waiting   sorted set: ticket id by its place
    waiting-room:{<sale>}:present   sorted set: those of them who are there, with the same places
    waiting-room:{<sale>}:seen      sorted set: ticket id by when its holder was last there, ms
    waiting-room:{<sale>}:admitted  sorted set: <ticket id>.<turn> by the end of the admission, ms
    waiting-room:{<sale>}:turns     hash: ticket id -> turns that are over, for those with any
    waiting-room:{<sale>}:bound     hash: <ticket id>.<turn> -> until when its reservation may be granted
                                    (ms; empty: not known), a blank, the reservation id
    waiting-room:{<sale>}:arrived   hash: ticket id -> arrival, us since the Unix epoch
    waiting-room:{<sale>}:owners    hash: word for a customer -> ticket id that a public key last took

A place is a number, smallest first: below 0 for those who came before the opening, their draw; else
the arrival. All keys but the first expire a day after the room's end.
"""

from typing import Final

from models.ids import encode_id

ROOMS: Final = "waiting-rooms"

_PARTS: Final = ("state", "waiting", "present", "seen", "admitted", "turns", "bound", "arrived", "owners")


def room_keys(sale_id: str) -> tuple[str, ...]:
    """Keys of one room, in the order in which the scripts take them."""
    return tuple(f"waiting-room:{{{encode_id(sale_id)}}}:{part}" for part in _PARTS)
