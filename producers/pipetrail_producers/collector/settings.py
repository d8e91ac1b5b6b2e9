"""The settings of `pipetrail collect`: from the environment, checked at start; a wrong one stops it.

Who may send what stands in a file of its own (`sources`), which these settings name.
"""

from pathlib import Path
from typing import Annotated

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

_MIB = 1024 * 1024
# GitHub's payloads are capped at 25 MiB; nobody sends larger ones.
DEFAULT_BODY_BYTES = 25 * _MIB


class CollectSettings(ServiceSettings):
    """`PIPETRAIL_COLLECT_*`: how the collector runs."""

    model_config = SettingsConfigDict(env_prefix="PIPETRAIL_COLLECT_")

    sources: Path = Field(description="file (YAML) that says who may send what, and how it is proven; needed")
    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1", description="address to listen on; others than the loopback want TLS, here or before it"
    )
    port: int = Field(default=8480, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    store: Path | None = Field(
        default=None, description="folder of what is not delivered yet; `collector` in the home by default"
    )
    store_bytes: int = Field(
        default=1024 * _MIB,
        ge=_MIB,
        le=1024 * 1024 * _MIB,
        description="bound of the store in bytes; full is answered with 503",
    )
    body_bytes: int = Field(
        default=DEFAULT_BODY_BYTES, ge=1024, le=256 * _MIB, description="largest body in bytes; more is answered with 413"
    )
    body_timeout_s: float = Field(
        default=10.0,
        ge=0.1,
        le=300.0,
        description="seconds that a body may take to arrive; GitHub waits no longer for an answer",
    )
    gap_wait_s: float = Field(
        default=900.0,
        ge=1.0,
        le=86_400.0,
        description="seconds after which a missing number of an agent's stream counts as lost",
    )
    tls_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate and its chain; TLS with tls_key"
    )
    tls_key: Path | None = Field(default=None, description="PEM file of the certificate's key")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM file of the authority whose clients alone may connect (mutual TLS)"
    )

    def check(self, prefix: str) -> None:
        """TLS's settings go together, and the files that are named are there."""
        if (self.tls_certificate is None) != (self.tls_key is None) or (self.tls_client_ca and self.tls_certificate is None):
            raise SettingError(f"{prefix}TLS_CERTIFICATE", "and _TLS_KEY go together, and _TLS_CLIENT_CA needs both")
        for name in ("sources", "tls_certificate", "tls_key", "tls_client_ca"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise SettingError(f"{prefix}{name}".upper(), f"{path} is no file")
