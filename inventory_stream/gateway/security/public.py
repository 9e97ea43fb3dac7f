"""What callers may whose key or token is in the hands of shoppers (`Caller.is_public`).

Such a caller says what shoppers want, not what the shop knows: it may hold a few units for a while, hold them
longer and let them go. That something is paid, or off, only the shop's own server says. Which writes are open
is told by `Endpoint.is_public`; everything else here bounds what is asked through those.
"""

from typing import Final, NamedTuple

from inventory_stream.gateway.endpoint import Caller
from inventory_stream.gateway.problems import Problem
from models.paths import CHANNEL


class PublicBounds(NamedTuple):
    """Most that one request of a public caller may hold; see `GatewaySecuritySettings`."""

    units_max: int = 10
    ttl_seconds_max: int = 900

    def check_units(self, units: int, path: str) -> None:
        """See that a reservation is one of a shopper.

        Raises:
            Problem: `not-allowed`.
        """
        if units > self.units_max:
            raise Problem(
                "not-allowed",
                f"with a public key a reservation has at most {self.units_max} units "
                "(gateway.public_units_max): ask for fewer, or through the shop's own server",
                members={"units_max": self.units_max},
            )
        if path.startswith(CHANNEL):
            raise Problem(
                "not-allowed",
                "units set aside for a channel are not given to a public key: leave `path` out, name a sale, "
                "or ask through the shop's own server",
            )

    def check_ttl(self, ttl_seconds: int) -> None:
        """See that nothing is held for long at once.

        Raises:
            Problem: `not-allowed`.
        """
        if ttl_seconds > self.ttl_seconds_max:
            raise Problem(
                "not-allowed",
                f"with a public key units are held for at most {self.ttl_seconds_max} s at once "
                "(gateway.public_ttl_seconds_max): ask for less and extend while the shopper is there",
                members={"ttl_seconds_max": self.ttl_seconds_max},
            )


PUBLIC_BOUNDS: Final = PublicBounds()
"""The defaults of the settings."""


def not_for_public(summary: str) -> Problem:
    """Refuse what only the shop itself may; `summary` says what it is."""
    return Problem(
        "not-allowed",
        f"a public key may not do this ({summary}), as every shopper has it: send it from the shop's own "
        "server, with a key that is not public",
    )


def customer_of(caller: Caller, named: str | None) -> str | None:
    """Give the customer for whom a request is: its caller's own, where the caller is one.

    Raises:
        Problem: `not-allowed`: it names another.
    """
    if caller.customer is None:
        return named
    if named not in {None, caller.customer}:
        raise Problem(
            "not-allowed", "the token is of another customer: leave `customer` out, or name the token's `sub`"
        )
    return caller.customer
