"""The settings of `pipetrail notify`: from the environment, checked at start; a wrong one stops it."""

from pathlib import Path
from typing import Annotated

from pipetrail_schemas.service.settings import WatchedSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class NotifySettings(WatchedSettings):
    """`PIPETRAIL_NOTIFY_*`: how the notifier runs."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_NOTIFY_")

    routes: Path | None = Field(default=None, description="the routes file (YAML): who is told what, on which channel, when")
    state: Path | None = Field(
        default=None, description="file of what was told and what waits (SQLite); by default notify.sqlite in the home folder"
    )
    group: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default="pipetrail-notify", description="Kafka consumer group; another one reads everything again from the start"
    )
    allow_loopback: bool = Field(
        default=False, description="true: channels may be http to 127.0.0.1 or ::1, for trying things out on one machine"
    )
