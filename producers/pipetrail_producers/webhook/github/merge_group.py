"""A merge queue's group: the temporary commit on which what is queued gets tested, and why the group went. Pure."""

import re
from typing import Any

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import moment, part, required, sender
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import full_revision, merged, name, revision, title

_KIND = "merge_group"
# The branch of a group: gh-readonly-queue/BASE/pr-NUMBER-SHA. The number is the last request's of the group.
_NUMBER = re.compile(r"/pr-(\d{1,12})-", re.ASCII)
_BRANCHES = "refs/heads/"


def merge_group(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a group. Its commit is what the base will stand at if the checks pass."""
    place.need_repository(_KIND)
    group = part(payload, _KIND, _KIND)
    action = required(payload, "action", _KIND)
    ref = required(group, "head_ref", _KIND)
    match = _NUMBER.search(ref)
    if match is None:
        return Translation(silent="the group's branch names no pull request; the pull requests tell of being queued and merged")
    sha = full_revision(group, "head_sha")
    data = merged(
        sender(payload),
        {
            "event": {"action": f"merge_group_{action}", "reason": title(payload, "reason")},
            "vcs": {
                "change": {"id": match[1]},
                # Not the head: the request's own has not moved, and approvals of it stand.
                "ref": {
                    "base": {
                        "name": (name(group, "base_ref") or "").removeprefix(_BRANCHES),
                        "type": "branch",
                        "revision": revision(group, "base_sha"),
                    },
                },
            },
            "pipetrail": {
                "change": {"test_merge_revision": sha},
                "labels": {"queue_branch": ref.removeprefix(_BRANCHES)},
            },
        },
    )
    # The head's commit was made for the group, so its time is the group's; there is none of its end.
    time = moment(group, "head_commit.timestamp") if action == "checks_requested" and at(group, "head_commit") else None
    key = (_KIND, f"{ref} {sha or ''}")
    return Translation((place.fact("change.updated", time, key, data, state=action, subject=f"#{match[1]}"),))
