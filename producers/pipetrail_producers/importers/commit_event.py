"""A commit, a tag or a squash as an event. Pure: the time of recording is passed in.

A commit's id follows from the repository and its own hash, so that history imported twice, or told by a webhook as well, is one
fact. The actor is the commit's author, who is asserted by the commit and not proven: there is no `authtype` unless a signature
was checked and is good.
"""

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from pipetrail_schemas.ids import event_id
from pipetrail_schemas.ticket import find_ticket
from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import EVENT_TYPES, EventType

from pipetrail_producers.ci.context import repository_name
from pipetrail_producers.importers.commit import Commit, Person, trailers
from pipetrail_producers.importers.squash import Squash

# What the schema takes (`Commit.message`, `Name`).
_MAX_MESSAGE_CHARACTERS = 100_000
_MAX_NAME_CHARACTERS = 4096
# In trailers, which repeat parts of the message; with them an event stays below MAX_EVENT_BYTES.
_MAX_TRAILER_CHARACTERS = 20_000
_COMMIT = EVENT_TYPES["commit.recorded"]
_TAG = EVENT_TYPES["tag.created"]
_SQUASH = EVENT_TYPES["commit.squashed"]
# The last second that a datetime can express.
_LAST_SECOND = 253_402_300_799

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_string = json.encoder.encode_basestring

Signature = dict[str, str]
# By whether the commit carries one.
_UNCHECKED = {False: '{"state":"none"}', True: '{"state":"unverified"}'}


class Tag(NamedTuple):
    """An annotated tag: `revision` is the commit that it points to, `object_id` the tag's own."""

    name: str
    revision: str
    object_id: str
    tagger: Person


class EventMaker:
    """Makes the events of one repository.

    An event is put together as text from parts that are encoded once (the envelope, each person) and those that are its own:
    `json.dumps` of the whole took half of an import's time.

    Args:
        repository: canonical URL.
        recorded: when pipetrail records them.
    """

    def __init__(self, repository: str, recorded: datetime) -> None:
        self._repository = repository
        envelope = {
            "specversion": "1.0",
            "source": repository,
            "recordedtime": format_time(recorded),
            "datacontenttype": "application/json",
            "partitionkey": repository,
        }
        kinds = (_COMMIT, _TAG, _SQUASH)
        self._starts = {
            kind.name: _json({**envelope, "type": kind.full_name, "dataschema": kind.schema_url})[:-1] for kind in kinds
        }
        self._vcs = _json({"repository": {"name": repository_name(repository), "url": {"full": repository}}})[:-1]
        self._days: dict[int, str] = {}

    def commit(self, sha: str, commit: Commit, signature: Signature | None = None) -> bytes:
        """The value of the `commit.recorded` of a commit, as UTF-8 JSON.

        Args:
            sha: the commit's full id.
            commit: what it says.
            signature: the outcome where the signature was checked; else it is "unverified" or "none".
        """
        identity = event_id(provider="git", instance=self._repository, kind="commit", native_id=sha)
        # Forges list messages without the newline at their end, and both tellings are one fact.
        message = commit.message.strip()
        found = trailers(message)
        ticket = find_ticket((message,))
        committed = self._time(commit.committer.seconds)
        authored = committed if commit.author.seconds == commit.committer.seconds else self._time(commit.author.seconds)
        text = "".join(
            (
                self._envelope(_COMMIT, identity, sha, committed),
                _proof(signature),
                self._data(commit.author, f'{{"revision":"{sha}"}}'),
                f',"ticket":{{"id":"{ticket}"}}' if ticket else "",
                f',"commit":{{"message":{_string(_limited(message))}',
                f',"parents":[{",".join(map(_string, commit.parents))}]',
                f',"author":{_with_time(commit.author, authored)},"committer":{_with_time(commit.committer, committed)}',
                f',"signature":{_json(signature) if signature else _UNCHECKED[commit.signed]}',
                f',"trailers":{_json(_sane(found))}' if found else "",
                "}}}}",
            )
        )
        return text.encode()

    def tag(self, tag: Tag) -> bytes:
        """The value of the `tag.created` of an annotated tag. A tag set anew on another commit is another fact."""
        native_id = f"{tag.name}@{tag.object_id}"
        identity = event_id(provider="git", instance=self._repository, kind="tag", native_id=native_id)
        head = _json({"name": tag.name, "type": "tag", "revision": tag.revision})
        envelope = self._envelope(_TAG, identity, tag.name, self._time(tag.tagger.seconds))
        return f"{envelope}{self._data(tag.tagger, head)}}}}}}}".encode()

    def squash(self, squash: Squash, commit: Commit) -> bytes:
        """The value of the `commit.squashed` of a commit and the head of the branch that it holds.

        It says nothing but what follows from these two: found again with other refs beside them, it is the same fact.
        """
        native_id = f"{squash.commit} {squash.head}"
        identity = event_id(provider="git", instance=self._repository, kind="squash", native_id=native_id)
        envelope = self._envelope(_SQUASH, identity, squash.commit, self._time(commit.committer.seconds))
        data = self._data(commit.committer, _json({"revision": squash.commit}), f'"event":{_json({"reason": _why(squash)})},')
        about = {"head": squash.head, "base": squash.base, "commits": squash.commits, "evidence": squash.evidence}
        return f'{envelope}{data},"squash":{_json(about)}}}}}}}'.encode()

    def _envelope(self, kind: EventType, identity: str, subject: str, time: str) -> str:
        return f'{self._starts[kind.name]},"id":"{identity}","time":"{time}","subject":{_string(subject)}'

    def _data(self, actor: Person, head: str, more: str = "") -> str:
        """`data`, with more members before, left open in its last member, `pipetrail`."""
        named = _named(actor.name, actor.email)
        user = f'"user":{{{named}}},' if named else ""
        about_actor = f'"actor":{{"type":"{_actor_type(actor)}"}}'
        return f',"data":{{{more}{user}"vcs":{self._vcs},"ref":{{"head":{head}}}}},"pipetrail":{{{about_actor}'

    def _time(self, seconds: int) -> str:
        """RFC 3339 in UTC; a claim that no calendar can express becomes 1970, as git itself shows it."""
        if not 0 <= seconds <= _LAST_SECOND:
            seconds = 0
        day, second = divmod(seconds, 86_400)
        date = self._days.get(day)
        if date is None:
            date = self._days[day] = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
        minute, second = divmod(second, 60)
        return f"{date}T{minute // 60:02}:{minute % 60:02}:{second:02}.000Z"


def _why(squash: Squash) -> str:
    what = "has the same tree as" if squash.evidence == "same_tree" else "changes the same lines as"
    count = "the one commit" if squash.commits == 1 else f"the {squash.commits} commits"
    return f"{what} {count} up to {squash.head}"


def _with_time(person: Person, time: str) -> str:
    named = _named(person.name, person.email)
    return f'{{{named}{"," if named else ""}"time":"{time}"}}'


# A history has few people and many commits.
@lru_cache(maxsize=100_000)
def _named(name: str, email: str) -> str:
    """The members `name` and `email` of an object, without its braces; those that are empty are left out."""
    named = {"name": name[:_MAX_NAME_CHARACTERS], "email": email[:_MAX_NAME_CHARACTERS]}
    return _json({key: value for key, value in named.items() if value})[1:-1]


def _actor_type(person: Person) -> str:
    # GitHub's apps commit under a name of this form.
    return "app" if person.name.endswith("[bot]") else "user"


def _proof(signature: Signature | None) -> str:
    if signature is None or signature["state"] != "good":
        return ""
    return f',"authtype":"user","authid":{_string(signature["signer"])}' if "signer" in signature else ',"authtype":"user"'


def _limited(message: str) -> str:
    if len(message) <= _MAX_MESSAGE_CHARACTERS:
        return message
    digest = hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest()
    note = f"\n[{len(message)} characters in all, sha256:{digest}]"
    return message[: _MAX_MESSAGE_CHARACTERS - len(note)] + note


def _sane(found: dict[str, list[str]]) -> dict[str, list[str]]:
    if sum(len(value) for values in found.values() for value in values) <= _MAX_TRAILER_CHARACTERS:
        return found
    return {name: [f"[{len(values)} values, too long to repeat: see the message]"] for name, values in found.items()}
