"""Who may send what, and how it is proven: the file that PIPETRAIL_COLLECT_SOURCES names.

    events:                                         # POST /v1/events, for agents
      audience: https://collector.acme.example      # what job tokens must be made out for
      tokens:
        - {name: build-agents, secrets: [{env: AGENTS_TOKEN}, {file: /run/secrets/agents-old}]}
      issuers:
        - issuer: https://token.actions.githubusercontent.com
          allow: {repository_owner_id: ["1234"]}    # anybody can have a token of a public issuer: say whose
    sources:                                        # POST /hooks/SYSTEM/NAME, and /hooks/SYSTEM where there is one
      - {name: forge, system: github, secrets: [{env: GITHUB_WEBHOOK_SECRET}]}
      - {name: cluster, system: tekton, unsigned: true}

A secret is named by an environment variable or a file, never written down here; of several, each is good, so that they can be
rotated. Whatever is wrong is said with file and line, and what is allowed, before the collector listens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service import yamlfile
from pipetrail_schemas.service.yamlfile import YamlFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipetrail_producers.webhook import systems
from pipetrail_producers.webhook.generic import MappingError, compile_mapping
from pipetrail_producers.webhook.signature import SCHEMES, check_secret
from pipetrail_producers.webhook.systems import PLACES

SETTING = "PIPETRAIL_COLLECT_SOURCES"
GENERIC = "generic"
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretPlace(_Model):
    """Where a secret stands: an environment variable, or a file without anything else in it."""

    env: str | None = None
    file: Path | None = None


class SourceSettings(_Model):
    """A system that sends webhooks."""

    name: _Name
    system: str
    scheme: str | None = None
    secrets: list[SecretPlace] = []
    unsigned: bool = False
    instance: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$")] | None = None
    headers: list[str] = []
    raw: Literal["sha256", "payload"] = "sha256"
    mapping: Any = None
    settings: dict[str, Any] = {}


class TokenSettings(_Model):
    """A bearer token of agents."""

    name: _Name
    secrets: list[SecretPlace]


class IssuerSettings(_Model):
    """An issuer of job tokens (OpenID Connect)."""

    issuer: str
    audience: str | None = None
    allow: dict[str, list[str]]
    algorithms: list[_Algorithm] = ["RS256"]
    single_use: bool = True


class EventsSettings(_Model):
    """Who may send events."""

    audience: str | None = None
    tokens: list[TokenSettings] = []
    issuers: list[IssuerSettings] = []
    unsigned: bool = False


class _File(_Model):
    events: EventsSettings = EventsSettings()
    sources: list[SourceSettings] = []


@dataclass(frozen=True, slots=True)
class Source:
    """A source with its secrets, ready to judge deliveries. `settings` go to its translator, a kept payload to its events."""

    name: str
    system: str
    scheme: str
    secrets: tuple[str, ...] = field(repr=False)
    instance: str | None
    headers: frozenset[str]
    settings: Mapping[str, Any] = field(repr=False)
    keeps_payload: bool = False

    @property
    def unsigned(self) -> bool:
        """Whether anybody may send to it."""
        return not self.secrets


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer whose tokens are accepted: for this audience, with these algorithms, when each of these claims is allowed."""

    issuer: str
    audience: str
    allow: Mapping[str, frozenset[str]]
    algorithms: tuple[str, ...]
    single_use: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """All that may be sent. `hooks` are by path, `tokens` are (name, secret), `by_name` is for the delivery."""

    hooks: Mapping[str, Source]
    by_name: Mapping[str, Source]
    tokens: tuple[tuple[str, str], ...] = field(repr=False)
    issuers: Mapping[str, Issuer]
    open_events: bool

    @property
    def secrets(self) -> list[str]:
        """Every secret: none of them may be found in what is kept."""
        return [*(secret for source in self.by_name.values() for secret in source.secrets), *(s for _, s in self.tokens)]


def load(path: Path, env: Mapping[str, str]) -> Sources:
    """Read the file, and the secrets that it names.

    Raises:
        SettingError: names file and line, and what is allowed.
    """
    file = yamlfile.read(path, setting=SETTING)
    try:
        content = _File.model_validate({} if file.content is None else file.content)
    except ValidationError as exc:
        raise _complaint(file, exc) from exc
    found = {one.name: _source(file, index, one, env) for index, one in enumerate(content.sources)}
    if len(found) < len(content.sources):
        raise file.error(("sources",), "two sources have the same name")
    tokens = [
        (one.name, secret)
        for index, one in enumerate(content.events.tokens)
        for secret in _secrets(file, ("events", "tokens", index), one.secrets, "bearer", env)
    ]
    issuers = [_issuer(file, index, one, content.events) for index, one in enumerate(content.events.issuers)]
    if content.events.unsigned and (tokens or issuers):
        raise file.error(("events", "unsigned"), "goes with neither tokens nor issuers: they would be worth nothing")
    if not (found or tokens or issuers or content.events.unsigned):
        raise file.error((), "allows nobody to send anything: it needs `sources`, or `events` with `tokens` or `issuers`")
    return Sources(_hooks(found), found, tuple(tokens), {one.issuer: one for one in issuers}, content.events.unsigned)


def _hooks(found: Mapping[str, Source]) -> dict[str, Source]:
    hooks = {f"/hooks/{source.system}/{name}": source for name, source in found.items()}
    for system in PLACES:
        of_system = [source for source in found.values() if source.system == system]
        if len(of_system) == 1:
            hooks[f"/hooks/{system}"] = of_system[0]
    return hooks


def _source(file: YamlFile, index: int, one: SourceSettings, env: Mapping[str, str]) -> Source:
    place = ("sources", index)
    if one.system not in PLACES:
        raise file.error((*place, "system"), f"{one.system!r} is not known; there are: {', '.join(PLACES)}")
    scheme = one.scheme or PLACES[one.system].scheme
    if scheme not in SCHEMES:
        raise file.error((*place, "scheme"), f"{scheme!r} is not known; there are: {', '.join(SCHEMES)}")
    if problem := systems.system(one.system).problem(one.settings):
        raise file.error((*place, "settings"), problem)
    secrets = _secrets(file, place, one.secrets, scheme, env) if one.secrets else ()
    if bool(secrets) == one.unsigned:
        raise file.error(place, "needs either `secrets`, or `unsigned: true` where anybody may send to it")
    return Source(
        name=one.name,
        system=one.system,
        scheme=scheme,
        secrets=secrets,
        instance=None if one.instance is None else one.instance.rstrip("/"),
        headers=frozenset(name.lower() for name in one.headers),
        settings={**one.settings, **_mapping(file, place, one)},
        keeps_payload=one.raw == "payload",
    )


def _mapping(file: YamlFile, place: tuple[str | int, ...], one: SourceSettings) -> dict[str, Any]:
    if (one.system == GENERIC) != (one.mapping is not None):
        raise file.error((*place, "mapping"), "belongs to sources of the system `generic`, which need it, and to no other")
    if one.mapping is None:
        return {}
    try:
        compile_mapping(one.mapping)
    except MappingError as exc:
        raise file.error((*place, "mapping", *exc.place), str(exc)) from exc
    if one.instance is None:
        raise file.error(place, "a generic source needs `instance`, the URL of the system that sends: ids hang on it")
    return {"mapping": one.mapping}


def _issuer(file: YamlFile, index: int, one: IssuerSettings, events: EventsSettings) -> Issuer:
    place = ("events", "issuers", index)
    if not _is_safe(one.issuer):
        raise file.error((*place, "issuer"), f"{one.issuer!r} is no https:// URL (http:// is allowed to the loopback only)")
    audience = one.audience or events.audience
    if not audience:
        raise file.error(place, "needs an `audience`, here or in `events`: a token for somebody else must not be good here")
    if not one.allow or not all(one.allow.values()) or not one.algorithms:
        raise file.error((*place, "allow"), "must name a claim and its allowed values: others can have tokens of this issuer")
    allow = {name: frozenset(values) for name, values in one.allow.items()}
    return Issuer(one.issuer, audience, allow, tuple(one.algorithms), one.single_use)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})


def _secrets(
    file: YamlFile, place: tuple[str | int, ...], places: list[SecretPlace], scheme: str, env: Mapping[str, str]
) -> tuple[str, ...]:
    if not places:
        raise file.error((*place, "secrets"), "is empty")
    return tuple(_secret(file, (*place, "secrets", index), one, scheme, env) for index, one in enumerate(places))


def _secret(file: YamlFile, place: tuple[str | int, ...], one: SecretPlace, scheme: str, env: Mapping[str, str]) -> str:
    if (one.env is None) == (one.file is None):
        raise file.error(place, "needs either `env`, the name of a variable, or `file`")
    if one.env is not None:
        where, secret = f"the environment variable {one.env}", env.get(one.env, "")
    else:
        target = file.folder / str(one.file)
        where = f"the file {target}"
        try:
            secret = target.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise file.error(place, f"{where} cannot be read: {exc}") from exc
    try:
        check_secret(scheme, secret)
    except ValueError as exc:
        raise file.error(place, f"{where} {'is not set' if not secret else exc}") from exc
    return secret


def _complaint(file: YamlFile, exc: ValidationError) -> SettingError:
    errors = exc.errors()
    # A misspelt name is told rather than that the right one is missing.
    error = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    if error["type"] != "extra_forbidden":
        return file.error(error["loc"], error["msg"])
    inside = next((part for part in reversed(error["loc"][:-1]) if isinstance(part, str)), "")
    allowed = ", ".join(_MODELS.get(inside, _File).model_fields)
    return file.error(error["loc"], f"is not known here; allowed: {allowed}")


_MODELS: Mapping[str, type[_Model]] = {
    "events": EventsSettings,
    "tokens": TokenSettings,
    "issuers": IssuerSettings,
    "sources": SourceSettings,
    "secrets": SecretPlace,
}
