"""What the reference data say of one event: person and roles as of then, the human behind a bot, team, service, tier.

Pure: the same event and the same data give the same answer. The human behind a bot is whom the origin says it acted for, else
whom the commit's trailers name, else who answers for the bot by the reference data; else it is unresolved, and said to be. In
a trail the author of the change comes before that, see `summary`.
"""

from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipetrail_processors.directory.claims import names_actor, proven_claims
from pipetrail_processors.directory.person import Person
from pipetrail_processors.directory.reference import Reference, Service
from pipetrail_processors.enrich.reading import Content, Reading

BOTS = frozenset({"app", "service_account", "system", "api_key"})
# Trailers by which a bot says for whom it committed: GitHub documents the first, the others are git's and Gerrit's custom.
_TRAILERS = ("on-behalf-of", "requested-by", "co-authored-by")
_NOTHING: Content = {}
Fact = dict[str, Any]  # of `pipetrail_processors.trail.fact`


class Context(NamedTuple):
    """What there is to add to an event. Empty texts and None: nothing is known."""

    person: Person | None = None
    roles: tuple[str, ...] = ()
    acting_roles: tuple[str, ...] = ()  # of whom the deed is put down to: the human behind a bot, else the actor
    human: dict[str, str] | None = None
    human_by: str = ""
    service: str = ""
    team: str = ""
    tier: str = ""


NOTHING_KNOWN = Context()


def context_of(reading: Reading, reference: Reference) -> Context:
    """What to add to the event."""
    user = reading.data.get("user") or _NOTHING
    host = _host(reading.source)
    actor = reading.own.get("actor") or _NOTHING
    bot = actor.get("type") in BOTS or str(user.get("name", "")).endswith("[bot]")
    entry = reference.bot(str(user.get("name") or user.get("id") or "")) if user and not reference.is_empty else None
    human, human_by = _human(reading, reference, host, entry.human if entry else None) if bot or entry else (None, "")
    if reference.is_empty:
        return Context(human=human, human_by=human_by)
    person = None if bot or entry else _person(reading, reference, user, host)
    service = reference.service(reading.repository or "", (reading.data.get("service") or _NOTHING).get("name"))
    roles = _roles(reading, reference, person, service)
    behalf = human or actor.get("on_behalf_of")
    return Context(
        person=person,
        roles=roles,
        acting_roles=_held(reading, reference, _known_person(reference, host, behalf), service) if behalf else roles,
        human=human,
        human_by=human_by,
        service=service.name if service else "",
        team=reference.team(reading.repository or "", service) or "",
        tier=reference.tier(reading.environment) or "" if reading.environment else "",
    )


@lru_cache(maxsize=4096)
def _host(source: str) -> str:
    try:
        return urlsplit(source).netloc.rpartition("@")[2].casefold()
    except ValueError:  # brackets that hold no address
        return ""


def resolve_authors(fact: Fact, reference: Reference) -> None:
    """Put the people that the reference data know in the place of the author and committer of a commit's fact."""
    about = fact.get("c")
    if not about or reference.is_empty:
        return
    for key in ("a", "c"):
        email = about.get(key, {}).get("email")
        person = reference.person(email) if email else None
        if person:
            about[key] = person.shown


def _roles(reading: Reading, reference: Reference, person: Person | None, service: Service | None) -> tuple[str, ...]:
    """The actor's roles as of the event: those that the files tell, and those that proven claims give."""
    claims = proven_claims(reading.content)
    names = claims and names_actor(claims, reading.data.get("user") or _NOTHING)
    claimed = reference.roles_of(claims, reading.time) if names else ()
    return tuple(sorted({*_held(reading, reference, person, service), *claimed}))


def _held(reading: Reading, reference: Reference, person: Person | None, service: Service | None) -> tuple[str, ...]:
    return tuple(reference.roles(person, reading.repository or "", service, reading.time)) if person else ()


def _person(reading: Reading, reference: Reference, user: Content, host: str) -> Person | None:
    """Who the actor is: by what was proven, else by e-mail address, else by login or id."""
    proven = reading.content.get("authid") if reading.content.get("authtype") else None
    keys = (proven, user.get("email"), user.get("name"), user.get("id"))
    return next((found for key in keys if key and (found := reference.person(str(key), host))), None)


def _human(reading: Reading, reference: Reference, host: str, answers: str | None) -> tuple[dict[str, str] | None, str]:
    told = (reading.own.get("actor") or _NOTHING).get("on_behalf_of")
    if told:
        return _known(reference, host, told), "origin"
    trailers = (reading.own.get("commit") or _NOTHING).get("trailers") or _NOTHING
    by_name = {name.casefold(): values for name, values in trailers.items()}
    for name in _TRAILERS:
        for value in by_name.get(name, ()):
            named = _named(value)
            if named and not named.get("name", "").endswith("[bot]"):
                return _known(reference, host, named), "trailer"
    person = reference.person(answers, host) if answers else None
    return (person.shown, "reference") if person else (None, "unresolved")


def _named(value: str) -> dict[str, str] | None:
    """Name and address of a trailer like `Mara Lind <mara@example.com>`."""
    name, bracket, address = value.partition("<")
    email = address.partition(">")[0].strip()
    if not bracket or "@" not in email:
        return None
    return {"name": name.strip(), "email": email} if name.strip() else {"email": email}


def _known(reference: Reference, host: str, told: Any) -> dict[str, str]:
    """The human as the reference data know them, else as told."""
    person = _known_person(reference, host, told)
    return person.shown if person else {name: str(told[name]) for name in ("id", "name", "email") if told.get(name)}


def _known_person(reference: Reference, host: str, told: Any) -> Person | None:
    keys = (told.get("email"), told.get("name"), told.get("id"))
    return next((found for key in keys if key and (found := reference.person(str(key), host))), None)
