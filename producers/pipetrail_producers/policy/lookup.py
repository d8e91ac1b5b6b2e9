"""Whether a ticket exists: where it is asked, and what the answers mean. Pure, standard library only.

Three states, since a wrong "missing" stops good work and a wrong "exists" is worth nothing: a ticket exists when the tracker
shows it, it is missing when the tracker shows what it would have to stand in (the project, the repository) and not the ticket,
and else it is unverifiable. Trackers answer 404 alike for what is not there and for what may not be seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit

from pipetrail_schemas.errors import SettingError

Tracker = Literal["jira", "github", "gitlab"]

DEFAULT_TIMEOUT_S = 5
# A gate over a range asks for many tickets; a minute is longer than anybody waits for it.
MAX_TIMEOUT_S = 60
_DEFAULT_URLS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
_OK, _MOVED, _GONE = 200, frozenset({301, 307, 308}), frozenset({404, 410})


class State(StrEnum):
    """What is known of a ticket."""

    EXISTS = "exists"
    MISSING = "missing"
    UNVERIFIABLE = "unverifiable"


class Looked(NamedTuple):
    """What a look-up of a ticket brought; `why` says what stood in the way, or what is missing."""

    ticket: str
    state: State
    why: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where tickets are looked up: `[ticket_lookup]` of the rules file.

    Args:
        system: which tracker.
        url: Jira's or GitLab's address, or the root of GitHub's API.
        project: the repository or project that `#17` is counted in (GitHub `owner/name`, GitLab's full path).
        strict: refuse what cannot be verified, too.
        timeout: seconds for all look-ups of a check together.
    """

    system: Tracker
    url: str
    project: str = ""
    strict: bool = False
    timeout: int = DEFAULT_TIMEOUT_S


class Question(NamedTuple):
    """Two addresses: of the ticket, and of what it would stand in."""

    ticket: str
    container: str


def lookup_of(table: object, setting: str) -> Lookup:
    """The look-up that a table of a rules file describes.

    Raises:
        SettingError: names the setting and what is allowed.
    """
    if not isinstance(table, Mapping):
        raise SettingError(setting, "is not a table: write [ticket_lookup]")
    known = ("system", "url", "project", "strict", "timeout")
    unknown = sorted(table.keys() - set(known))
    if unknown:
        raise SettingError(f"{setting}.{unknown[0]}", f"is not known; there are {', '.join(known)}")
    system: Any = table.get("system")
    if system not in get_args(Tracker):
        raise SettingError(f"{setting}.system", f"{system!r} is not one of {', '.join(get_args(Tracker))}")
    url = _url(table.get("url", _DEFAULT_URLS.get(system)), f"{setting}.url")
    return Lookup(system, url, _project(system, table, setting), _strict(table, setting), _timeout(table, setting))


def question(lookup: Lookup, ticket: str) -> Question | None:
    """What to ask about a ticket (`PAY-17`, `#17`); None where the tracker has no tickets of that kind."""
    number = ticket.removeprefix("#") if ticket.startswith("#") else None
    if lookup.system == "jira":
        project, dash, rest = ticket.rpartition("-")
        if not (dash and project.isalnum() and rest.isdigit()):
            return None
        api = f"{lookup.url}/rest/api/2"
        return Question(f"{api}/issue/{quote(ticket)}?fields=summary", f"{api}/project/{quote(project)}")
    if number is None:
        return None
    if lookup.system == "github":
        repository = f"{lookup.url}/repos/{quote(lookup.project)}"
        return Question(f"{repository}/issues/{number}", repository)
    project = f"{lookup.url}/api/v4/projects/{quote(lookup.project, safe='')}"
    return Question(f"{project}/issues/{number}", project)


def state_of(status: int, answer: Any, container_status: int | None) -> State | None:
    """What the answers mean; None where it depends on the container, which has to be asked then.

    Args:
        status: of the answer about the ticket.
        answer: its JSON.
        container_status: of the answer about what the ticket would stand in; None while not asked.
    """
    if status == _OK:
        # GitHub counts pull requests and issues together; a pull request is no reason for itself.
        return State.MISSING if isinstance(answer, Mapping) and "pull_request" in answer else State.EXISTS
    if status in _MOVED:
        return State.EXISTS
    if status not in _GONE:
        return State.UNVERIFIABLE
    if container_status is None:
        return None
    return State.MISSING if container_status == _OK else State.UNVERIFIABLE


def _url(value: object, setting: str) -> str:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or bool(parts.query)
    except ValueError:
        wrong = True
    if wrong or "@" in parts.netloc:
        raise SettingError(setting, f"{value!r} is not https://host")
    return str(value).rstrip("/")


def _project(system: str, table: Mapping[str, Any], setting: str) -> str:
    project = table.get("project", "")
    if not isinstance(project, str) or (system != "jira" and "/" not in project.strip("/")):
        raise SettingError(f"{setting}.project", f"{project!r} is not owner/name: it says where #17 is counted")
    return project.strip("/")


def _strict(table: Mapping[str, Any], setting: str) -> bool:
    strict = table.get("strict", False)
    if not isinstance(strict, bool):
        raise SettingError(f"{setting}.strict", f"{strict!r} is not true or false")
    return strict


def _timeout(table: Mapping[str, Any], setting: str) -> int:
    seconds = table.get("timeout", DEFAULT_TIMEOUT_S)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= MAX_TIMEOUT_S:
        raise SettingError(f"{setting}.timeout", f"{seconds!r} is not a number of seconds from 1 to {MAX_TIMEOUT_S}")
    return seconds
