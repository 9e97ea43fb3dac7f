import itertools
from pathlib import Path
from typing import Any

import pytest

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Caller, Reply, Scope
from inventory_stream.gateway.graphql.asked import Sources
from inventory_stream.gateway.graphql.endpoint import GraphqlRoutes
from inventory_stream.gateway.graphql.limits import COST_MAX, SPREADS_MAX
from inventory_stream.gateway.graphql.schema import new_schema
from inventory_stream.gateway.graphql.words import GraphqlAnswer, GraphqlBody
from inventory_stream.gateway.routes.sales import SaleRoutes
from inventory_stream.gateway.routes.stores import StoreRoutes
from models.commands import OpenPool, SetPlace, Sync
from tests.contract.fake_gateway import ANSWER_SECONDS, FakeGateway

NOW_MS = 1_700_000_000_000


class Shop:
    """A gateway that is asked by GraphQL."""

    def __init__(self, *, is_introspection_on: bool = False) -> None:
        self.gateway = gateway = FakeGateway()
        self.stores, shelf = StoreRoutes(gateway.shelf), gateway.shelf
        sales = SaleRoutes(Asking(gateway.desk, ANSWER_SECONDS), shelf, lambda: gateway.desk.now_ms)
        sources = Sources(shelf, nearest=self.stores.nearest, sales=sales.page, sale=sales.one)
        self.routes = GraphqlRoutes(sources, is_introspection_on=is_introspection_on)

    async def ask(self, query: str, **variables: object) -> GraphqlAnswer:
        """Ask one question."""
        call = Call(Caller("x", frozenset(Scope)), {}, None, GraphqlBody(query, variables), {})
        reply: Reply = await self.routes.ask(call)
        assert isinstance(reply.body, GraphqlAnswer)
        return reply.body

    async def refused(self, query: str, **variables: object) -> str:
        """Ask a question that cannot be, and give the reason."""
        answer = await self.ask(query, **variables)
        assert answer.data is None
        return str(answer.errors[0]["message"])


@pytest.fixture
def shop() -> Shop:
    """Give a shop with a SKU at two places, and a sale of it."""
    shop = Shop()
    desk = shop.gateway.desk
    for number, (location, units) in enumerate((("L1", 5), ("L2", 3))):
        desk.decide(Sync(id=f"s{number}", sku="A", location=location, on_hand=units, effective_at=NOW_MS))
        desk.decide(SetPlace(id=f"p{number}", location=location, latitude=50.0 + number, longitude=10.0))
    desk.decide(
        OpenPool(
            id="o",
            sale_id="S",
            sku="A",
            location="L1",
            units=2,
            starts_at=NOW_MS - 1,
            ends_at=NOW_MS + 60_000,
        )
    )
    return shop


async def test_one_question_reads_what_the_rest_reads_tell(shop: Shop) -> None:
    """Availability, stores and sales come in one answer, with the figures of the shelf."""
    answer = await shop.ask(
        """query($near: Float!) {
          sku(id: "A") { total isSoldOut isFresh available(location: "L2") inSale: available(sale: "S")
                         locations { name units } sales { name units } }
          skus(ids: ["A", "none"]) { id }
          storesNearest(sku: "A", lat: $near, lon: 10.0, first: 1) { location metres available }
          sales { id status unsold }
          sale(id: "S") { lines { sku location units } }
          none: sale(id: "none") { status }
        }""",
        near=51.0,
    )
    assert answer.errors == []
    assert answer.data == {
        "sku": {
            "total": 6,
            "isSoldOut": False,
            "isFresh": True,
            "available": 3,
            "inSale": 2,
            "locations": [{"name": "L1", "units": 3}, {"name": "L2", "units": 3}],
            "sales": [{"name": "S", "units": 2}],
        },
        "skus": [{"id": "A"}, None],
        "storesNearest": [{"location": "L2", "metres": 0, "available": 3}],
        "sales": [{"id": "S", "status": "open", "unsold": 2}],
        "sale": {"lines": [{"sku": "A", "location": "L1", "units": 2}]},
        "none": None,
    }


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("{ nothing }", "Cannot query field"),
        ("{", "Syntax Error"),
        ("type A { b: Int }", "no such query"),
        ("mutation { sku }", "mutation"),
        ("{ __schema { types { name } } }", "introspection"),
        ("{ " + "sku(id: 1) " * 200 + "}", "tokens"),
        ("{" + " ".join(f'a{n}: sku(id: "A") {{ id }}' for n in range(21)) + "}", "aliases"),
        ("{ a { b { c { d { e { f { g { h } } } } } } } }", "depth"),
        ("{ " + "...F " * (SPREADS_MAX + 1) + '} fragment F on Query { sku(id: "A") { id } }', "fragments"),
        ("{ sales(first: 1001) { id } }", str(COST_MAX)),
    ],
)
async def test_a_question_beyond_a_limit_is_refused(shop: Shop, query: str, says: str) -> None:
    """Each limit refuses before anything is looked up, and says which it is."""
    assert says in await shop.refused(query)


async def test_cost_counts_what_lists_hold_whether_written_or_in_variables(shop: Shop) -> None:
    """A list of ids costs each of its entries times what is asked of each."""
    query = "query($ids: [String!]!) { skus(ids: $ids) { id locations { name units } } }"
    assert (await shop.ask(query, ids=["A"] * 40)).errors == []
    assert "costs 1101" in await shop.refused(query, ids=["A"] * 50)
    assert "costs 1101" in await shop.refused(
        "{ skus(ids: [" + '"A",' * 50 + "]) { ...F } } fragment F on Sku { id locations { name units } }"
    )


HUNDRED = "[" + ", ".join(f'"SKU-{number}"' for number in range(100)) + "]"
LOCATIONS = "skus(ids: $ids) { locations(first: $n) { name units } }"
FRAGMENT = f"fragment F on Query {{ {LOCATIONS} }}"
OTHER = 'query Other { sku(id: "A") { id } }'
SKIPPED = f"skus(ids: {HUNDRED}) @include(if: $on) {{ locations {{ name }} }}"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 100) {{ {LOCATIONS} }}", {}),
        (f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 1) {{ {LOCATIONS} }}", {"n": 100}),
        (f"query($ids: [String!]! = [], $n: Int! = 100) {{ {LOCATIONS} }}", {"ids": ["A"] * 100}),
        (f"query($ids: [String!]! = {HUNDRED}, $n: Int = null) {{ {LOCATIONS} }}", {}),
        (f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 1e999) {{ {LOCATIONS} }}", {}),
        (f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 9) {{ ...F }} {FRAGMENT}", {}),
        (f"{OTHER} query($ids: [String!]! = {HUNDRED}, $n: Int! = 9) {{ {LOCATIONS} }}", {}),
        (f"query($on: Boolean! = false) {{ {SKIPPED} }}", {}),
        (f"query($ids: [String!]!, $n: Int!) {{ {LOCATIONS} }}", {"ids": ["A"] * 100, "n": 100.0}),
        ("query($a: String! = 1) { skus(ids: [" + "$a " * 60 + "]) { locations(first: 100) { name } } }", {}),
    ],
)
async def test_no_way_to_give_a_number_gets_past_the_cost(
    shop: Shop, query: str, variables: dict[str, object]
) -> None:
    """Defaults of variables, variables in lists and numbers written as floats count as what they are."""
    assert "The question costs" in await shop.refused(query, **variables)


async def test_one_costly_field_under_four_names_is_refused(shop: Shop) -> None:
    """A question without variables whose defaults ask for 80,000 values is refused."""
    fields = " ".join(f"a{number}: {LOCATIONS}" for number in range(1, 5))
    refusal = await shop.refused(f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 100) {{ {fields} }}")
    assert "costs 80404" in refusal


async def test_what_is_given_comes_before_the_default(shop: Shop) -> None:
    """A question whose defaults would cost too much is answered with variables that do not."""
    query = f"query($ids: [String!]! = {HUNDRED}, $n: Int! = 100) {{ {LOCATIONS} }}"
    assert (await shop.ask(query, ids=["A"], n=1)).errors == []


async def test_a_number_of_thousands_of_digits_is_refused(shop: Shop) -> None:
    """What Python would not read as a number is the question's fault, not the gateway's."""
    for query in ("{ sales(first: %s) { id } }", "query($n: Int! = %s) { sales(first: $n) { id } }"):
        assert "digits" in await shop.refused(query % ("9" * 5_000))


async def test_fragments_that_double_cost_no_time(shop: Shop) -> None:
    """Fragments that use each other twice, over and over, are refused before anything walks them."""
    names = [chr(ord("A") + number) for number in range(20)]
    parts = [f"fragment {one} on Query {{ ...{two} ...{two} }}" for one, two in itertools.pairwise(names)]
    assert "fragments" in await shop.refused("{ ...A } " + " ".join(parts))


async def test_a_circle_of_fragments_is_refused(shop: Shop) -> None:
    """A fragment that uses itself ends in a refusal, not in a loop."""
    assert "itself" in await shop.refused("{ ...A } fragment A on Query { ...A }")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ sku(id: "A") { available(location: "L1", sale: "S") } }', "invalid"),
        ('{ sku(id: "A") { locations(first: 0) { name } } }', "invalid"),
        ('{ sku(id: "") { id } }', "invalid"),
        ('{ storesNearest(sku: "A", lat: 91, lon: 0) { location } }', "invalid"),
        ('{ storesNearest(sku: "none", lat: 1, lon: 0) { location } }', "not-found"),
    ],
)
async def test_a_refusal_has_the_slug_of_its_problem(shop: Shop, query: str, code: str) -> None:
    """What a read refuses is told with the kind of problem that REST would answer."""
    (error,) = (await shop.ask(query)).errors
    assert error["extensions"] == {"code": code}


async def test_a_fault_of_ours_tells_nothing(shop: Shop) -> None:
    """A bug behind a field is told without its words."""

    def broken(_skus: object) -> Any:  # noqa: ANN401  # never returns
        raise RuntimeError("secret")

    shop.gateway.shelf.availability = broken  # type: ignore[method-assign, assignment]
    (error,) = (await shop.ask('{ sku(id: "A") { id } }')).errors
    assert "secret" not in str(error)


async def test_introspection_is_there_where_it_is_set() -> None:
    """With the setting on, the schema is told."""
    answer = await Shop(is_introspection_on=True).ask("{ __schema { queryType { name } } }")
    assert answer.data == {"__schema": {"queryType": {"name": "Query"}}}


def test_the_page_has_the_schema() -> None:
    """docs/http/graphql.md shows the schema as it is."""
    page = (Path(__file__).resolve().parents[4] / "docs/http/graphql.md").read_text()
    assert f"```graphql\n{new_schema(is_introspection_on=False).as_str()}\n```" in page
