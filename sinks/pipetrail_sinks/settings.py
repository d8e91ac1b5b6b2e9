"""The settings of `pipetrail index` and `pipetrail indices`: from the environment, checked at start; a wrong one stops it."""

from typing import Annotated

from pipetrail_schemas.service.settings import Settings, WatchedSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class IndexSettings(WatchedSettings):
    """`PIPETRAIL_INDEX_*`: how the OpenSearch sink runs."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_INDEX_")

    group: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default="pipetrail-index", description="Kafka consumer group; another one reads everything again from the start"
    )
    batch_messages: int = Field(
        default=4000, ge=1, le=50_000, description="messages a batch; two batches are in memory at most"
    )
    batch_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024, description="bytes a batch; bounds the memory for large events"
    )
    batch_age_ms: int = Field(
        default=200,
        ge=1,
        le=60_000,
        description="milliseconds that a message waits for others; adds to the time to be searchable",
    )
    connections: int = Field(
        default=2, ge=1, le=32, description="requests to OpenSearch at once; more than its write threads only queue up"
    )
    timeout_s: float = Field(
        default=30.0, ge=1.0, le=300.0, description="seconds that one request may take before it is tried again"
    )


class IndicesSettings(Settings):
    """`PIPETRAIL_INDICES_*`: how indices are laid out. They count for indices made from then on."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_INDICES_")

    shards: int = Field(default=1, ge=1, le=1024, description="primary shards an index; one holds some 50 GB well")
    replicas: Annotated[str, Field(pattern=r"^(\d{1,2}|\d{1,2}-(\d{1,2}|all))$")] = Field(
        default="0-1", description="copies of each shard: a number, or a range that grows with the nodes"
    )
    refresh_s: int = Field(
        default=1, ge=1, le=300, description="seconds until a written event can be searched; less often is cheaper"
    )
