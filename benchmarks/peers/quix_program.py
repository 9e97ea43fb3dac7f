"""The Quix Streams peer's program: a stateful StreamingDataFrame, exactly once. Runs in its own environment.

    python quix_program.py BOOTSTRAP_SERVERS INPUT_PREFIX LEDGER_TOPIC STATE_FOLDER

Imports nothing of this project, which is not installed there.
"""

import json
import sys
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition  # type: ignore[import-not-found]  # see above
from quixstreams import Application, State  # type: ignore[import-not-found]
from quixstreams.models import TopicConfig  # type: ignore[import-not-found]

COMMIT_SECONDS: Final = 0.1
"""Between transactions, as of Kafka Streams: shorter costs throughput, longer latency (docs/peers.md)."""

READ_SECONDS: Final = 1.0
"""Of one question for counts; the end is known beforehand."""


def opening_stock(bootstrap_servers: str, topic: str) -> dict[str, int]:
    """Read all counts that there are: state of Quix is of one topic, so they are reference data here."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused"})
    place = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(place)
    consumer.assign([place])
    stock: dict[str, int] = {}
    read = 0
    while read < end:
        message = consumer.poll(READ_SECONDS)
        if message is not None:
            read = message.offset() + 1
            stock |= {count[2]: count[4] for count in json.loads(message.value())}
    consumer.close()
    return stock


def main(bootstrap_servers: str, prefix: str, ledger_topic: str, folder: str) -> None:
    """Decide what lies in order-events until the process is ended."""
    stock = opening_stock(bootstrap_servers, f"{prefix}stock-events")
    application = Application(
        broker_address=bootstrap_servers,
        consumer_group=f"{prefix}quix",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_SECONDS,
        state_dir=folder,
        loglevel="WARNING",
    )
    one = TopicConfig(num_partitions=1, replication_factor=1)
    orders = application.topic(f"{prefix}order-events", value_deserializer="json", config=one)
    ledger = application.topic(ledger_topic, key_serializer="str", value_serializer="json", config=one)

    def decide(order: dict[str, Any], state: State) -> list[str | int] | None:
        """Take units of the SKU, which is the key that the state belongs to; each command id once."""
        identity = order["id"]
        if state.exists(identity):
            return None
        free = state.get("free", stock.get(order["sku"], 0))
        granted = order["units"] if order["units"] <= free else 0
        state.set("free", free - granted)
        state.set(identity, granted)
        return [order["sku"], granted, f"r/{order['reservation_id']}"]

    frame = application.dataframe(orders).apply(decide, stateful=True)
    frame = frame[frame.apply(lambda outcome: outcome is not None)]
    frame.to_topic(ledger, key=lambda outcome: outcome[2])
    application.run()


if __name__ == "__main__":
    main(*sys.argv[1:5])
