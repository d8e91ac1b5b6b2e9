"""The settings of `pipetrail process`: from the environment, checked at start; a wrong one stops it.

What would lose data cannot be set: acknowledgements, idempotence, the order of checkpoint and commit, where reading starts. Nor
can it through PIPETRAIL_KAFKA_CONFIG: what the clients are told here comes after it. Settings that are good alone and lose
something together are refused (`check`).
"""

from pathlib import Path
from typing import Annotated

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.settings import WatchedSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

# While a batch waits for Kafka nothing is fetched; after 600 s of that (`transport.consumer`) Kafka takes the partitions away.
MAX_DELIVERY_TIMEOUT_S = 540.0
_DAY_S = 86_400


class ProcessSettings(WatchedSettings):
    """`PIPETRAIL_PROCESS_*`: how the processor runs."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_PROCESS_")

    group: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")] = Field(
        default="pipetrail-processor-v1",
        description="Kafka consumer group, and the prefix of the changelog topic; another one starts anew with an empty state",
    )
    datadir: Path | None = Field(
        default=None,
        description="folder of the state on disk, of one worker alone; the first free state/processor-N of the home by default",
    )
    alias_wait_s: float = Field(
        default=600.0, ge=1.0, le=7 * 86_400, description="seconds that an event without a commit waits for what it belongs to"
    )
    retention_days: int = Field(
        default=400,
        ge=7,
        le=3650,
        description="days that what nothing happens to stays in the state; its documents stay longer",
    )
    policy: Path | None = Field(default=None, description="policy file (YAML); the built-in policy by default")
    rules: Path | None = Field(
        default=None, description="folder of rules (*.yaml) that add to the built-in ones or replace them"
    )
    exclusions: Path | None = Field(
        default=None, description="exclusions file (YAML): findings that are known and accepted for a while; none by default"
    )
    reference_dir: Path | None = Field(
        default=None, description="folder of reference data: people, bots, services, environments, code owners; none by default"
    )
    batch_messages: int = Field(
        default=1000, ge=1, le=10_000, description="messages a batch; more wait longer for each other, fewer cost more each"
    )
    commit_interval_s: float = Field(
        default=1.0, ge=0.1, le=30.0, description="seconds between checkpoints; what is repeated after a crash"
    )
    session_timeout_s: float = Field(
        default=10.0, ge=6.0, le=300.0, description="seconds of silence after which Kafka gives a worker's partitions to others"
    )
    standby_replicas: int = Field(
        default=0,
        ge=0,
        le=2,
        description="other workers that keep a copy of each state, so that one of them goes on at once when a worker dies",
    )
    delivery_timeout_s: float = Field(
        default=300.0,
        ge=10.0,
        le=MAX_DELIVERY_TIMEOUT_S,
        description="seconds that Kafka may be away before the processor ends, to start again",
    )

    def check(self, prefix: str) -> None:
        """See `Settings.check`: what waits must not be let go as old before its wait is over.

        Raises:
            SettingError: the wait is too long for the retention.
        """
        if self.alias_wait_s * 2 > self.retention_days * _DAY_S:
            allowed = self.retention_days * _DAY_S // 2
            raise SettingError(
                f"{prefix}ALIAS_WAIT_S",
                f"must be at most half of {prefix}RETENTION_DAYS ({allowed}): what waits must not leave the state as old",
            )
