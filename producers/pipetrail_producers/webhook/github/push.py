"""A push, and the commits that came with it; creation and deletion of branches and tags. Pure.

A push lists at most 2,048 commits; where there were more, or may have been, a `source.gap` says so, since the importer of git
history knows the rest. The commits carry the id that the importer gives them. A branch or tag that comes or goes is told by
`create` and `delete`; the push beside it says to which commit. Of more than three tags, or 5,000 branches, pushed at once
GitHub tells nothing at all, and nobody can say that it did not: the import of history sees them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipetrail_producers.webhook.commit_fact import ListedCommit, commit_fact
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import first_moment, missing, moment, required, sender
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, full_revision, merged, name, revision, title, url

# What a webhook lists at most; GitHub, "Webhook events and payloads": push.
MAX_LISTED = 2_048
_BRANCHES = "refs/heads/"
_TAGS = "refs/tags/"


def push(payload: Any, place: Place) -> Translation:
    """The push, a gap where its commits were cut, and the commits that are new to the repository."""
    repository = place.need_repository("push")
    ref = required(payload, "ref", "push")
    after = revision(payload, "after")
    if after is None and at(payload, "deleted") is not True:
        missing("push", "after")
    time = moment(payload, "repository.pushed_at") or moment(payload, "head_commit.timestamp")
    key = f"{ref} {name(payload, 'before')}..{name(payload, 'after')} {time or ''}"
    head = _head(ref, _pushed_commit(payload, ref))
    data = merged(
        sender(payload),
        {
            "event": {"action": _action(payload)},
            "user": {"email": name(payload, "pusher.email")},
            "vcs": {"ref": {"head": head, "base": {"revision": revision(payload, "before")}}},
            "pipetrail": {"labels": _labels(payload)},
        },
    )
    facts = [place.fact("push.received", time, ("push", key), data, subject=cut(head["name"]))]
    if gap := _gap(payload):
        facts.append(_gap_fact(place, time, key, merged(data, {"event": {"action": "cut", "reason": gap}})))
    facts += [commit_fact(repository, commit) for commit in _commits(payload, time or place.received)]
    return Translation(tuple(facts))


def created(payload: Any, place: Place) -> Translation:
    """A branch or tag that came to be."""
    return Translation((_ref_fact(payload, place, "created"),))


def deleted(payload: Any, place: Place) -> Translation:
    """A branch or tag that is gone."""
    return Translation((_ref_fact(payload, place, "deleted"),))


def _ref_fact(payload: Any, place: Place, verb: str) -> Fact:
    kind = {"created": "create", "deleted": "delete"}[verb]
    place.need_repository(kind)
    type_ = name(payload, "ref_type")
    if type_ not in {"branch", "tag"}:
        missing(kind, "ref_type")
    ref = required(payload, "ref", kind)
    time = moment(payload, "repository.pushed_at")
    data = merged(sender(payload), {"event": {"action": verb}, "vcs": {"ref": {"head": {"name": ref, "type": type_}}}})
    return place.fact(
        f"{type_}.{verb}", time, ("ref", f"{type_} {ref} {time or place.delivery}"), data, state=verb, subject=ref
    )


def _head(ref: str, commit: str | None) -> Data:
    if ref.startswith(_TAGS):
        return {"name": ref.removeprefix(_TAGS), "type": "tag", "revision": commit}
    kind = "branch" if ref.startswith(_BRANCHES) else None
    return {"name": ref.removeprefix(_BRANCHES), "type": kind, "revision": commit}


def _pushed_commit(payload: Any, ref: str) -> str | None:
    """The commit that the ref stands at; of an annotated tag `after` is the tag's own id, and no commit."""
    return revision(payload, "head_commit.id") or (None if ref.startswith(_TAGS) else revision(payload, "after"))


def _action(payload: Any) -> str:
    for word in ("deleted", "created", "forced"):
        if at(payload, word) is True:
            return word
    return "pushed"


def _labels(payload: Any) -> Data:
    return {
        "forced": "true" if at(payload, "forced") is True else None,
        "compare": url(payload, "compare"),
        "commits": str(len(items(payload, "commits"))),
    }


def _gap(payload: Any) -> str | None:
    """Why not every commit of the push is known, None where they are."""
    listed, told = len(items(payload, "commits")), number(payload, "size")
    if told is not None and told > listed:
        return f"GitHub listed {listed} of the push's {told} commits"
    if listed >= MAX_LISTED:
        return f"GitHub lists at most {MAX_LISTED} commits of a push; there may be more"
    return None


def _gap_fact(place: Place, time: datetime | None, key: str, data: Data) -> Fact:
    return place.fact("source.gap", time, ("push", key), data, state="gap")


def _commits(payload: Any, pushed: datetime) -> Iterator[ListedCommit]:
    for commit in items(payload, "commits"):
        sha = full_revision(commit, "id")
        # What was in the repository already, on another branch, came with an earlier push.
        if sha is None or not isinstance(commit, Mapping) or commit.get("distinct") is False:
            continue
        time = first_moment(commit, "committer.date", "timestamp") or pushed
        yield ListedCommit(
            sha=sha,
            message=_message(commit),
            author_name=name(commit, "author.name"),
            author_email=name(commit, "author.email"),
            time=time,
        )


def _message(commit: Mapping[str, Any]) -> str | None:
    found = commit.get("message")
    return found if isinstance(found, str) else title(commit, "message")
