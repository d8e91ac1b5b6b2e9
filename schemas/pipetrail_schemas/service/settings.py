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
