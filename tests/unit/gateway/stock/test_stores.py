"""The nearest stores that have a SKU."""

import pytest

from inventory_stream.gateway.routes.stores import metres
from tests.unit.gateway.stock.shop import Shop

BERLIN, HAMBURG, MUNICH = (52.52, 13.405), (53.551, 9.994), (48.137, 11.575)


async def place(shop: Shop, name: str, at: tuple[float, float], units: int, **what: bool) -> None:
    """Open a store with units of A."""
    await shop.stock("A", name, units)
    await shop.ask("PUT", f"/v1/places/{name}", {"latitude": at[0], "longitude": at[1], **what})


async def test_the_nearest_that_has_the_units_comes_first(shop: Shop) -> None:
    """By distance from the point, without stores that are short of units or do not offer the service."""
    await place(shop, "berlin", BERLIN, 2)
    await place(shop, "hamburg", HAMBURG, 5, pickup=False)
    await place(shop, "munich", MUNICH, 9, ships=False)
    await shop.stock("A", "nowhere", 9)
    near = f"/v1/stores/nearest?lat={BERLIN[0]}&lon={BERLIN[1]}&sku=A"

    async def names(more: str = "") -> list[str]:
        return [store["location"] for store in (await shop.ask("GET", near + more)).body["stores"]]

    assert await names() == ["berlin", "munich"]
    assert await names("&service=ship_from_store") == ["berlin", "hamburg"]
    assert await names("&units=3") == ["munich"]
    assert await names("&limit=1") == ["berlin"]
    assert (await shop.ask("GET", near.replace("sku=A", "sku=X"))).status == 404
    assert (await shop.ask("GET", near + "&limit=101")).status == 400
    assert (await shop.ask("GET", near.replace("52.52", "nan"))).status == 400
    first = (await shop.ask("GET", near)).body["stores"][0]
    assert (first["metres"], first["available"], first["latitude"]) == (0, 2, 52.52)


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (BERLIN, HAMBURG, 255),
        (BERLIN, MUNICH, 504),
        ((0, 179.9), (0, -179.9), 22),
        ((90, 0), (-90, 0), 20_015),
    ],
)
def test_distances_are_those_of_the_globe(
    one: tuple[float, float], other: tuple[float, float], kilometres: int
) -> None:
    """Within a kilometre of published great-circle distances, over the date line and pole to pole."""
    assert metres(*one, *other) / 1_000 == pytest.approx(kilometres, abs=1)
