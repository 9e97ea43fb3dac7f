import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator

from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.openapi.document import document
from inventory_stream.gateway.openapi.examples import EXAMPLES
from inventory_stream.gateway.openapi.headers import ANSWER_HEADERS
from inventory_stream.gateway.problems import KINDS
from inventory_stream.gateway.routes.pages import PageRoutes
from inventory_stream.gateway.security.browsers import EXPOSED
from tests.contract.fake_gateway import FakeGateway

GATEWAY = FakeGateway()
DOCUMENT = document(GATEWAY.endpoints)
PAGE = Path("docs/http/openapi.json")


def test_the_committed_document_is_current() -> None:
    """docs/http/openapi.json is what the gateway serves; `python -m tests.contract.openapi_page` writes."""
    assert json.loads(PAGE.read_text()) == json.loads(json.dumps(DOCUMENT))


def test_a_page_of_another_origin_may_read_every_header_of_an_answer() -> None:
    """What CORS exposes is what the document promises; browsers give Cache-Control to every page anyway."""
    assert set(EXPOSED.split(", ")) == ANSWER_HEADERS.keys() - {"Cache-Control"}


def test_every_endpoint_and_every_reference_is_there() -> None:
    """The document leaves no endpoint out, and points at nothing that it does not have."""
    for endpoint in GATEWAY.endpoints:
        assert endpoint.method.lower() in DOCUMENT["paths"][endpoint.path]
    for reference in set(_references(DOCUMENT)):
        part: Any = DOCUMENT
        for word in reference.removeprefix("#/").split("/"):
            part = part[word]


def test_operations_have_names_of_their_own() -> None:
    """No two operations share an id: generated clients make functions of them."""
    ids = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_problems_are_told_by_status_with_their_kinds() -> None:
    """A refusal of an endpoint stands in the document under its status, with every kind that it may be."""
    name = DOCUMENT["paths"]["/v1/reservations"]["post"]["responses"]["409"]["$ref"].rpartition("/")[2]
    refused = DOCUMENT["components"]["responses"][name]
    kinds = refused["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["type"]["enum"]
    assert "/problems/sold-out" in kinds
    assert all(KINDS[kind.removeprefix("/problems/")].status == 409 for kind in kinds)


@pytest.mark.parametrize("body", [endpoint.body for endpoint in GATEWAY.endpoints if endpoint.body])
def test_every_body_has_an_example_that_works(body: type[msgspec.Struct]) -> None:
    """Each body is shown by an example that the gateway's decoder and the document's schema both take."""
    example = EXAMPLES[body]
    msgspec.json.decode(msgspec.json.encode(example), type=body)
    schema = {"$ref": f"#/components/schemas/{body.__name__}", "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(example)


async def test_the_document_is_served_with_a_tag() -> None:
    """/openapi.json answers the document, and 304 to whoever has it."""
    async with TestClient(TestServer(new_app((), PageRoutes(GATEWAY.endpoints).routes()))) as client:
        async with client.get("/openapi.json") as answer:
            assert await answer.json() == json.loads(json.dumps(DOCUMENT))
            tag = answer.headers["ETag"]
        async with client.get("/openapi.json", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        async with client.get("/openapi.json", headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_the_reader_loads_nothing_from_outside() -> None:
    """/docs names only files of the gateway, each of which is there, and its policy allows no other."""
    async with TestClient(TestServer(new_app((), PageRoutes(()).routes()))) as client:
        async with client.get("/docs") as answer:
            page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert "://" not in page
        assert policy.startswith("default-src 'self'")
        for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js", "favicon-32x32.png"):
            assert f"/docs/{name}" in page
            async with client.get(f"/docs/{name}") as answer:
                assert answer.status == 200
        for name in ("swagger-ui.js", "..%2F__init__.py"):
            async with client.get(f"/docs/{name}") as answer:
                assert answer.status == 404


async def test_every_kind_of_problem_has_a_page() -> None:
    """The `type` of a problem is the address of a page about it."""
    async with TestClient(TestServer(new_app((), PageRoutes(()).routes()))) as client:
        for slug, kind in KINDS.items():
            async with client.get(f"/problems/{slug}") as answer:
                assert answer.status == 200
                assert str(kind.status) in await answer.text()
        async with client.get("/problems/%3Cscript%3E") as answer:
            assert answer.status == 404
        async with client.get("/problems/") as answer:
            assert "sold-out" in await answer.text()


def _references(part: Any) -> list[str]:  # noqa: ANN401  # any JSON
    if isinstance(part, dict):
        found = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return found + [one for value in part.values() for one in _references(value)]
    return [one for value in part for one in _references(value)] if isinstance(part, list) else []
