"""What the shelf holds of one partition beside its SKUs: how far it is, and what is stated for any SKU."""

from typing import Final

from models.rows import ChannelPolicyRow, LocationGroupRow, PlaceRow, Row, TimeZoneRow


class PartitionShelf:
    """How far one partition was taken, and what was stated in it for all SKUs.

    `offset` is that of the newest row taken, of any kind. `policy_offset` is that of the newest row of a
    policy for any SKU, `policy_ms` a record time not before it: what all SKUs of the partition show is at
    least as new.
    """

    __slots__ = (
        "_policies",
        "generation_ms",
        "groups",
        "offset",
        "places",
        "policies",
        "policy_ms",
        "policy_offset",
        "zones",
    )

    def __init__(self, generation_ms: int) -> None:
        self.generation_ms = generation_ms
        self.offset: int = -1
        self.policy_offset: int = -1
        self.policy_ms: int = 0
        self._policies: Final[dict[bytes, ChannelPolicyRow]] = {}
        self.policies: tuple[ChannelPolicyRow, ...] = ()
        self.groups: Final[dict[bytes, LocationGroupRow]] = {}
        self.places: Final[dict[bytes, PlaceRow]] = {}
        self.zones: Final[dict[bytes, TimeZoneRow]] = {}

    def put(self, key: bytes, row: Row | None, offset: int) -> bool:
        """Keep what is stated for all under a row key, None takes it away.

        Says whether SKUs may show other units now.
        """
        if isinstance(row, LocationGroupRow):
            self.groups[key] = row
        elif isinstance(row, PlaceRow):
            self.places[key] = row
        elif isinstance(row, TimeZoneRow):
            self.zones[key] = row
        elif isinstance(row, ChannelPolicyRow):
            self._policies[key] = row
            self._policies_changed(offset)
            return True
        else:
            self.groups.pop(key, None)
            self.places.pop(key, None)
            self.zones.pop(key, None)
            if self._policies.pop(key, None) is not None:
                self._policies_changed(offset)
                return True
        return False

    def _policies_changed(self, offset: int) -> None:
        self.policies = tuple(self._policies.values())
        self.policy_offset = offset
