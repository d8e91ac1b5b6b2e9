"""The reference folder: people, bots, services, environments and code owners, validated as a whole. Nothing of it is guessed.

people.yaml, *.csv, *.scim.json     people (`people_files`); a key that two of them have is an error
bots.yaml                           bots: [{match: ["renovate*"], human: ann}]
services.yaml                       services: [{name, repositories: ["*/acme/shop"], path, team}]
environments.yaml                   environments: [{match: ["prod*"], tier: production}]
claims.yaml                         claims: [{issuer, when: {user_access_level: [owner]}, role}] (`claims`)
codeowners/HOST/OWNER/REPOSITORY    a copy of the repository's CODEOWNERS
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.yamlfile import parse
from pydantic import BaseModel, ConfigDict, StringConstraints

from pipetrail_processors.directory.claims import ClaimedRole, ClaimsFile, roles_by
from pipetrail_processors.directory.codeowners import CODE_OWNER, CodeOwners, parse_codeowners
from pipetrail_processors.directory.patterns import Patterns, matches
from pipetrail_processors.directory.people_files import SETTING, Found, from_csv, from_scim, from_yaml
from pipetrail_processors.directory.person import Person

_Name = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_CODEOWNERS = "codeowners"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bot(_Part):
    """Accounts that are nobody, and the human who answers for them; `human` is somebody's id, login or e-mail address."""

    match: Patterns
    human: _Name | None = None


class Service(_Part):
    """A service: which repositories, and which folder of them, it is made of; and the team that owns it."""

    name: _Name
    repositories: Patterns
    path: str = ""
    team: _Name | None = None


class Tier(_Part):
    """What kind of environment those that match are: production, staging, testing … as the company calls it."""

    match: Patterns
    tier: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]


class _BotsFile(_Part):
    bots: tuple[Bot, ...]


class _ServicesFile(_Part):
    services: tuple[Service, ...]


class _EnvironmentsFile(_Part):
    environments: tuple[Tier, ...]


# The files that are read in one way, by their names; each holds one list, called as its field.
_PARTS: Mapping[str, type[BaseModel]] = {
    "bots.yaml": _BotsFile,
    "services.yaml": _ServicesFile,
    "environments.yaml": _EnvironmentsFile,
    "claims.yaml": ClaimsFile,
}
_YAML_FILES = ("people.yaml", *_PARTS)


class Reference:
    """All reference data, for looking up. Immutable; a change of the files makes a new one."""

    def __init__(
        self,
        people: Iterable[Found] = (),
        bots: Iterable[Bot] = (),
        services: Iterable[Service] = (),
        tiers: Iterable[Tier] = (),
        *,
        owners: Mapping[str, CodeOwners] | None = None,
        claims: Iterable[ClaimedRole] = (),
    ) -> None:
        self._people = _by_key(people)
        self._bots, self._services, self._tiers = tuple(bots), tuple(services), tuple(tiers)
        self._owners = owners or {}
        self._claims = tuple(claims)
        known = (self._people, self._bots, self._services, self._tiers, self._owners, self._claims)
        self.is_empty = not any(known)

    def person(self, key: str, host: str = "") -> Person | None:
        """Whose id, e-mail address or login that is; a login of the host's system comes before one of every system."""
        folded = key.casefold()
        return (self._people.get(f"{host}/{folded}") if host else None) or self._people.get(folded)

    def roles_of(self, claims: Mapping[str, str], time: str) -> list[str]:
        """The roles that proven claims gave at a canonical time."""
        return roles_by(self._claims, claims, time) if claims else []

    def bot(self, name: str) -> Bot | None:
        """The first entry about accounts of that name."""
        folded = name.casefold()
        return next((bot for bot in self._bots if matches(bot.match, folded)), None)

    def service(self, repository: str, name: str | None) -> Service | None:
        """The service of that name in the repository; without a name the only one that is made of the repository."""
        candidates = [service for service in self._services if matches(service.repositories, repository.casefold())]
        if name:
            return next((service for service in candidates if service.name == name), None)
        return candidates[0] if len(candidates) == 1 else None

    def team(self, repository: str, service: Service | None) -> str | None:
        """Who owns it: the service's team, else the first team that CODEOWNERS names for its folder, else for the root."""
        if service and service.team:
            return service.team
        owners = self._owners_of(repository, service)
        return next((owner.removeprefix("@") for owner in owners if owner.startswith("@") and "/" in owner), None)

    def roles(self, person: Person, repository: str, service: Service | None, time: str) -> list[str]:
        """The roles that a person had at a canonical time: those held then, and whether CODEOWNERS named them, or their team.

        Of CODEOWNERS the owners of the service's folder count, else those of the root, while the person was employed.
        """
        held = person.roles_at(time)
        if CODE_OWNER in held or not person.employed_at(time):
            return held
        host = repository.partition("://")[2].partition("/")[0].casefold()
        names_them = any(person.is_called(owner, host) for owner in self._owners_of(repository, service))
        return sorted([*held, CODE_OWNER]) if names_them else held

    def _owners_of(self, repository: str, service: Service | None) -> tuple[str, ...]:
        told = self._owners.get(repository.partition("://")[2].casefold())
        return told.owners(service.path if service else "") if told else ()

    def tier(self, environment: str) -> str | None:
        """What kind of environment it is; the first entry that matches decides."""
        return next((tier.tier for tier in self._tiers if matches(tier.match, environment.casefold())), None)


@lru_cache(maxsize=1)
def no_reference() -> Reference:
    """The reference data where there is no folder: nothing is known."""
    return Reference()


def load_reference(folder: Path) -> Reference:
    """Read the folder.

    Raises:
        SettingError: names file, line, and what is wrong with it.
    """
    people: list[Found] = []
    parts: dict[str, Any] = {}
    owners = {}
    for path in files_of(folder):
        name, text = path.relative_to(folder).as_posix(), _read(path)
        if name == "people.yaml":
            people += from_yaml(text, name)
        elif name.endswith(".csv"):
            people += from_csv(text, name)
        elif name.endswith(".scim.json"):
            people += from_scim(text, name)
        elif model := _PARTS.get(name):
            parts |= dict(parse(text, setting=SETTING, name=name).validated(model))
        else:
            repository = name.removeprefix(f"{_CODEOWNERS}/").casefold()
            owners[repository] = parse_codeowners(text, setting=SETTING, name=name)
    bots: tuple[Bot, ...] = parts.get("bots", ())
    services, tiers = parts.get("services", ()), parts.get("environments", ())
    reference = Reference(people, bots, services, tiers, owners=owners, claims=parts.get("claims", ()))
    for bot in bots:
        if bot.human and not reference.person(bot.human):
            raise SettingError(SETTING, f"bots.yaml: {bot.match[0]}: {bot.human!r} is nobody's id, login or e-mail address")
    return reference


def files_of(folder: Path) -> list[Path]:
    """The files of a reference folder, in order of their names. What begins with a dot or is a README is not read.

    Raises:
        SettingError: there is no such folder, or a file in it is not known.
    """
    try:
        found = sorted(path for path in folder.rglob("*") if path.is_file())
    except OSError as exc:
        raise SettingError(SETTING, f"{folder} cannot be read: {exc}") from exc
    if not folder.is_dir():
        raise SettingError(SETTING, f"{folder} is no folder")
    files = []
    for path in found:
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or name.stem.upper() == "README":
            continue
        if name.parts[0] != _CODEOWNERS and not (name.name in _YAML_FILES or name.name.endswith((".csv", ".scim.json"))):
            allowed = f"{', '.join(_YAML_FILES)}, *.csv, *.scim.json, {_CODEOWNERS}/HOST/OWNER/REPOSITORY"
            raise SettingError(SETTING, f"{name}: is no reference file; allowed: {allowed}")
        files.append(path)
    return files


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingError(SETTING, f"{path} cannot be read: {exc}") from exc


def _by_key(people: Iterable[Found]) -> dict[str, Person]:
    found: dict[str, Found] = {}
    for person, place in people:
        for key in person.keys:
            if key in found:
                raise SettingError(SETTING, f"{place}: {key!r} is {found[key][0].id}'s already ({found[key][1]})")
            found[key] = person, place
    return {key: person for key, (person, _) in found.items()}
