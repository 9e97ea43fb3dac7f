"""What a reader asks to follow, checked."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from inventory_stream.gateway.live.frames import Topic
from inventory_stream.gateway.live.limits import READER_SKUS_MAX
from inventory_stream.gateway.problems import Problem
from models.ids import ID_CHARACTERS_MAX, Id

SkuList = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=READER_SKUS_MAX * (ID_CHARACTERS_MAX + 1),
        description=f"SKUs with commas between, {READER_SKUS_MAX} at most",
        examples=["SKU-1,SKU-2"],
    ),
]


class LiveQuery(Struct, forbid_unknown_fields=True):
    """What to follow: some SKUs, as everybody sees them or as a channel is shown them."""

    skus: SkuList
    channel: Annotated[Id, Meta(description="show what this channel is shown (R25)")] | None = None


def topics(skus: Sequence[str], channel: str | None) -> list[Topic]:
    """Give the topics of a list of SKUs, each once.

    Raises:
        Problem: malformed: none, too many, or one that is no id.
    """
    wanted = list(dict.fromkeys(skus))
    if not 1 <= len(wanted) <= READER_SKUS_MAX:
        raise Problem("malformed", f"name 1 to {READER_SKUS_MAX} SKUs to follow, not {len(wanted)}")
    if not all(1 <= len(sku) <= ID_CHARACTERS_MAX for sku in wanted):
        raise Problem("malformed", f"a SKU has 1 to {ID_CHARACTERS_MAX} characters")
    return [Topic(sku, channel) for sku in wanted]
