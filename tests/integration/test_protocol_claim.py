"""P1: a claim makes the broker refuse every former owner, and what was written before it is read."""

from collections.abc import Awaitable, Callable

import pytest

from inventory_stream.adapters.kafka.claiming import Claiming
from inventory_stream.adapters.kafka.client_internals import BrokerClient
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import FencedError, ForeignAppendError
from models.rows import ClaimRow, claim_key, location_group_key
from tests.integration.ledger_topics import create_ledger, everything_in
from tests.integration.protocol import Endings, group_row, owner_of, take_over


@pytest.fixture
async def topic(kafka_server: KafkaServer, topic_prefix: str) -> str:
    """Return a fresh ledger topic of one partition."""
    return await create_ledger(kafka_server.bootstrap_servers, topic_prefix)


@pytest.fixture
def servers(kafka_server: KafkaServer) -> str:
    """Return the broker's address."""
    return kafka_server.bootstrap_servers


class RepeatedIdentity(RecordReader):
    """A reader whose coordinator first gives an identity that somebody else has too."""

    identity: tuple[int, int] | None = None

    @property
    def client(self) -> BrokerClient:
        """The connection, with the planted answer."""
        real = super().client
        init_producer_id = type(real).init_producer_id

        async def planted(transactional_id: str) -> tuple[int, int]:
            if self.identity is not None:
                identity, self.identity = self.identity, None
                return identity
            return await init_producer_id(real, transactional_id)

        real.init_producer_id = planted  # type: ignore[method-assign]
        return real


class InterruptedClaiming(Claiming):
    """Lets a test act between the claim row and the first fence row."""

    before_fence: Callable[[], Awaitable[None]]

    async def _fence(self, reader: RecordReader, other: ClaimRow) -> int:
        await self.before_fence()
        return await super()._fence(reader, other)


async def test_broker_refuses_the_former_owner_from_the_claim_on(servers: str, topic: str) -> None:
    """Before the claim the former owner's append counts, after it the broker itself refuses it.

    This is what aiokafka's private attributes are touched for: red when an upgrade breaks it.
    """
    endings = Endings()
    async with owner_of(servers, topic, end_process=endings) as former, owner_of(servers, topic) as owner:
        old = await take_over(former)
        before = await (await former.append([group_row(old.term, "a", "DC1")]))
        claim = await owner.claim()
        assert claim.term == claim.read_through == before + 1
        with pytest.raises(FencedError):
            await (await former.append([group_row(old.term, "a", "DC2")]))
    assert [code for code, _ in endings.noted] == [70]
    assert len(await everything_in(servers, topic)) == claim.term + 1


async def test_claim_is_tried_again_when_another_owner_has_the_same_epoch(servers: str, topic: str) -> None:
    """With one epoch the broker acknowledges the second claim by the first one's row: the nonce tells."""
    first_claiming = Claiming(
        connection=KafkaConnection(servers),
        topic=topic,
        partition=0,
        transactional_id=topic,
        request_timeout_seconds=30.0,
        check=lambda: None,
    )
    second_claiming = Claiming(
        connection=KafkaConnection(servers),
        topic=topic,
        partition=0,
        transactional_id=topic,
        request_timeout_seconds=30.0,
        check=lambda: None,
    )
    async with RepeatedIdentity(connection=KafkaConnection(servers), topic=topic, partition=0) as reader:
        first = await first_claiming.claim(reader)
        reader.identity = (first.producer.producer_id, first.producer.epoch)
        second = await second_claiming.claim(reader)
        await first.producer.close()
        await second.producer.close()
    assert second_claiming.tries == 2
    assert second.claim.term > first.claim.term
    assert second.producer.epoch > first.producer.epoch


async def test_owner_under_another_id_is_refused_when_the_id_changed(servers: str, topic: str) -> None:
    """Producer ids change in the end; the former one is fenced by a row under its next epoch."""
    endings = Endings()
    async with (
        owner_of(servers, topic, end_process=endings, transactional_id=f"{topic}-old") as former,
        owner_of(servers, topic) as owner,
    ):
        old = await take_over(former)
        claim = await take_over(owner)
        assert claim.read_through == claim.term + 1
        with pytest.raises(FencedError):
            await (await former.append([group_row(old.term, "a", "DC1")]))
        await (await owner.append([group_row(claim.term, "a", "DC2")]))
        # A third owner under the second one's id finds the first one fenced already.
        async with owner_of(servers, topic) as third:
            again = await third.claim()
            assert again.read_through == again.term
    assert len(endings.noted) == 1
    fence = (await everything_in(servers, topic))[claim.read_through]
    assert fence.key is not None
    assert fence.key.startswith(claim_key(0)[:-1])


async def test_state_reaches_to_the_last_control_row(servers: str, topic: str) -> None:
    """An owner under another id can append until its fence row: what it then wrote is read, and voided.

    Reading only to the claim and fencing afterwards is the model's failing variant EARLY.
    """
    endings = Endings()
    async with (
        owner_of(servers, topic, end_process=endings, transactional_id=f"{topic}-old") as former,
        owner_of(servers, topic) as owner,
    ):
        old = await take_over(former)

        async def late_append() -> None:
            with pytest.raises(ForeignAppendError):  # our claim lies between: it ends itself (P5)
                await (await former.append([group_row(old.term, "a", "LATE")]))

        plant(owner, late_append)
        claim = await take_over(owner)
        assert claim.read_through == claim.term + 2
        assert owner.voided == {location_group_key("a")}
        assert owner.rows_voided == 1
        # Contiguity counts from there on, so the first append is not taken for a foreign one.
        assert await (await owner.append([group_row(claim.term, "a", "DC1")])) == claim.read_through + 1
    assert len(endings.noted) == 1


def plant(log: KafkaLedgerLog, before_fence: Callable[[], Awaitable[None]]) -> None:
    """Have an owner's claim interrupted before it fences."""
    log._claiming.__class__ = InterruptedClaiming
    assert isinstance(log._claiming, InterruptedClaiming)
    log._claiming.before_fence = before_fence


async def test_racing_owners_end_with_one_who_may_append(servers: str, topic: str) -> None:
    """Of owners that claim at the same time the newest claim counts; every other one is refused."""
    endings = Endings()
    contexts = [owner_of(servers, topic, end_process=endings) for _ in range(3)]
    logs = [await context.__aenter__() for context in contexts]
    claims = [await log.claim() for log in logs]
    newest = max(range(3), key=lambda at: claims[at].term)
    for at, log in enumerate(logs):
        row = group_row(claims[at].term, f"g{at}", "DC1")
        if at == newest:
            await (await log.append([row]))
        else:
            with pytest.raises(FencedError):
                await (await log.append([row]))
    for context in contexts:
        await context.__aexit__(None, None, None)
    assert len(endings.noted) == 2
    assert {claim.generation_ms for claim in claims} == {claims[0].generation_ms}
