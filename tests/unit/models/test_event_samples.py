"""Events as version 1 publishes them: consumers that were built on these bytes go on to work."""

import json
from typing import Final

import msgspec
import pytest

from models.events import (
    AvailabilityChanged,
    ExceptionRaised,
    encode_event,
    sequence_of,
)

AVAILABILITY: Final = (
    b'{"id":"1700000000000:42","source":"/inventory-stream/ledger/3","type":"inventory_stream.availability_changed",'
    b'"subject":"S/1","time":"2023-11-14T22:13:20.002+00:00",'
    b'"dataschema":"urn:inventory-stream:contracts:1:availability-changed","partitionkey":"S/1",'
    b'"sequence":"001700000000000-0000000000000000042","specversion":"1.0","datacontenttype":"application/json",'
    b'"data":{"sku":"S/1","total":5,"short":2,"v":"1700000000000:42",'
    b'"locations":{"A":{"available":5,"short":0},"B":{"available":0,"short":2}}}}'
)
EXCEPTION: Final = (
    b'{"id":"shortfall/r1/f1/1700000000000/DC1","source":"/inventory-stream/ledger/3",'
    b'"type":"inventory_stream.exception.shortfall","subject":"S","time":"2023-11-14T22:13:20.002+00:00",'
    b'"dataschema":"urn:inventory-stream:contracts:1:exceptions","partitionkey":"S",'
    b'"sequence":"001700000000000-0000000000000000043","specversion":"1.0","datacontenttype":"application/json",'
    b'"data":{"kind":"shortfall","at_ms":1700000000000,"sku":"S","outcome":23,"command":"fulfil","command_id":"f1",'
    b'"reservation_id":"r1","order_id":"o-2","location":"DC1","units":5,"orders":["o-1","o-7"],'
    b'"movements":[{"location":"DC1","delta":-2,"effective_at_ms":1699999999999,"on_hand":-3,"version":8}]}}'
)


def test_stored_availability_is_read_as_it_was_meant_and_written_back_the_same() -> None:
    """Names, forms and order of version 1 stay."""
    event = msgspec.json.decode(AVAILABILITY, type=AvailabilityChanged)
    assert event.data.v == "1700000000000:42"
    assert (event.data.total, event.data.short, event.data.locations["B"].short) == (5, 2, 2)
    assert encode_event(event) == AVAILABILITY


def test_stored_exception_is_read_as_it_was_meant_and_written_back_the_same() -> None:
    """The same for what somebody has to look at."""
    event = msgspec.json.decode(EXCEPTION, type=ExceptionRaised)
    assert (event.data.kind, event.data.units, event.data.orders) == ("shortfall", 5, ("o-1", "o-7"))
    assert (event.data.movements[0].delta, event.data.movements[0].on_hand) == (-2, -3)
    assert encode_event(event) == EXCEPTION


def test_fields_and_kinds_of_a_later_release_are_no_fault() -> None:
    """A consumer on this version takes what it knows, and passes over what it does not."""
    later = json.loads(EXCEPTION)
    later["traceparent"] = "00-x"
    later["type"] = "inventory_stream.exception.something_new"
    later["data"] |= {"kind": "something_new", "outcome": 99, "severity": {"level": 3}}
    event = msgspec.json.decode(json.dumps(later), type=ExceptionRaised)
    assert (event.data.kind, event.data.sku, event.data.outcome) == ("something_new", "S", 99)


@pytest.mark.parametrize("value", [AVAILABILITY, EXCEPTION], ids=["availability", "exception"])
def test_events_are_cloudevents(value: bytes) -> None:
    """The CloudEvents JSON format's own demands: names of attributes, required ones, no empty ones."""
    event = json.loads(value)
    assert {"id", "source", "specversion", "type"} <= event.keys()
    assert event["specversion"] == "1.0"
    for name, attribute in event.items():
        assert name.isascii()
        assert name.isalnum()
        assert name == name.lower()
        assert name == "data" or (isinstance(attribute, str) and attribute)


def test_sequences_sort_like_their_versions() -> None:
    """Compared as text they tell newer from older, over digits and generations."""
    versions = [(1, 9), (1, 10), (1, 2**62), (9, 0), (10, 0), (253_402_300_799_999, 1)]
    assert sorted(sequence_of(*version) for version in versions) == [sequence_of(*v) for v in versions]
