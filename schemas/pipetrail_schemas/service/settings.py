"""Settings from the environment, checked at start; a wrong one stops the program."""

import os
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings

from pipetrail_schemas.errors import SettingError


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
            loaded = cls()
        except ValidationError as exc:
            first: Any = exc.errors()[0]
            field = first["loc"][0]
            name = f"{prefix}{field}".upper()
            if first["type"] == "missing":
                raise SettingError(name, f"is needed: {cls.model_fields[field].description}") from exc
            raise SettingError(name, f"{first['msg']}, not {first['input']!r}") from exc
        loaded.check(prefix)
        return loaded

    def check(self, prefix: str) -> None:
        """What one variable alone cannot tell: which go together, which files have to be there. Nothing, by default.

        Args:
            prefix: of the variables, for errors.

        Raises:
            SettingError: names the variable and what is allowed.
        """


class ServiceSettings(Settings):
    """What every program that runs for long can be told."""

    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        default="info", description="debug, info, warning or error"
    )
    log_format: Annotated[str, Field(pattern="^(auto|json|console)$")] = Field(
        default="auto", description="json, console, or auto: console on a terminal, else json"
    )


class WatchedSettings(ServiceSettings):
    """What a program with pages of its own (`service.pages`) can be told besides."""

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1", description="address of /healthz, /readyz and /metrics; whoever reaches it can read the figures"
    )
    port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="port of these pages; 0 takes a free one; by default the usual one, or a free one where that is taken",
    )
    away_after_s: float = Field(
        default=15.0,
        ge=1.0,
        le=3600.0,
        description="seconds without an answer after which a system counts as away, and /readyz as 503",
    )
