"""What schemathesis makes up is mostly refused as unknown: this gives good requests a SKU that is there.

Loaded by schemathesis itself (SCHEMATHESIS_HOOKS). A request that the document forbids stays as it is.
"""

from typing import Any, Final

import msgspec
import schemathesis

from inventory_stream.gateway.words.orders import OrderAsked
from inventory_stream.gateway.words.reservations import ReserveBody

_THERE: Final = {"sku": "SKU-1", "location": "STORE-7", "units": 1}
_ELSEWHERE: Final = ("group", "strategy", "path", "sale_id", "channel")


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:  # noqa: ANN401  # any JSON
    """Ask for what is there, in a reservation or an order that could be."""
    operation = context.operation
    if operation is None or operation.method.upper() != "POST":
        return body
    if operation.path == "/v1/reservations" and _is(body, ReserveBody):
        return _there(body)
    if operation.path == "/v1/orders" and _is(body, OrderAsked):
        return {key: value for key, value in body.items() if key != "channel"} | {
            "lines": [_there(line) for line in body["lines"]]
        }
    return body


def _is(body: object, kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.convert(body, kind)
    except msgspec.ValidationError:
        return False
    return True


def _there(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _ELSEWHERE} | _THERE
