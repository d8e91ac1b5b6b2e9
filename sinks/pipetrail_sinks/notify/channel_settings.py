"""The channels of the routes file: what each kind needs. Where a secret stands is told, never the secret itself."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretPlace(_Model):
    """Where a secret stands: an environment variable, or a file without anything else in it."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "SecretPlace":
        if (self.env is None) == (self.file is None):
            raise ValueError("needs either `env`, the name of a variable, or `file`")
        return self


class SlackSettings(_Model):
    """Slack: an incoming webhook, or a bot's token and the channel's id, with which answers come in threads."""

    type: Literal["slack"]
    webhook: SecretPlace | None = None
    token: SecretPlace | None = None
    conversation: Annotated[str, Field(pattern=r"^[A-Z0-9]{5,20}$")] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SlackSettings":
        if (self.webhook is None) == (self.token is None) or (self.token is None) != (self.conversation is None):
            raise ValueError("needs either `webhook`, or `token` and `conversation` (the channel's id, like C0123456789)")
        return self


class TeamsSettings(_Model):
    """Microsoft Teams: the address of a workflow that posts what it is sent."""

    type: Literal["teams"]
    webhook: SecretPlace


class PagerDutySettings(_Model):
    """PagerDuty: the integration key of a service (Events API v2)."""

    type: Literal["pagerduty"]
    key: SecretPlace
    region: Literal["us", "eu"] = "us"
    url: str | None = Field(default=None, description="another receiver of the same API")


class WebhookSettings(_Model):
    """Any receiver of HTTP, with a signature by Standard Webhooks; the first of several secrets' signatures is the newest."""

    type: Literal["webhook"]
    url: str | SecretPlace
    secrets: list[SecretPlace] = Field(min_length=1)


class MailSettings(_Model):
    """E-mail, by a relay. `tls: none` is allowed to this machine's own relay only."""

    type: Literal["mail"]
    host: str
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: Path | None = None
    user: str | None = None
    password: SecretPlace | None = None
    sender: str = Field(alias="from")
    to: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _safe(self) -> "MailSettings":
        if self.tls == "none" and self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("`tls: none` is allowed to 127.0.0.1, ::1 and localhost only")
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` go together")
        for address in (self.sender, *self.to):
            if "@" not in address or any(character.isspace() for character in address):
                raise ValueError(f"{address!r} is no e-mail address")
        return self


class ConsoleSettings(_Model):
    """Standard output."""

    type: Literal["console"]


class AppriseSettings(_Model):
    """Anything that apprise knows, by its address. Apprise calls it by itself, past the check of targets."""

    type: Literal["apprise"]
    url: SecretPlace
    unchecked_target: Literal[True]


ChannelSettings = Annotated[
    SlackSettings | TeamsSettings | PagerDutySettings | WebhookSettings | MailSettings | ConsoleSettings | AppriseSettings,
    Field(discriminator="type"),
]


def kinds_left_out(place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The place of an error in the file: pydantic names a channel's kind as a step of the way to it, which the file has not."""
    if len(place) > 2 and place[0] == "channels":  # noqa: PLR2004 - channels, its name, its kind
        return (*place[:2], *(part for part in place[3:] if part not in {"str", "SecretPlace"}))
    return place
