"""A commit or a tag that a forge's webhook lists, as the fact that `importers.commit_event` makes of git's own: same id.

A forge lists less than git knows (no signature, mostly no parents); what it does not say is absent, not "none", and what it
says is said as git says it: the index takes a contradiction under one id for forgery.
"""

from datetime import datetime
from typing import NamedTuple

from pipetrail_schemas.ticket import find_ticket
from pipetrail_schemas.times import format_time

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.values import cut, vcs_repository

# As many characters as `importers.commit_event` keeps.
_MAX_MESSAGE = 100_000


class ListedCommit(NamedTuple):
    """What a forge says of a commit: full id, message, the author as the commit names it, and when it was committed."""

    sha: str
    message: str | None
    author_name: str | None
    author_email: str | None
    time: datetime
    parents: tuple[str, ...] = ()


def commit_fact(repository: str, commit: ListedCommit) -> Fact:
    """The `commit.recorded` of a commit in the repository of this canonical URL."""
    author = {"name": commit.author_name, "email": commit.author_email}
    message = cut(commit.message, _MAX_MESSAGE)
    return Fact(
        type="commit.recorded",
        time=commit.time,
        provider="git",
        instance=repository,
        kind="commit",
        native_id=commit.sha,
        data={
            "user": author,
            "vcs": {"repository": vcs_repository(repository), "ref": {"head": {"revision": commit.sha}}},
            "pipetrail": {
                "actor": {"type": "app" if (commit.author_name or "").endswith("[bot]") else "user"},
                "commit": {
                    "message": message,
                    "parents": list(commit.parents),
                    "author": author,
                    "committer": {"time": format_time(commit.time)},
                },
                "ticket": {"id": find_ticket((message,))},
            },
        },
    )


def tag_fact(repository: str, name: str, object_id: str, *, deleted: bool, time: datetime, data: dict[str, object]) -> Fact:
    """The `tag.created` or `tag.deleted` of a tag; the same name on another object is another fact.

    Args:
        repository: canonical URL.
        name: without `refs/tags/`.
        object_id: the tag's own, or the commit's for a tag that is none.
        deleted: whether it was deleted.
        time: when.
        data: of the event.
    """
    return Fact(
        type="tag.deleted" if deleted else "tag.created",
        time=time,
        provider="git",
        instance=repository,
        kind="tag",
        native_id=f"{name}@{object_id}",
        state="deleted" if deleted else "",
        data=data,
        subject=name,
    )
