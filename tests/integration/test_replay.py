"""Replay against the real broker; the last test also with ledger workers and duckdb."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.errors import TopicsError
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.settings import KafkaSettings, Settings
from models.commands import Release, SetLocationGroup, TillSale
from models.ids import partition_of
from models.rows import PositionRow, decode_row
from tests.unit.replay_files import SALE, sales, shared_data, write_csv, write_mapping

PROJECT = Path(__file__).parents[2]


@pytest.fixture
async def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Give an environment of its own, with its topics."""
    kafka = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix)
    settings = Settings(kafka=kafka)
    await create_topics(settings)
    return settings


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """Give the variables that bring a process into the test's environment."""
    return {
        **os.environ,
        "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "INVENTORY_STREAM_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "INVENTORY_STREAM_WORKER__DATA_DIR": str(folder / "run"),
    }


def replay_command(file: Path, mapping: Path, *options: str) -> list[str]:
    """Give the command line of a replay in its own process."""
    program = "from inventory_stream.cli.replay import app; app()"
    return [sys.executable, "-c", program, str(file), "--mapping", str(mapping), *options]


async def records_of(settings: Settings, topic: str) -> dict[int, list[Any]]:
    """Read a topic whole: per partition its records, in order."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        places = [TopicPartition(settings.topic(topic), p) for p in range(settings.kafka.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        records: dict[int, list[Any]] = {place.partition: [] for place in places}
        async with asyncio.timeout(60):
            for place in places:
                await consumer.seek_to_beginning(place)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, batch in (await consumer.getmany(timeout_ms=200)).items():
                    records[place.partition] += batch
        return records
    finally:
        await consumer.stop()


def sale(number: int) -> TillSale:
    """Make a sale of one of 50 SKUs."""
    return TillSale(f"c{number}", f"SKU-{number % 50}", "L1", 1, 1_767_225_600_000 + number)


async def test_commands_keep_their_order_in_their_partition(settings: Settings) -> None:
    """Each command is one record with its SKU as key, in the key's partition, in the order sent."""
    async with open_command_sink(settings) as sink:
        for number in range(20_000):
            await sink.send(sale(number), f"SKU-{number % 50}")
        await sink.flush()
    seen = 0
    for partition, records in (await records_of(settings, STOCK_EVENTS)).items():
        numbers = [int(json.loads(record.value)["id"][1:]) for record in records]
        assert numbers == sorted(numbers)
        assert {partition_of(record.key.decode(), settings.kafka.partitions) for record in records} <= {
            partition
        }
        seen += len(numbers)
    assert seen == 20_000


async def test_packs_hold_their_partition_and_order(settings: Settings) -> None:
    """Packed records hold at most the asked number of commands, all of their partition, in order."""
    async with open_command_sink(settings, pack_commands=64) as sink:
        for number in range(5_000):
            await sink.send(sale(number), f"SKU-{number % 50}")
        await sink.flush()
    seen = 0
    for partition, records in (await records_of(settings, STOCK_EVENTS)).items():
        packs = [json.loads(record.value) for record in records]
        assert all(len(pack) <= 64 for pack in packs)
        commands = [command for pack in packs for command in pack]
        assert {partition_of(command["sku"], settings.kafka.partitions) for command in commands} <= {
            partition
        }
        numbers = [int(command["id"][1:]) for command in commands]
        assert numbers == sorted(numbers)
        seen += len(numbers)
    assert seen == 5_000


async def test_topic_follows_from_the_command(settings: Settings) -> None:
    """Orders go to order-events; what names no SKU goes to every partition of its topic (R30)."""
    async with open_command_sink(settings) as sink:
        await sink.send(Release("i", "r", "A"), "A")
        await sink.send(SetLocationGroup("g", "all", ("L1", "L2")), None)
        await sink.flush()
    orders = await records_of(settings, ORDER_EVENTS)
    stock = await records_of(settings, STOCK_EVENTS)
    home = partition_of("A", settings.kafka.partitions)
    assert [len(records) for p, records in orders.items() if p == home] == [1]
    assert sum(map(len, orders.values())) == 1
    assert [len(records) for records in stock.values()] == [1] * settings.kafka.partitions


async def test_missing_topics_are_named_and_not_created(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Without its topics a sink says what creates them; a producer must not do it by accident (P10)."""
    kafka = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix)
    for _ in range(2):
        with pytest.raises(TopicsError, match="topics create"):
            async with open_command_sink(Settings(kafka=kafka)):
                pass


class ReplayProcess:
    """A replay in its own process, and the folder where it keeps its state."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Run in the test's environment."""
        self._environment = environment(settings, folder)
        self._state_dir = folder / "run" / "replay"

    async def start(self, file: Path, mapping: Path, *options: str) -> asyncio.subprocess.Process:
        """Start it; its output is one pipe."""
        return await asyncio.create_subprocess_exec(
            *replay_command(file, mapping, *options),
            env=self._environment,
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, file: Path, mapping: Path, *options: str) -> str:
        """Run it to its end, which must be a good one; give what it printed."""
        process = await self.start(file, mapping, *options)
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    def through_row(self) -> int:
        """Give the row of the last checkpoint, 0 before the first."""
        rows = [json.loads(path.read_text())["through_row"] for path in self._state_dir.glob("*.state.json")]
        return rows[0] if rows else 0

    async def checkpoint(self) -> None:
        """Return after the first checkpoint that holds rows."""
        async with asyncio.timeout(60):
            while not self.through_row():  # noqa: ASYNC110  # a file cannot call
                await asyncio.sleep(0.02)


async def test_other_number_of_partitions_is_refused_before_sending(
    settings: Settings, tmp_path: Path
) -> None:
    """Where kafka.partitions is not what the topics have, nothing is sent, and both numbers are told."""
    file, mapping = write_csv(tmp_path, *sales(10)), write_mapping(tmp_path, SALE)
    process = await asyncio.create_subprocess_exec(
        *replay_command(file, mapping),
        env={**environment(settings, tmp_path), "INVENTORY_STREAM_KAFKA__PARTITIONS": "5"},
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 1
    (line,) = output.decode().splitlines()
    assert "4 partitions where 5 are set" in line
    assert not any((await records_of(settings, STOCK_EVENTS)).values())


async def test_killed_replay_goes_on_where_it_stopped(settings: Settings, tmp_path: Path) -> None:
    """After kill -9 in the middle the same command ends the work: every row is there, repeats are equal."""
    file, mapping = write_csv(tmp_path, *sales(80_000)), write_mapping(tmp_path, SALE)
    replay = ReplayProcess(settings, tmp_path)
    process = await replay.start(file, mapping, "--speed", "10000")
    await replay.checkpoint()
    process.kill()
    await process.communicate()
    assert replay.through_row() < 80_000
    output = await replay.run(file, mapping)
    assert "resuming after row" in output
    assert "till_sale: 80,000" in output
    values: dict[str, bytes] = {}
    for records in (await records_of(settings, STOCK_EVENTS)).values():
        for record in records:
            number = json.loads(record.value)["id"].rpartition(":")[2]
            assert values.setdefault(number, record.value) == record.value
    assert set(values) == {str(number) for number in range(1, 80_001)}


async def test_ctrl_c_stops_cleanly(settings: Settings, tmp_path: Path) -> None:
    """SIGINT ends a replay at once with everything saved, exit 130, and says how to go on."""
    file, mapping = write_csv(tmp_path, *sales(5_000)), write_mapping(tmp_path, SALE)
    replay = ReplayProcess(settings, tmp_path)
    process = await replay.start(file, mapping, "--speed", "10")
    await replay.checkpoint()
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 130, output.decode()
    assert "run the same command to go on" in output.decode()
    sent = sum(map(len, (await records_of(settings, STOCK_EVENTS)).values()))
    assert sent == replay.through_row() > 0


@pytest.mark.slow
async def test_online_retail_ends_with_the_right_stock(settings: Settings, tmp_path: Path) -> None:
    """All 541,909 rows, decided by ledger workers: on_hand per product = opening - accepted quantities."""
    file = shared_data("online_retail_2010_2011.parquet")
    mapping = PROJECT / "docs" / "mappings" / "online_retail.toml"
    variables = environment(settings, tmp_path)
    worker = [
        "env",
        *(f"{name}={value}" for name, value in variables.items() if name.startswith("INVENTORY_STREAM_")),
        sys.executable,
        "-c",
        "from inventory_stream.cli import main; main()",
        "worker",
        "ledger",
    ]
    with Supervisor(tmp_path / "logs", working_dir=PROJECT) as supervisor:
        supervisor.start("ledger", worker)
        output = await ReplayProcess(settings, tmp_path).run(file, mapping)
        assert "rows read: 541,909" in output
        on_hand, receipts = await decided(settings, commands=541_909 + 4_070)
        verify = [*worker[:-2], "ledger", "verify", "--no-redis"]
        verifying = await asyncio.create_subprocess_exec(
            *verify, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await asyncio.wait_for(verifying.communicate(), 120)
    assert verifying.returncode == 0, printed.decode()
    expected = dict(
        duckdb.execute(
            "SELECT StockCode, 100000 - sum(Quantity)::BIGINT FROM read_parquet(?) GROUP BY StockCode",
            [str(file)],
        ).fetchall()
    )
    assert receipts == 541_909 + 4_070
    assert len(expected) == 4_070
    assert on_hand == expected


async def _at_end(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> bool:
    ends = await consumer.end_offsets(places)
    return all([await consumer.position(place) >= ends[place] for place in places])


async def decided(settings: Settings, commands: int) -> tuple[dict[str, int], int]:
    """Read the ledger until it holds so many receipts: (on_hand by SKU, distinct receipts)."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    positions: dict[str, int] = {}
    receipts: set[bytes] = set()
    kinds: Counter[bytes] = Counter()
    try:
        places = [TopicPartition(settings.topic("ledger"), p) for p in range(settings.kafka.partitions)]
        consumer.assign(places)
        async with asyncio.timeout(180):
            # To the end, not only to the last receipt: positions follow the receipts of their batch.
            while len(receipts) < commands or not await _at_end(consumer, places):
                for batch in (await consumer.getmany(timeout_ms=500, max_records=20_000)).values():
                    for record in batch:
                        kinds[record.key[:2]] += 1
                        if record.key.startswith(b"c/"):
                            receipts.add(record.key)
                        elif record.key.startswith(b"p/") and record.value is not None:
                            row = decode_row(record.key, record.value)
                            assert isinstance(row, PositionRow)
                            positions[row.sku] = row.on_hand
    except TimeoutError:
        pytest.fail(f"only {len(receipts)} of {commands} decided within 180 s: {kinds}")
    finally:
        await consumer.stop()
    return positions, len(receipts)
