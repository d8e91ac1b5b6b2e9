"""A release, and the files that it brings. Pure; the object is the webhook's or a REST answer.

`published`, `released` and `prereleased` are sent beside each other for one release: one fact. The commit is known only where
`target_commitish` is an id; else it is the tag that says it. Title and text can be edited at any time and are left out.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, first_moment, moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, url

_KIND = "release"
_PUBLISHED = frozenset({"published", "released", "prereleased"})
_TAKEN_BACK = frozenset({"deleted", "unpublished"})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def release(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a release."""
    place.need_repository(_KIND)
    found = part(payload, _KIND, _KIND)
    action = required(payload, "action", _KIND)
    if action in _PUBLISHED:
        return Translation(tuple(facts(found, place)))
    if action in _TAKEN_BACK and at(found, "draft") is not True:
        data = merged(_about(found), sender(payload), {"event": {"action": f"release_{action}"}})
        key = (_KIND, required(found, "id", _KIND))
        state = f"{action} {place.delivery}"
        return Translation(
            (place.fact("intervention.recorded", None, key, data, state=state, subject=name(found, "tag_name")),)
        )
    return Translation(silent="a draft, or an edited text: nothing was published by it")


def facts(found: Mapping[str, Any], place: Place) -> Iterator[Fact]:
    """The release and its files; nothing of a draft."""
    if at(found, "draft") is True:
        return
    data = merged(_about(found), actor(at(found, "author")))
    time = first_moment(found, "published_at", "created_at")
    tag = required(found, "tag_name", _KIND)
    yield place.fact("release.published", time, (_KIND, required(found, "id", _KIND)), data, state="published", subject=tag)
    for asset in items(found, "assets"):
        if _DIGEST.fullmatch(name(asset, "digest") or ""):
            yield _asset(asset, place, _about(found), tag)


def _asset(asset: Any, place: Place, about: Data, tag: str) -> Fact:
    file: Data = {
        "hash": name(asset, "digest"),
        "filename": name(asset, "name"),
        "size": number(asset, "size"),
        "version": tag,
    }
    key = ("release_asset", required(asset, "id", _KIND))
    data = merged(about, actor(at(asset, "uploader")), {"artifact": file})
    return place.fact("artifact.published", moment(asset, "created_at"), key, data, subject=name(asset, "name"))


def _about(found: Mapping[str, Any]) -> Data:
    return {
        "vcs": {
            "ref": {
                "head": {
                    "name": required(found, "tag_name", _KIND),
                    "type": "tag",
                    "revision": full_revision(found, "target_commitish"),
                }
            }
        },
        "artifact": {"version": name(found, "tag_name")},
        "pipetrail": {
            "labels": {
                "page": url(found, "html_url"),
                "target": name(found, "target_commitish"),
            }
        },
    }
