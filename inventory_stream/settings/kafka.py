"""Settings of the broker and the topics."""

from pydantic import Field

from inventory_stream.settings.section import Section


class KafkaSettings(Section):
    """The broker and the topics."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="host:port of one or more brokers, comma-separated"
    )
    topic_prefix: str = Field(
        "",
        max_length=64,
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="before every topic name: environments share a cluster",
    )
    partitions: int = Field(
        4, ge=1, le=1_000, description="of both inputs and the ledger; fixed for life (P10)"
    )
    replication_factor: int = Field(
        1,
        ge=1,
        le=9,
        description="of every topic; 1 is for development: a power loss may lose decisions (P12)",
    )
    session_timeout_seconds: float = Field(
        6.0, ge=2.0, le=300.0, description="a worker silent for this long loses its partitions"
    )
    request_timeout_seconds: float = Field(
        30.0, ge=1.0, le=120.0, description="longest wait for one answer of the broker"
    )
