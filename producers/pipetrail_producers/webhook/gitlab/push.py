"""Pushes: of branches, of tags, and the system hook `repository_update`, which tells all refs of a push at once.

Who pushed a tag is told with the push; an annotated tag itself is its tagger's, whom git knows and no hook does.

A push has no id and no time of its own: its refs and revisions are its identity, the time of receipt its time. GitLab does not
say whether a push was forced. It counts the commits that the push brought, though, and one that moved a branch and brought none
put it back to an older commit, which only a forced push can; one that brought others in the place of those before looks like
any other. GitLab lists at most 20 commits, and sends no push hook at all when more than three branches or tags are pushed
together (`push_event_hooks_limit`); the first shows in the payload, the second only in `repository_update`.
https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.commit_fact import ListedCommit, commit_fact, tag_fact
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor_type, email, missing, moment, required
from pipetrail_producers.webhook.payload import at, items, number, text
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, revision, said, vcs_repository

# GitLab's default of `push_event_hooks_limit`: with more branches or tags in one push there is no push hook.
MAX_REFS = 3
_BRANCHES = "refs/heads/"
_TAGS = "refs/tags/"
_NULL_ID = re.compile(r"0{40}|0{64}", re.ASCII)  # of SHA-1, of SHA-256


def branch(payload: Mapping[str, Any], place: Place) -> Translation:
    """A `push` hook: the commits it lists, and what happened to the branch."""
    place.need_repository("push")
    ref = required(payload, "ref", "push")
    _require_ends(payload, "push")
    facts = [*_commits(payload, place), *_moved(payload, place, ref)]
    if gap := _cut(payload, place, ref):
        facts.append(gap)
    return Translation((*facts, *_without_pipeline(payload, place, ref)))


def tag(payload: Mapping[str, Any], place: Place) -> Translation:
    """A `tag_push` hook. `checkout_sha` is the tagged commit, `after` the object of an annotated tag."""
    ref = required(payload, "ref", "tag_push")
    place.need_repository("tag_push")
    _require_ends(payload, "tag_push")
    told = _tag(payload, place, ref)
    return Translation((*_commits(payload, place), *told, *_without_pipeline(payload, place, ref)))


def repository_update(payload: Mapping[str, Any], place: Place) -> Translation:
    """What happened to each ref of a push; a `source.gap` where there were too many refs for push hooks."""
    place.need_repository("repository_update")
    facts: list[Fact] = []
    refs: dict[str, list[str]] = {_BRANCHES: [], _TAGS: []}
    for change in items(payload, "changes"):
        ref = name(change, "ref") or ""
        kind = next((start for start in refs if ref.startswith(start)), None)
        if kind is None or not isinstance(change, Mapping):
            continue
        refs[kind].append(ref)
        _require_ends(change, "repository_update")
        told = {**payload, **change}
        facts.extend(_moved(told, place, ref) if kind == _BRANCHES else _tag(told, place, ref))
    facts.extend(
        _gap(place, f"{len(found)} refs {found[0]} … {found[-1]}", said_why, payload)
        for found, said_why in ((found, _too_many(len(found))) for found in refs.values())
        if len(found) > MAX_REFS
    )
    return Translation(tuple(facts), "" if facts else "no branch and no tag was pushed")


def _require_ends(payload: Mapping[str, Any], kind: str) -> None:
    """See that both ends of a push are told. By the null id GitLab says that a ref is new or gone; a missing one says nothing.

    Raises:
        UntranslatableError: one is neither an id nor the null id, or both are the null id.
    """
    ends = {end: revision(payload, end) for end in ("before", "after")}
    for end, found in ends.items():
        if found is None and not _NULL_ID.fullmatch(text(payload, end) or ""):
            missing(kind, end)
    if not any(ends.values()):
        missing(kind, "after")


def _commits(payload: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    for commit in items(payload, "commits"):
        sha = full_revision(commit, "id")
        if sha and place.repository:
            when = moment(commit, "timestamp") or place.received
            author = name(commit, "author.name"), email(commit, "author.email")
            yield commit_fact(place.repository, ListedCommit(sha, text(commit, "message"), *author, when))


def _moved(payload: Mapping[str, Any], place: Place, ref: str) -> Iterator[Fact]:
    before, after = revision(payload, "before"), revision(payload, "after")
    head = {"name": ref.removeprefix(_BRANCHES), "type": "branch", "revision": after or before}
    data = merged(_pusher(payload), {"vcs": {"ref": {"head": head}}})
    key = ("push", f"{ref}:{before}:{after}")
    subject = head["name"]
    if after is None:
        yield place.fact("branch.deleted", None, key, data, state="deleted", subject=subject)
        return
    if before is None:
        yield place.fact("branch.created", None, key, data, state="created", subject=subject)
    is_back = before is not None and before != after and number(payload, "total_commits_count") == 0
    pushed = merged(data, {"vcs": {"ref": {"base": {"revision": before}}}}, _labels(payload, is_back=is_back))
    yield place.fact("push.received", None, key, pushed, subject=subject)


def _tag(payload: Mapping[str, Any], place: Place, ref: str) -> Iterator[Fact]:
    tag_name = ref.removeprefix(_TAGS)
    before, after = revision(payload, "before"), revision(payload, "after")
    object_id = after or before
    if object_id is None or place.repository is None:
        return
    head = {"name": tag_name, "type": "tag", "revision": revision(payload, "checkout_sha") if after else None}
    data: Data = {"vcs": {"repository": vcs_repository(place.repository), "ref": {"head": head}}, "cicd": {"system": "gitlab"}}
    if after is None:
        data = merged(_pusher(payload), data)
    else:
        pushed = merged(_pusher(payload), data, {"pipetrail": {"labels": {"moved_from": before}}})
        yield place.fact("push.received", None, ("push", f"{ref}:{before}:{after}"), pushed, subject=tag_name)
    yield tag_fact(place.repository, tag_name, object_id, deleted=after is None, time=place.received, data=data)


def _cut(payload: Mapping[str, Any], place: Place, ref: str) -> Fact | None:
    total, listed = number(payload, "total_commits_count"), len(items(payload, "commits"))
    if total is None or total <= listed:
        return None
    reason = f"GitLab listed {listed} of the {total} commits of a push to {ref.removeprefix(_BRANCHES)}"
    return _gap(place, ref, reason, payload)


def _gap(place: Place, what: str, reason: str, payload: Mapping[str, Any]) -> Fact:
    first = at(payload, "changes")
    spot = first[0] if isinstance(first, list) and first else payload
    key = ("push", f"{what}:{revision(spot, 'before')}:{revision(spot, 'after')}")
    return place.fact("source.gap", None, key, {"event": {"reason": reason}}, state="gap")


def _too_many(count: int) -> str:
    return (
        f"{count} refs of one kind were pushed together; above {MAX_REFS} GitLab sends no push hooks, and no commits are listed"
    )


def _without_pipeline(payload: Mapping[str, Any], place: Place, ref: str) -> Iterator[Fact]:
    """`git push -o ci.skip`: the person who pushed wanted no pipeline."""
    after = revision(payload, "after")
    if after is None or said(payload, "push_options.ci.skip") is None:
        return
    is_tag = ref.startswith(_TAGS)
    head = {
        "name": ref.removeprefix(_TAGS if is_tag else _BRANCHES),
        "type": "tag" if is_tag else "branch",
        "revision": revision(payload, "checkout_sha") if is_tag else after,
    }
    said_so = {"event": {"action": "ci.skip", "reason": "push option ci.skip"}, "pipetrail": {"control": "pipeline"}}
    data = merged(_pusher(payload), {"vcs": {"ref": {"head": head}}}, said_so)
    yield place.fact("policy.bypassed", None, ("push", f"{ref}:{after}"), data, state="ci.skip", subject=place.repository)


def _pusher(payload: Mapping[str, Any]) -> Data:
    login, called = name(payload, "user_username"), name(payload, "user_name")
    # repository_update has only the name that people read, which would contradict the login of the push hook.
    is_update = login is None and "changes" in payload
    known_as = login or (None if is_update else called)
    who = {"id": name(payload, "user_id"), "name": known_as, "email": email(payload, "user_email")}
    labels = {"pusher": called if is_update else None}
    return {"user": who, "pipetrail": {"actor": {"type": actor_type(login or called)}, "labels": labels}}


def _labels(payload: Mapping[str, Any], *, is_back: bool) -> Data:
    return {"pipetrail": {"labels": {"ref_protected": said(payload, "ref_protected"), "forced": "true" if is_back else None}}}
