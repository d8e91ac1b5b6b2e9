"""Releases. REST answers give them no id: the tag is their key. Nobody says who made or deleted one by hook.

https://docs.gitlab.com/user/project/integrations/webhook_events/#release-events, https://docs.gitlab.com/api/releases/
"""

from collections.abc import Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.gitlab.place import Place
from pipetrail_producers.webhook.gitlab.read import actor, moment, required
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, url

_KIND = "release"


def hook(payload: Mapping[str, Any], place: Place) -> Translation:
    """A release hook."""
    action = required(payload, "action", _KIND)
    if action == "create":
        return Translation((published({**payload, "tag_name": at(payload, "tag")}, place),))
    if action == "update":
        return Translation(silent="the release's description or links were edited; what was released is the same")
    if action == "delete":
        tag = required(payload, "tag", _KIND)
        data = merged(about({**payload, "tag_name": tag}), {"event": {"action": "release_deleted"}})
        key = (_KIND, f"{place.need_repository(_KIND)} {tag}")
        return Translation((place.fact("intervention.recorded", None, key, data, state="deleted", subject=tag),))
    raise UntranslatableError(f"gitlab {_KIND}: action {action!r:.80} is not known")


def published(release: Mapping[str, Any], place: Place) -> Fact:
    """The release of a REST answer.

    Raises:
        UntranslatableError: it has no tag, or the repository is not known.
    """
    tag = required(release, "tag_name", _KIND)
    time = moment(release, "released_at") or moment(release, "created_at")
    # A hook has no author: that is no unknown one, the API knows.
    author = at(release, "author")
    data = merged(actor(author) if author else {}, about(release))
    key = (_KIND, f"{place.need_repository(_KIND)} {tag}")
    return place.fact("release.published", time, key, data, state="published", subject=tag)


def about(release: Mapping[str, Any]) -> Data:
    """The release as fields of `data`."""
    tag = name(release, "tag_name")
    page = url(release, "url") or url(release, "_links.self")
    head = {"name": tag, "type": "tag", "revision": full_revision(release, "commit.id")}
    labels = {"release": name(release, "name"), "page": page}
    return {"vcs": {"ref": {"head": head}}, "artifact": {"version": tag}, "pipetrail": {"labels": labels}}
