"""Rows as version 1 has stored them: a program of any later release must read them so."""

from typing import Final

import msgspec
import pytest

from models import rows as rows_module
from models.rows import (
    AliveRow,
    Answer,
    BackorderRow,
    Breakdown,
    ChannelPolicyRow,
    ClaimRow,
    CountAuthorityRow,
    FenceRow,
    IncomingRow,
    LimitUseRow,
    Line,
    LocationGroupRow,
    Movement,
    PlaceRow,
    PoolRow,
    PositionRow,
    ProgressRow,
    PurchaseLimitRow,
    ReceiptRow,
    ReservationRow,
    Row,
    TimeZoneRow,
    TransferRow,
    decode_row,
    encode_row,
    row_kind,
)

# Key, value as it lies in the log, and what it says. Within a struct no two numbers are equal, so that
# fields that change places are noticed. Never edit a value: add a sample when a row gets a field.
SAMPLES: Final[tuple[tuple[bytes, bytes, Row], ...]] = (
    (
        b"@claim/17",
        (b"\x97\x01\x00\x11\x03\xa2n0\xc2\xcf\x00\x00\x01\x9bv\xda\xa8\x00"),
        ClaimRow(term=0, producer_id=17, epoch=3, nonce="n0", fenced=False, generation_ms=1767225600000),
    ),
    (
        b"@alive",
        (b"\x93\x01\xcd\x01,\xcf\x00\x00\x01\x9bv\xda\xa8\x00"),
        AliveRow(term=300, at_ms=1767225600000),
    ),
    (
        b"@progress",
        (
            b"\x99\x01\xcd\x01,\xcf\x00\x00\x01\x9bv\xda\xa8\x00\n\x02\x14\x03\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf"
            b"\x00\x00\x01\x9bv\xda\xa8\x02"
        ),
        ProgressRow(
            term=300,
            now_ms=1767225600000,
            stock_next=10,
            stock_done=2,
            orders_next=20,
            orders_done=3,
            orders_arrival_ms=1767225600001,
            swept_ms=1767225600002,
        ),
    ),
    (
        b"p/S/DC1",
        (
            b"\xdc\x00\x11\x01\xcd\x01,\xa1S\xa3DC1\t\x01\x02\x03\x04\x05\x06\x07\x08\xcf\x00\x00\x01\x9bv"
            b"\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf\x00\x00\x01\x9bv\xda\xa8\x02\xcf\x00\x00\x01\x9bv\xda"
            b"\xa8\x03"
        ),
        PositionRow(
            term=300,
            sku="S",
            location="DC1",
            on_hand=9,
            unavailable=1,
            reserved=2,
            allocated=3,
            safety_stock=4,
            fenced=5,
            in_transit=6,
            version=7,
            base=8,
            sync_at_ms=1767225600000,
            unavailable_at_ms=1767225600001,
            safety_stock_at_ms=1767225600002,
            horizon_ms=1767225600003,
        ),
    ),
    (
        b"r/r1",
        (
            b"\xdc\x00\x19\x01\xcd\x01,\x00\x01\xa2r1\xa1S\x02\xcd\x02X\xa3DC1\xa3all\xa5s"
            b"plit\xa3web\xa3o-1\xc3\xa6common\xa3c-1\xcf\x00\x00\x01"
            b"\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf\x00\x00\x01\x9bv\xda\xa8\x02\x04\x91\x9d\xa3D"
            b"C1\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\x91\x98\xa2i1\xa7reserve\xc4"
            b"\x01\xff\x01\x02\xcf\x00\x00\x01\x9bv\xda\xa8\x00\x99\xa9breakdown\t\x01\x02\x03"
            b"\x04\x05\x06\xcf\x00\x00\x01\x9bv\xda\xa8\x01\x91\x99\xa8movement\xa3DC1\xfe"
            b"\xcf\x00\x00\x01\x9bv\xda\xa8\x02\x07\x08\x01\x91\xa3o-1\xc3\xc4\x08\x01\x02\x03\x04\x05\x06\x07\x08"
            b"\xc3\xa3o-2"
        ),
        ReservationRow(
            term=300,
            answered=0,
            repeat=1,
            reservation_id="r1",
            sku="S",
            units=2,
            ttl_seconds=600,
            location="DC1",
            group="all",
            strategy="split",
            channel="web",
            order_id="o-1",
            allow_partial=True,
            path="common",
            customer="c-1",
            created_ms=1767225600000,
            deadline_ms=1767225600001,
            ended_ms=1767225600002,
            commands=4,
            lines=(
                Line(
                    location="DC1",
                    granted=1,
                    reserved=2,
                    allocated=3,
                    fulfilled=4,
                    released=5,
                    expired=6,
                    cancelled=7,
                    revoked=8,
                    returned=9,
                    moved=10,
                    on_hand=11,
                    version=12,
                ),
            ),
            answers=(
                Answer(
                    command_id="i1",
                    kind="reserve",
                    content=b"\xff",
                    outcome=1,
                    units=2,
                    at_ms=1767225600000,
                    breakdown=Breakdown(
                        on_hand=9,
                        unavailable=1,
                        reserved=2,
                        allocated=3,
                        safety_stock=4,
                        fenced=5,
                        available_to_promise=6,
                        earliest_deadline_ms=1767225600001,
                    ),
                    movements=(
                        Movement(
                            location="DC1",
                            delta=-2,
                            effective_at_ms=1767225600002,
                            on_hand=7,
                            version=8,
                            shortfall_units=1,
                            short_orders=("o-1",),
                            clock_ahead=True,
                        ),
                    ),
                ),
            ),
            older=b"\x01\x02\x03\x04\x05\x06\x07\x08",
            recorded=True,
            paid_order_id="o-2",
        ),
    ),
    (
        b"c/r9/i2",
        (
            b"\x9d\x01\xcd\x01,\x01\xa2i2\xa2r9\xa6fulfil\xc4\x02\xff\x00\x05\xa1S\x02\xcf"
            b"\x00\x00\x01\x9bv\xda\xa8\x00\x99\xa9breakdown\t\x01\x02\x03\x04\x05\x06\xcf\x00"
            b"\x00\x01\x9bv\xda\xa8\x01\x91\x99\xa8movement\xa3DC1\xfe\xcf\x00\x00\x01\x9b"
            b"v\xda\xa8\x02\x07\x08\x01\x91\xa3o-1\xc3"
        ),
        ReceiptRow(
            term=300,
            repeat=1,
            command_id="i2",
            reservation_id="r9",
            kind="fulfil",
            content=b"\xff\x00",
            outcome=5,
            sku="S",
            units=2,
            at_ms=1767225600000,
            breakdown=Breakdown(
                on_hand=9,
                unavailable=1,
                reserved=2,
                allocated=3,
                safety_stock=4,
                fenced=5,
                available_to_promise=6,
                earliest_deadline_ms=1767225600001,
            ),
            movements=(
                Movement(
                    location="DC1",
                    delta=-2,
                    effective_at_ms=1767225600002,
                    on_hand=7,
                    version=8,
                    shortfall_units=1,
                    short_orders=("o-1",),
                    clock_ahead=True,
                ),
            ),
        ),
    ),
    (
        b"s/group/all",
        (b"\x94\x01\xcd\x01,\xa3all\x92\xa3DC1\xa3DC2"),
        LocationGroupRow(term=300, group="all", locations=("DC1", "DC2")),
    ),
    (
        b"p/S/DC2",
        b"\xdc\x00\x13\x01\xcd\x01,\xa1S\xa3DC2\t\x01\x02\x03\x04\x05\x06\x07\x08\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf\x00\x00\x01\x9bv\xda\xa8\x02\xcf\x00\x00\x01\x9bv\xda\xa8\x03\xcf\x00\x00\x01\x9bv\xda\xa8\x04\xa5shirt",
        PositionRow(
            term=300,
            sku="S",
            location="DC2",
            on_hand=9,
            unavailable=1,
            reserved=2,
            allocated=3,
            safety_stock=4,
            fenced=5,
            in_transit=6,
            version=7,
            base=8,
            sync_at_ms=1767225600000,
            unavailable_at_ms=1767225600001,
            safety_stock_at_ms=1767225600002,
            horizon_ms=1767225600003,
            orders_through_ms=1767225600004,
            product="shirt",
        ),
    ),
    (
        b"r/r10",
        b"\xdc\x00\x19\x01\xcd\x01,\xff\x00\xa3r10\xa1S\x05<\xa3DC1\xc0\xa9first_fit\xc0\xc0\xc2\xa6common\xc0\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\x00\x01\x91\x9e\xa3DC1\x05\x00\x04\x01\x00\x00\x00\x00\x00\xff\x08\t\x92\x92\xcf\x00\x00\x01\x9bv\xda\xa8\x02\x05\x92\xcf\x00\x00\x01\x9bv\xda\xa8\x03\xff\x90\xc4\x00\xc2\xc0",
        ReservationRow(
            term=300,
            answered=-1,
            repeat=0,
            reservation_id="r10",
            sku="S",
            units=5,
            ttl_seconds=60,
            location="DC1",
            group=None,
            strategy="first_fit",
            channel=None,
            order_id=None,
            allow_partial=False,
            path="common",
            customer=None,
            created_ms=1767225600000,
            deadline_ms=1767225600001,
            ended_ms=0,
            commands=1,
            lines=(
                Line(
                    location="DC1",
                    granted=5,
                    reserved=0,
                    allocated=4,
                    fulfilled=1,
                    released=0,
                    expired=0,
                    cancelled=0,
                    revoked=0,
                    returned=0,
                    moved=-1,
                    on_hand=8,
                    version=9,
                    allocations=((1767225600002, 5), (1767225600003, -1)),
                ),
            ),
            answers=(),
        ),
    ),
    (
        b"c/r9/i3",
        b'\x9f\x01\xcd\x01,\x00\xa2i3\xa2r9\xa7confirm\xc4\x01\xfeR\xa1S\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xc0\x90\xc4\x12{"type":"confirm"}\xcf\x00\x00\x01\x9bv\xda\xa8\x01',
        ReceiptRow(
            term=300,
            repeat=0,
            command_id="i3",
            reservation_id="r9",
            kind="confirm",
            content=b"\xfe",
            outcome=82,
            sku="S",
            units=0,
            at_ms=1767225600000,
            command=b'{"type":"confirm"}',
            arrival_ms=1767225600001,
        ),
    ),
    (
        b"s/authority/DC1",
        b"\x94\x01\xcd\x01,\xa3DC1\xa3wms",
        CountAuthorityRow(term=300, location="DC1", source="wms"),
    ),
    (
        b"s/zone/DC1",
        b"\x94\x01\xcd\x01,\xa3DC1\xadEurope/Berlin",
        TimeZoneRow(term=300, location="DC1", time_zone="Europe/Berlin"),
    ),
    (
        b"s/incoming/po1",
        b"\x99\x01\xcd\x01,\xa3po1\xa1S\xa3DC1\n\x04\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01",
        IncomingRow(
            term=300,
            incoming_id="po1",
            sku="S",
            location="DC1",
            units=10,
            received=4,
            expected_at_ms=1767225600000,
            ended_ms=1767225600001,
        ),
    ),
    (
        b"s/transfer/t1",
        b"\x9c\x01\xcd\x01,\xa2t1\xa1S\xa3DC1\xa3DC2\t\x08\x07\x06\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01",
        TransferRow(
            term=300,
            transfer_id="t1",
            sku="S",
            from_location="DC1",
            to_location="DC2",
            planned=9,
            shipped=8,
            in_transit=7,
            lost=6,
            expected_at_ms=1767225600000,
            ended_ms=1767225600001,
        ),
    ),
    (
        b"s/place/DC1",
        (
            b"\x98\x01\xcd\x01,\xa3DC1\xcb@J@\x00\x00\x00\x00\x00\xcb@*\x80\x00\x00\x00\x00\x00\xa5Mitte\xc3\xc2"
        ),
        PlaceRow(
            term=300, location="DC1", latitude=52.5, longitude=13.25, name="Mitte", pickup=True, ships=False
        ),
    ),
    (
        b"s/pool/drop/S/DC1",
        (
            b"\xdc\x00\x10\x01\xcd\x01,\xa4drop\xa1S\xa3DC1\t\x08\x07\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf\x00\x00\x01\x9bv\xda\xa8\x02<\xc2\xcf\x00\x00\x01\x9bv\xda\xa8\x03\xc3\xcf\x00\x00\x01\x9bv\xda\xa8\x04"
        ),
        PoolRow(
            term=300,
            sale_id="drop",
            sku="S",
            location="DC1",
            asked=9,
            units=8,
            drawn=7,
            starts_ms=1767225600000,
            ends_ms=1767225600001,
            fence_from_ms=1767225600002,
            checkout_grace_seconds=60,
            late_from_common=False,
            opened_ms=1767225600003,
            is_fenced=True,
            closed_ms=1767225600004,
        ),
    ),
    (
        b"s/fence/web/S/DC1",
        (b"\x99\x01\xcd\x01,\xa3web\xa1S\xa3DC1\t\x08\xc3\xcf\x00\x00\x01\x9bv\xda\xa8\x00"),
        FenceRow(
            term=300,
            channel="web",
            sku="S",
            location="DC1",
            asked=9,
            units=8,
            spill_over=True,
            opened_ms=1767225600000,
        ),
    ),
    (
        b"s/backorder/S/DC1",
        (b"\x97\x01\xcd\x01,\xa1S\xa3DC1\t\x08\xa3PO1"),
        BackorderRow(term=300, sku="S", location="DC1", units=9, used=8, incoming_id="PO1"),
    ),
    (
        b"s/policy/web/S",
        (b"\x9a\x01\xcd\x01,\xa3web\xa1SP\t\x08\x07\xc3\x06"),
        ChannelPolicyRow(
            term=300, channel="web", sku="S", percent=80, cap=9, buffer=8, floor=7, preorder=True, version=6
        ),
    ),
    (
        b"s/purchase-limit/two/S",
        (
            b"\x98\x01\xcd\x01,\xa3two\xa1S\x02\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xa4drop\xcf\x00\x00\x01\x9bv\xda\xa8\x01"
        ),
        PurchaseLimitRow(
            term=300,
            limit_id="two",
            sku="S",
            units=2,
            ends_ms=1767225600000,
            sale_id="drop",
            opened_ms=1767225600001,
        ),
    ),
    (
        b"s/limit/two/k1:ab",
        (
            b"\x97\x01\xcd\x01,\xa3two\xa5k1:ab\x02\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01"
        ),
        LimitUseRow(
            term=300,
            limit_id="two",
            customer="k1:ab",
            units=2,
            ends_ms=1767225600000,
            opened_ms=1767225600001,
        ),
    ),
    (
        b"r/r1",
        (
            b"\xdc\x00\x1c\x01\xcd\x01,\xff\x00\xa2r1\xa1S\x02\xcd\x02X\xa3DC1\xc0\xa5split\xa3web\xa3o-1\xc3\xa9sale:drop\xa5k1:ab\xcf\x00\x00\x01\x9bv\xda\xa8\x00\xcf\x00\x00\x01\x9bv\xda\xa8\x01\xcf\x00\x00\x01\x9bv\xda\xa8\x02\x04\x91\xdc\x00\x11\xa3DC1\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\x91\x92\xcf\x00\x00\x01\x9bv\xda\xa8\x00\r\x0e\x0f\x10\x90\xc4\x00\xc2\xa3o-2\xc2\x91\xa3two\xc3"
        ),
        ReservationRow(
            term=300,
            answered=-1,
            repeat=0,
            reservation_id="r1",
            sku="S",
            units=2,
            ttl_seconds=600,
            location="DC1",
            group=None,
            strategy="split",
            channel="web",
            order_id="o-1",
            allow_partial=True,
            path="sale:drop",
            customer="k1:ab",
            created_ms=1767225600000,
            deadline_ms=1767225600001,
            ended_ms=1767225600002,
            commands=4,
            lines=(
                Line(
                    location="DC1",
                    granted=1,
                    reserved=2,
                    allocated=3,
                    fulfilled=4,
                    released=5,
                    expired=6,
                    cancelled=7,
                    revoked=8,
                    returned=9,
                    moved=10,
                    on_hand=11,
                    version=12,
                    allocations=((1767225600000, 13),),
                    from_path=14,
                    backordered=15,
                    backorders_confirmed=16,
                ),
            ),
            answers=(),
            older=b"",
            recorded=False,
            paid_order_id="o-2",
            released_early=False,
            limits=("two",),
            allow_backorder=True,
        ),
    ),
)


@pytest.mark.parametrize(("key", "value", "row"), SAMPLES, ids=lambda part: type(part).__name__)
def test_a_stored_row_is_read_as_it_was_meant_and_written_back_the_same(
    key: bytes, value: bytes, row: Row
) -> None:
    """The order of a row's fields is its wire form: each stored byte keeps its place and meaning.

    Written back it may be longer: fields that came later follow the stored ones, in rows and in what
    they hold.
    """
    assert decode_row(key, value) == row
    assert _begins_with(msgspec.msgpack.decode(encode_row(row)), msgspec.msgpack.decode(value))


def _begins_with(new: object, stored: object) -> bool:
    if isinstance(new, list) and isinstance(stored, list):
        return len(new) >= len(stored) and all(map(_begins_with, new, stored))
    return new == stored


def test_every_kind_of_row_has_a_sample() -> None:
    """A new kind of row brings a sample along."""
    assert {row_kind(key) for key, _, _ in SAMPLES} == {kind for _, kind in rows_module.ROW_KINDS}


def test_a_reservation_stored_before_its_last_fields_is_still_read() -> None:
    """Fields were added at the end with a default: a shorter array of the same version stays good."""
    key, value, row = next(sample for sample in SAMPLES if isinstance(sample[2], ReservationRow))
    assert isinstance(row, ReservationRow)
    # An array of 22 instead of 25, without the last three: bytes of 10, a flag, text of 4 with its head.
    short = b"\xdc\x00\x16" + value[3 : -(10 + 1 + 4)]
    older = msgspec.structs.replace(row, older=b"", recorded=False, paid_order_id=None)
    assert decode_row(key, short) == older
