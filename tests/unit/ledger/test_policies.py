"""R25: channel policies as rows: versioned, one for each channel and SKU, read by whoever shows units."""

from inventory_stream.ledger.shown import shown
from models import commands as c
from models.outcomes import Outcome
from models.rows import ChannelPolicyRow, channel_policy_key, decode_row
from tests.unit.ledger.table import Ledger


def rows_of(ledger: Ledger, channel: str, sku: str | None) -> list[ChannelPolicyRow]:
    """Give the rows that were written of a policy, in order."""
    key = channel_policy_key(channel, sku)
    found = [decode_row(key, value) for at, value in ledger.log if at == key and value is not None]
    return [row for row in found if isinstance(row, ChannelPolicyRow)]


def test_policy_has_a_version_that_grows_with_each_change() -> None:
    """R25: the newest statement stands; the same again under a new id is no new version and no new row."""
    ledger = Ledger()
    for number, percent in enumerate((50, 50, 80)):
        assert ledger.send(c.SetChannelPolicy(f"p{number}", "web", percent)) is Outcome.APPLIED
    assert [(row.version, row.percent) for row in rows_of(ledger, "web", None)] == [(1, 50), (2, 80)]
    assert ledger.recovered().policies == ledger.state.policies


def test_repeat_of_the_command_is_answered_and_changes_nothing() -> None:
    """R27: the same id again hears APPLIED, even after another statement; the later one stands."""
    ledger = Ledger()
    first = c.SetChannelPolicy("p1", "web", 50)
    ledger.send(first)
    ledger.send(c.SetChannelPolicy("p2", "web", 80))
    assert ledger.send(first) is Outcome.APPLIED
    assert ledger.state.policies["web", None].percent == 80
    assert ledger.send(c.SetChannelPolicy("p1", "web", 51)) is Outcome.COMMAND_ID_REUSED


def test_policy_of_a_sku_stands_beside_that_of_its_channel() -> None:
    """R25: both are kept, each with versions of its own, and `shown` takes the SKU's."""
    ledger = Ledger().run("given on_hand=10")
    ledger.send(c.SetChannelPolicy("p1", "web", 50))
    ledger.send(c.SetChannelPolicy("p2", "web", 20, sku="SKU1"))
    assert {place: row.version for place, row in ledger.state.policies.items()} == {
        ("web", None): 1,
        ("web", "SKU1"): 1,
    }
    position = ledger.state.skus["SKU1"]["L1"].to_row(0)
    assert shown([position], policies=ledger.state.policies.values()).channels == {"web": 2}


def test_policy_refuses_nothing_that_the_ledger_decides() -> None:
    """R25: a cap is for shows; whoever asks for more than he was shown is granted what there is."""
    ledger = Ledger().run("given on_hand=10")
    ledger.send(c.SetChannelPolicy("p1", "web", cap=1))
    ledger.run("reserve R1 units=10 channel=web -> GRANTED atp=0")
