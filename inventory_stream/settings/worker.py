"""Settings of a ledger worker."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from inventory_stream.settings.names import ENV_PREFIX
from inventory_stream.settings.section import DAY_SECONDS, Section


class WorkerSettings(Section):
    """How a ledger worker hosts its partitions."""

    data_dir: Path = Field(
        Path(".run"), description="scratch folder: how far replays came; nothing in it is truth"
    )
    batch_records_max: int = Field(
        2_000, ge=1, le=50_000, description="Kafka records handed over at once; bounds the latency of a batch"
    )
    inbox_batches_max: int = Field(
        16,
        ge=1,
        le=1_000,
        description="fetched batches waiting per partition and input before fetching pauses",
    )
    lease_seconds: float = Field(
        300.0, ge=5.0, le=3_600.0, description="no acknowledged append for this long ends the process (P3)"
    )
    alive_interval_seconds: float = Field(
        60.0, ge=1.0, le=3_600.0, description="between @alive rows; keeps the broker's producer state (P2)"
    )
    reclaim_interval_seconds: float = Field(
        float(DAY_SECONDS), ge=60.0, le=7.0 * DAY_SECONDS, description="between claims of one owner (P2)"
    )
    instance_id: str | None = Field(
        None, description="static group membership: a quick restart keeps its partitions"
    )

    @model_validator(mode="after")
    def _alive_within_lease(self) -> Self:
        if self.alive_interval_seconds * 2 > self.lease_seconds:
            raise ValueError(
                f"worker.alive_interval_seconds = {self.alive_interval_seconds} must be at most half of "
                f"worker.lease_seconds = {self.lease_seconds}, as one missed row must not end the lease: "
                f"lower {ENV_PREFIX}WORKER__ALIVE_INTERVAL_SECONDS or raise {ENV_PREFIX}WORKER__LEASE_SECONDS"
            )
        return self
