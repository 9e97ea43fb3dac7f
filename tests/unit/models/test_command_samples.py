"""Commands as producers of version 1 send them: a program of any later release must read them so."""

from datetime import UTC, datetime
from typing import Final

import pytest

from models.codec import ORDER_DECODER, STOCK_DECODER
from models.commands import (
    ORDER_COMMANDS,
    STOCK_COMMANDS,
    Adjust,
    Cancel,
    CancelIncoming,
    CancelTransfer,
    ClosePool,
    Command,
    Confirm,
    Expect,
    Extend,
    Fulfil,
    Inspect,
    OpenPool,
    PlanTransfer,
    Receive,
    ReceiveTransfer,
    RecordOrder,
    Release,
    Reroute,
    Reserve,
    Return,
    SetBackorder,
    SetChannelFence,
    SetChannelPolicy,
    SetCountAuthority,
    SetLocationGroup,
    SetPlace,
    SetPurchaseLimit,
    SetSafetyStock,
    SetTimeZone,
    SetUnavailable,
    SetUnits,
    ShipTransfer,
    Sync,
    TillSale,
    type_name,
)

# As an object, as an array, and what both say. Never edit bytes: a command that gets a field keeps
# its sample, and gets one more.
SAMPLES: Final[tuple[tuple[bytes, bytes, Command], ...]] = (
    (
        b'{"type":"adjust","id":"i-1","sku":"S/1","location":"DC1","delta":-3,"effective_at":1700000000000,"reason":"reason"}',
        b'["adjust","i-1","S/1","DC1",-3,1700000000000,"reason"]',
        Adjust(id="i-1", sku="S/1", location="DC1", delta=-3, effective_at=1700000000000, reason="reason"),
    ),
    (
        b'{"type":"sync","id":"i-1","sku":"S/1","location":"DC1","on_hand":98,"effective_at":1700000000000,"excludes_unavailable":true,"source":"source","nets_orders":true,"orders_through":1700000000001}',
        b'["sync","i-1","S/1","DC1",98,1700000000000,true,"source",true,1700000000001]',
        Sync(
            id="i-1",
            sku="S/1",
            location="DC1",
            on_hand=98,
            effective_at=1700000000000,
            excludes_unavailable=True,
            source="source",
            nets_orders=True,
            orders_through=1700000000001,
        ),
    ),
    (
        b'{"type":"till_sale","id":"i-1","sku":"S/1","location":"DC1","units":2,"effective_at":1700000000000,"order_id":"order-id"}',
        b'["till_sale","i-1","S/1","DC1",2,1700000000000,"order-id"]',
        TillSale(
            id="i-1", sku="S/1", location="DC1", units=2, effective_at=1700000000000, order_id="order-id"
        ),
    ),
    (
        b'{"type":"unavailable","id":"i-1","sku":"S/1","location":"DC1","unavailable":4,"effective_at":1700000000000}',
        b'["unavailable","i-1","S/1","DC1",4,1700000000000]',
        SetUnavailable(id="i-1", sku="S/1", location="DC1", unavailable=4, effective_at=1700000000000),
    ),
    (
        b'{"type":"safety_stock","id":"i-1","sku":"S/1","location":"DC1","safety_stock":5,"effective_at":1700000000000}',
        b'["safety_stock","i-1","S/1","DC1",5,1700000000000]',
        SetSafetyStock(id="i-1", sku="S/1", location="DC1", safety_stock=5, effective_at=1700000000000),
    ),
    (
        b'{"type":"location_group","id":"i-1","group":"group","locations":["DC1","DC2"]}',
        b'["location_group","i-1","group",["DC1","DC2"]]',
        SetLocationGroup(id="i-1", group="group", locations=("DC1", "DC2")),
    ),
    (
        b'{"type":"count_authority","id":"i-1","location":"DC1","source":"source"}',
        b'["count_authority","i-1","DC1","source"]',
        SetCountAuthority(id="i-1", location="DC1", source="source"),
    ),
    (
        b'{"type":"time_zone","id":"i-1","location":"DC1","time_zone":"Europe/Berlin"}',
        b'["time_zone","i-1","DC1","Europe/Berlin"]',
        SetTimeZone(id="i-1", location="DC1", time_zone="Europe/Berlin"),
    ),
    (
        b'{"type":"expect","id":"i-1","incoming_id":"incoming-id","sku":"S/1","location":"DC1","units":2,"expected_at":1700000000000}',
        b'["expect","i-1","incoming-id","S/1","DC1",2,1700000000000]',
        Expect(
            id="i-1", incoming_id="incoming-id", sku="S/1", location="DC1", units=2, expected_at=1700000000000
        ),
    ),
    (
        b'{"type":"receive","id":"i-1","incoming_id":"incoming-id","sku":"S/1","units":2,"effective_at":1700000000000,"location":"DC1","final":true}',
        b'["receive","i-1","incoming-id","S/1",2,1700000000000,"DC1",true]',
        Receive(
            id="i-1",
            incoming_id="incoming-id",
            sku="S/1",
            units=2,
            effective_at=1700000000000,
            location="DC1",
            final=True,
        ),
    ),
    (
        b'{"type":"cancel_incoming","id":"i-1","incoming_id":"incoming-id","sku":"S/1"}',
        b'["cancel_incoming","i-1","incoming-id","S/1"]',
        CancelIncoming(id="i-1", incoming_id="incoming-id", sku="S/1"),
    ),
    (
        b'{"type":"plan_transfer","id":"i-1","transfer_id":"transfer-id","sku":"S/1","from_location":"from-location","to_location":"to-location","units":2,"expected_at":1700000000000}',
        b'["plan_transfer","i-1","transfer-id","S/1","from-location","to-location",2,1700000000000]',
        PlanTransfer(
            id="i-1",
            transfer_id="transfer-id",
            sku="S/1",
            from_location="from-location",
            to_location="to-location",
            units=2,
            expected_at=1700000000000,
        ),
    ),
    (
        b'{"type":"ship_transfer","id":"i-1","transfer_id":"transfer-id","sku":"S/1","units":2,"effective_at":1700000000000,"from_location":"from-location","to_location":"to-location","expected_at":1700000000001}',
        b'["ship_transfer","i-1","transfer-id","S/1",2,1700000000000,"from-location","to-location",1700000000001]',
        ShipTransfer(
            id="i-1",
            transfer_id="transfer-id",
            sku="S/1",
            units=2,
            effective_at=1700000000000,
            from_location="from-location",
            to_location="to-location",
            expected_at=1700000000001,
        ),
    ),
    (
        b'{"type":"receive_transfer","id":"i-1","transfer_id":"transfer-id","sku":"S/1","units":2,"effective_at":1700000000000,"location":"DC1","final":true}',
        b'["receive_transfer","i-1","transfer-id","S/1",2,1700000000000,"DC1",true]',
        ReceiveTransfer(
            id="i-1",
            transfer_id="transfer-id",
            sku="S/1",
            units=2,
            effective_at=1700000000000,
            location="DC1",
            final=True,
        ),
    ),
    (
        b'{"type":"cancel_transfer","id":"i-1","transfer_id":"transfer-id","sku":"S/1"}',
        b'["cancel_transfer","i-1","transfer-id","S/1"]',
        CancelTransfer(id="i-1", transfer_id="transfer-id", sku="S/1"),
    ),
    (
        b'{"type":"reserve","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"ttl_seconds":600,"location":"DC1","group":"group","strategy":"split","channel":"channel","order_id":"order-id","allow_partial":true,"path":"common","customer":"customer","answer_by":1700000000000}',
        b'["reserve","i-1","reservation-id","S/1",2,600,"DC1","group","split","channel","order-id",true,"common","customer",1700000000000]',
        Reserve(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            ttl_seconds=600,
            location="DC1",
            group="group",
            strategy="split",
            channel="channel",
            order_id="order-id",
            allow_partial=True,
            path="common",
            customer="customer",
            answer_by=1700000000000,
        ),
    ),
    (
        b'{"type":"extend","id":"i-1","reservation_id":"reservation-id","sku":"S/1","ttl_seconds":600}',
        b'["extend","i-1","reservation-id","S/1",600]',
        Extend(id="i-1", reservation_id="reservation-id", sku="S/1", ttl_seconds=600),
    ),
    (
        b'{"type":"confirm","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1","order_id":"order-id"}',
        b'["confirm","i-1","reservation-id","S/1",2,"DC1","order-id"]',
        Confirm(
            id="i-1", reservation_id="reservation-id", sku="S/1", units=2, location="DC1", order_id="order-id"
        ),
    ),
    (
        b'{"type":"release","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1"}',
        b'["release","i-1","reservation-id","S/1",2,"DC1"]',
        Release(id="i-1", reservation_id="reservation-id", sku="S/1", units=2, location="DC1"),
    ),
    (
        b'{"type":"record_order","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1","group":"group","channel":"channel","order_id":"order-id","ordered_at":1700000000000}',
        b'["record_order","i-1","reservation-id","S/1",2,"DC1","group","channel","order-id",1700000000000]',
        RecordOrder(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            location="DC1",
            group="group",
            channel="channel",
            order_id="order-id",
            ordered_at=1700000000000,
        ),
    ),
    (
        b'{"type":"fulfil","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1","effective_at":1700000000000}',
        b'["fulfil","i-1","reservation-id","S/1",2,"DC1",1700000000000]',
        Fulfil(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            location="DC1",
            effective_at=1700000000000,
        ),
    ),
    (
        b'{"type":"cancel","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1","effective_at":1700000000000}',
        b'["cancel","i-1","reservation-id","S/1",2,"DC1",1700000000000]',
        Cancel(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            location="DC1",
            effective_at=1700000000000,
        ),
    ),
    (
        b'{"type":"return","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1","sellable":false,"effective_at":1700000000000}',
        b'["return","i-1","reservation-id","S/1",2,"DC1",false,1700000000000]',
        Return(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            location="DC1",
            sellable=False,
            effective_at=1700000000000,
        ),
    ),
    (
        b'{"type":"reroute","id":"i-1","reservation_id":"reservation-id","sku":"S/1","from_location":"from-location","to_location":"to-location","units":2,"use_safety_stock":true}',
        b'["reroute","i-1","reservation-id","S/1","from-location","to-location",2,true]',
        Reroute(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            from_location="from-location",
            to_location="to-location",
            units=2,
            use_safety_stock=True,
        ),
    ),
    (
        b'{"type":"set_units","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"location":"DC1"}',
        b'["set_units","i-1","reservation-id","S/1",2,"DC1"]',
        SetUnits(id="i-1", reservation_id="reservation-id", sku="S/1", units=2, location="DC1"),
    ),
    (
        b'{"type":"place","id":"i-1","location":"DC1","latitude":52.5,"longitude":13.25,"name":"Mitte","pickup":false,"ships":true}',
        b'["place","i-1","DC1",52.5,13.25,"Mitte",false,true]',
        SetPlace(
            id="i-1", location="DC1", latitude=52.5, longitude=13.25, name="Mitte", pickup=False, ships=True
        ),
    ),
    (
        b'{"type":"open_pool","id":"i-1","sale_id":"drop","sku":"S/1","location":"DC1","units":2,"starts_at":1700000000000,"ends_at":1700000000001,"fence_from":1699999999999,"checkout_grace_seconds":300,"late_from_common":false}',
        b'["open_pool","i-1","drop","S/1","DC1",2,1700000000000,1700000000001,1699999999999,300,false]',
        OpenPool(
            id="i-1",
            sale_id="drop",
            sku="S/1",
            location="DC1",
            units=2,
            starts_at=1700000000000,
            ends_at=1700000000001,
            fence_from=1699999999999,
            checkout_grace_seconds=300,
            late_from_common=False,
        ),
    ),
    (
        b'{"type":"close_pool","id":"i-1","sale_id":"drop","sku":"S/1","location":"DC1"}',
        b'["close_pool","i-1","drop","S/1","DC1"]',
        ClosePool(id="i-1", sale_id="drop", sku="S/1", location="DC1"),
    ),
    (
        b'{"type":"channel_fence","id":"i-1","channel":"web","sku":"S/1","location":"DC1","units":2,"spill_over":false}',
        b'["channel_fence","i-1","web","S/1","DC1",2,false]',
        SetChannelFence(id="i-1", channel="web", sku="S/1", location="DC1", units=2, spill_over=False),
    ),
    (
        b'{"type":"purchase_limit","id":"i-1","limit_id":"two","sku":"S/1","units":2,"ends_at":1700000000000,"sale_id":"drop"}',
        b'["purchase_limit","i-1","two","S/1",2,1700000000000,"drop"]',
        SetPurchaseLimit(id="i-1", limit_id="two", sku="S/1", units=2, ends_at=1700000000000, sale_id="drop"),
    ),
    (
        b'{"type":"backorder","id":"i-1","sku":"S/1","location":"DC1","units":2,"incoming_id":"PO1"}',
        b'["backorder","i-1","S/1","DC1",2,"PO1"]',
        SetBackorder(id="i-1", sku="S/1", location="DC1", units=2, incoming_id="PO1"),
    ),
    (
        b'{"type":"channel_policy","id":"i-1","channel":"web","percent":80,"cap":50,"buffer":3,"floor":2,"preorder":true,"sku":"S/1"}',
        b'["channel_policy","i-1","web",80,50,3,2,true,"S/1"]',
        SetChannelPolicy(
            id="i-1", channel="web", percent=80, cap=50, buffer=3, floor=2, preorder=True, sku="S/1"
        ),
    ),
    (
        b'{"type":"reserve","id":"i-1","reservation_id":"reservation-id","sku":"S/1","units":2,"ttl_seconds":600,"location":"DC1","strategy":"split","channel":"web","order_id":"order-id","allow_partial":true,"path":"sale:drop","customer":"customer","answer_by":1700000000000,"allow_backorder":true}',
        b'["reserve","i-1","reservation-id","S/1",2,600,"DC1",null,"split","web","order-id",true,"sale:drop","customer",1700000000000,true]',
        Reserve(
            id="i-1",
            reservation_id="reservation-id",
            sku="S/1",
            units=2,
            ttl_seconds=600,
            location="DC1",
            group=None,
            strategy="split",
            channel="web",
            order_id="order-id",
            allow_partial=True,
            path="sale:drop",
            customer="customer",
            answer_by=1700000000000,
            allow_backorder=True,
        ),
    ),
    (
        b'{"type":"inspect","id":"i-1","reservation_id":"reservation-id","sku":"S/1"}',
        b'["inspect","i-1","reservation-id","S/1"]',
        Inspect(id="i-1", reservation_id="reservation-id", sku="S/1"),
    ),
)

# Sent before the command had its last fields, which then mean "as before".
SHORTER: Final[tuple[tuple[bytes, Command], ...]] = (
    (
        b'{"type":"sync","id":"i-1","sku":"S/1","location":"DC1","on_hand":98,"effective_at":1700000000000}',
        Sync(id="i-1", sku="S/1", location="DC1", on_hand=98, effective_at=1700000000000),
    ),
    (
        b'[["sync","i-1","S/1","DC1",98,1700000000000,true,"wms"]]',
        Sync("i-1", "S/1", "DC1", 98, 1700000000000, excludes_unavailable=True, source="wms"),
    ),
    (
        b'[["reserve","i-1","r-1","S/1",2,600,"DC1"]]',
        Reserve("i-1", "r-1", "S/1", 2, 600, location="DC1"),
    ),
    (
        (
            b'{"type":"adjust","id":"i-1","sku":"S/1","location":"DC1","delta":-3,'
            b'"effective_at":"2026-11-22T10:00:00.5+01:00"}'
        ),
        Adjust("i-1", "S/1", "DC1", -3, datetime(2026, 11, 22, 9, 0, 0, 500_000, UTC)),
    ),
)

# Words join their topics as the ledger learns to decide them.
IN_TOPICS: Final = [sample for sample in SAMPLES if isinstance(sample[2], (*STOCK_COMMANDS, *ORDER_COMMANDS))]


def decoded(value: bytes, command: Command) -> Command | None:
    """Decode a record of one command as its topic's owner does."""
    decoder = STOCK_DECODER if isinstance(command, STOCK_COMMANDS) else ORDER_DECODER
    (found,), poison = decoder.decode(value)
    assert not poison
    return found


@pytest.mark.parametrize(
    ("as_object", "as_array", "command"), IN_TOPICS, ids=lambda part: type(part).__name__
)
def test_a_stored_command_is_read_as_it_was_meant(
    as_object: bytes, as_array: bytes, command: Command
) -> None:
    """Both forms of every command keep each field's name, place and meaning."""
    for value in (as_object, b"[" + as_array + b"]"):
        found = decoded(value, command)
        assert isinstance(found, type(command))
        assert {name: getattr(found, name) for name in command.__struct_fields__} == {
            name: getattr(command, name) for name in command.__struct_fields__
        }


@pytest.mark.parametrize(("value", "command"), SHORTER, ids=lambda part: type(part).__name__)
def test_a_command_sent_before_its_last_fields_is_read_as_before(value: bytes, command: Command) -> None:
    """A producer that knows nothing of newer fields need not change."""
    found = decoded(value, command)
    assert found is not None
    assert [getattr(found, name) for name in command.__struct_fields__] == [
        getattr(command, name) for name in command.__struct_fields__
    ]


def test_every_command_has_a_sample() -> None:
    """A new command brings one along."""
    sampled = {type_name(type(command)) for _, _, command in SAMPLES}
    assert {type_name(command) for command in (*STOCK_COMMANDS, *ORDER_COMMANDS)} <= sampled
