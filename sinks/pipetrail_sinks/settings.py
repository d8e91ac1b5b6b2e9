"""The settings of `pipetrail index` and `pipetrail indices`: from the environment, checked at start; a wrong one stops it."""

import os
from typing import Annotated, Any, Self

from pipetrail_schemas.errors import SettingError
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Reads variables with a prefix; one with the prefix that is no setting is a typing error, and said to be."""

    @classmethod
    def load(cls) -> Self:
        """The settings in the environment.

        Raises:
            SettingError: names the variable and what is allowed.
        """
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        unknown = sorted(name for name in os.environ if name.startswith(prefix) and name not in known)
        if unknown:
            raise SettingError(unknown[0], f"is no setting; there are: {', '.join(sorted(known))}")
        try:
            return cls()
        except ValidationError as exc:
            first: Any = exc.errors()[0]
            name = f"{prefix}{first['loc'][0]}".upper()
            raise SettingError(name, f"{first['msg']}, not {first['input']!r}") from exc


class IndexSettings(Settings):
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
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        default="info", description="debug, info, warning or error"
    )
    log_format: Annotated[str, Field(pattern="^(auto|json|console)$")] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json"
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
