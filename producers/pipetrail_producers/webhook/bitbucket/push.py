"""Pushes of both kinds: what happened to each ref, and the commits that are listed.

Cloud says whether a push was forced, and lists the five newest commits of a ref (`truncated` says that there were more). Data
Center says neither; there a list is cut when no listed commit has the old head as its parent.
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pipetrail_producers.webhook.bitbucket.read import Place, actor, moment
from pipetrail_producers.webhook.commit_fact import ListedCommit, commit_fact, tag_fact
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.payload import at, items, text
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, cut, full_revision, merged, name, revision, vcs_repository

_AUTHOR = re.compile(r"\s*(?P<name>[^<]*?)\s*<(?P<email>[^>]*)>\s*")
# Data Center lists so many commits unless told otherwise (`plugin.bitbucket-webhooks` settings).
_SERVER_LISTS = 5
_SILENT = "names no branch and no tag"


class Change(NamedTuple):
    """What a push did to one ref, in one form for both kinds."""

    name: str
    is_tag: bool
    before: str | None
    after: str | None
    forced: bool = False


def cloud(payload: Mapping[str, Any], place: Place) -> Translation:
    """`repo:push`."""
    facts: list[Fact] = []
    who = actor(at(payload, "actor"))
    for told in items(payload, "push.changes"):
        for commit in reversed(items(told, "commits")):
            facts.extend(_commit(commit, place, name(commit, "author.raw"), "date"))
        after, before = at(told, "new"), at(told, "old")
        called = name(after, "name") or name(before, "name")
        if called is None:
            continue
        kind = name(after, "type") or name(before, "type")
        change = Change(
            called,
            kind in {"tag", "annotated_tag"},
            revision(before, "target.hash"),
            revision(after, "target.hash"),
            at(told, "forced") is True,
        )
        facts.extend(_moved(change, place, who))
        if at(told, "truncated") is True:
            facts.append(_gap(change, place, f"Bitbucket listed {len(items(told, 'commits'))} commits of a push to {called}"))
    return Translation(tuple(facts), "" if facts else _SILENT)


def server(payload: Mapping[str, Any], place: Place) -> Translation:
    """`repo:refs_changed`."""
    who = actor(at(payload, "actor"))
    time = moment(payload, "date")
    told = replace(place, received=time) if time else place
    changes = [change for one in items(payload, "changes") if (change := _server_change(one))]
    listed = [commit for commit in items(payload, "commits") if isinstance(commit, Mapping)]
    facts: list[Fact] = []
    for commit in reversed(listed):
        author = f"{name(commit, 'author.name') or ''} <{name(commit, 'author.emailAddress') or ''}>"
        committed = "committerTimestamp" if "committerTimestamp" in commit else "authorTimestamp"
        facts.extend(_commit(commit, told, author, committed))
    for change in changes:
        facts.extend(_moved(change, told, who))
    first = changes[0] if len(changes) == 1 else None
    if first and first.before and first.after and len(listed) >= _SERVER_LISTS and first.before not in _parents(listed):
        facts.append(_gap(first, told, f"Bitbucket listed {len(listed)} commits of a push to {first.name}"))
    return Translation(tuple(facts), "" if facts else _SILENT)


def _server_change(told: Any) -> Change | None:
    ref = name(told, "refId") or name(told, "ref.id") or ""
    called = name(told, "ref.displayId") or ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    is_tag = name(told, "ref.type") == "TAG" or ref.startswith("refs/tags/")
    before, after = revision(told, "fromHash"), revision(told, "toHash")
    return Change(called, is_tag, before, after) if called and (before or after) else None


def _moved(change: Change, place: Place, who: Data) -> Iterator[Fact]:
    kind = "tag" if change.is_tag else "branch"
    head = {"name": change.name, "type": kind, "revision": change.after or change.before}
    data = merged(who, {"vcs": {"ref": {"head": head}}})
    if change.is_tag:
        object_id = change.after or change.before
        if object_id is None:
            return
        where = {"vcs": {"repository": vcs_repository(place.repository)}, "cicd": {"system": "bitbucket"}}
        gone = change.after is None
        if not gone:
            yield place.fact("push.received", None, ("push", f"tag {change.name}:{change.after}"), data, subject=change.name)
        # Who pushed a tag is told with the push; an annotated tag itself is its tagger's, whom git knows and no hook does.
        told = merged(data if gone else {"vcs": {"ref": {"head": head}}}, where)
        yield tag_fact(place.repository, change.name, object_id, deleted=gone, time=place.received, data=told)
        return
    key = ("push", f"{change.name}:{change.before}:{change.after}")
    if change.after is None:
        yield place.fact("branch.deleted", None, key, data, state="deleted", subject=change.name)
        return
    if change.before is None:
        yield place.fact("branch.created", None, key, data, state="created", subject=change.name)
    more = {
        "vcs": {"ref": {"base": {"revision": change.before}}},
        "pipetrail": {"labels": {"forced": "true" if change.forced else None}},
    }
    yield place.fact("push.received", None, key, merged(data, more), subject=change.name)


def _commit(told: Any, place: Place, author: str | None, when: str) -> Iterator[Fact]:
    sha = full_revision(told, "hash") or full_revision(told, "id")
    if sha is None:
        return
    person = _AUTHOR.fullmatch(author or "")
    who = (cut(person["name"]), cut(person["email"])) if person else (cut(author), None)
    parents = [full_revision(parent, "hash") or full_revision(parent, "id") for parent in items(told, "parents")]
    known = tuple(parent for parent in parents if parent)
    yield commit_fact(
        place.repository, ListedCommit(sha, text(told, "message"), *who, moment(told, when) or place.received, known)
    )


def _gap(change: Change, place: Place, said: str) -> Fact:
    key = ("push", f"{change.name}:{change.before}:{change.after}")
    data = {"event": {"reason": f"{said}; there were more"}}
    return place.fact("source.gap", None, key, data, state="gap", subject=change.name)


def _parents(listed: list[Any]) -> set[str | None]:
    return {full_revision(parent, "id") for commit in listed for parent in items(commit, "parents")}
