"""The Redis contract with storefronts: every key, field and message, in one place.

    atp:{<sku>}                       hash; the SKU is percent-encoded by models.ids.encode_id
        total                         sum of all loc: fields: what all locations together can sell
        loc:<location>                max(0, ATP) of the location, its id as it is
        short                         sum of all short: fields (R5)
        short:<location>              units promised beyond stock there; only while not zero
        v                             <generation>:<offset> of the newest position row of the SKU
        at                            record time of that row, ms since the Unix epoch
        partition                     of the ledger: names the heartbeat that speaks for this SKU
        ch:<channel>                  what a channel is shown (R25): those with a policy or a ring-fence
        sale:<id>                     unsold units of a sale's pools, until they are closed
        backorder                     units that may be promised before they are there; while not zero
        beside                        what only pools, ring-fences and backorder can sell; while not zero
        paths                         offset of the newest row behind these four: for the guard script
    soldout                           set of SKUs (as they are) of which no path can sell a unit
    atp (channel)                     JSON {"sku", "total", "v", "at"}, after each write
    projection:heartbeat:<partition>  expires after 2 s; there only while the partition is fresh
    projection:marker                 <random id>@<cluster id>/<ledger topic>: whose data this is
    projection:checkpoint:<partition> how far the partition is in the view, see `Checkpoint`
    projection:skus:<partition>       set of the SKUs that this partition brought here

Numbers are plain integers in decimal text. A SKU is absent until all its locations are known.
"""

from typing import Final

from models.ids import decode_id, encode_id

SOLD_OUT: Final = "soldout"
CHANNEL: Final = "atp"
MARKER: Final = "projection:marker"

LOCATION_FIELD_PREFIX: Final = "loc:"
CHANNEL_FIELD_PREFIX: Final = "ch:"
SALE_FIELD_PREFIX: Final = "sale:"
BACKORDER: Final = "backorder"
BESIDE: Final = "beside"
PATHS: Final = "paths"

SKU_KEYS: Final = "atp:{*}"
"""Pattern of the keys of all hashes."""


def sku_key(sku: str) -> str:
    """Key of a SKU's hash; the braces keep all keys of one SKU in one cluster slot."""
    return f"atp:{{{encode_id(sku)}}}"


def sku_of(key: str) -> str:
    """Undo `sku_key`."""
    return decode_id(key[len("atp:{") : -1])


def heartbeat_key(partition: int) -> str:
    """Key of a partition's heartbeat."""
    return f"projection:heartbeat:{partition}"


def checkpoint_key(partition: int) -> str:
    """Key of a partition's checkpoint."""
    return f"projection:checkpoint:{partition}"


def skus_key(partition: int) -> str:
    """Key of the set of SKUs that a partition brought here."""
    return f"projection:skus:{partition}"
