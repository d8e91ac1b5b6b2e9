"""A review of a pull request: what was decided, about which commit, and decisions that were taken back. Pure.

A review counts for the commit that it was given at (`commit_id`), not for the head of today. REST forgets what a dismissed
review had decided; the request's `review_dismissed` event remembers it. An approval whose text is edited may say another thing
than when it was given: that is told, too. REST forgets it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.pull_request import about
from pipetrail_producers.webhook.github.read import actor, moment, part, person, required, sender
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name, title, url

_KIND = "pull_request_review"
_DECISIONS = {"approved": "approved", "changes_requested": "rejected", "commented": "commented"}
_DISMISSED, _EDITED = "dismissed", "edited"


def review(payload: Any, place: Place) -> Translation:
    """What a webhook tells of a review; its text is the reason as of now."""
    place.need_repository(_KIND)
    found, request = part(payload, "review", _KIND), part(payload, "pull_request", _KIND)
    required(request, "number", _KIND)
    told = about(request)
    action = required(payload, "action", _KIND)
    if action == _DISMISSED:
        data = merged(told, sender(payload))
        return Translation((_afterwards(found, place, data, _DISMISSED, moment(request, "updated_at")),))
    if action == _EDITED and (name(found, "state") or "").lower() == "approved":
        data = merged(told, sender(payload))
        return Translation((_afterwards(found, place, data, _EDITED, moment(found, "updated_at")),))
    if action != "submitted":
        return Translation(silent="an edited text of what is no approval decides nothing")
    reason: Data = {"event": {"reason": title(found, "body")}}
    return Translation(tuple(_submission(found, place, merged(told, reason), required(found, "state", _KIND))))


def history(found: Mapping[str, Any], request: Mapping[str, Any], events: list[Any], place: Place) -> Iterator[Fact]:
    """The facts of a REST answer's review.

    Args:
        found: the review.
        request: its pull request.
        events: members of `issues/:number/events`; needed for a dismissed review only.
        place: where.
    """
    told: Data = {"vcs": {"change": {"id": name(request, "number"), "url": {"full": url(request, "html_url")}}}}
    required(request, "number", _KIND)
    state = required(found, "state", _KIND).lower()
    if state != _DISMISSED:
        yield from _submission(found, place, told, state)
        return
    identity = name(found, "id")
    for event in events:
        if name(event, "event") == "review_dismissed" and name(event, "dismissed_review.review_id") == identity:
            yield from _submission(found, place, told, name(event, "dismissed_review.state") or "")
            data = merged(told, actor(at(event, "actor")), {"event": {"reason": _reason(event)}})
            yield _afterwards(found, place, data, _DISMISSED, moment(event, "created_at"))


def _reason(event: Any) -> str | None:
    return title(event, "dismissed_review.dismissal_message")


def _submission(found: Mapping[str, Any], place: Place, told: Data, state: str) -> Iterator[Fact]:
    decision = _DECISIONS.get(state.lower())
    if decision is None:  # pending: nobody but its author sees it
        return
    data = merged(
        told,
        actor(at(found, "user")),
        {"pipetrail": {"decision": decision, "result_raw": state.lower()}},
    )
    yield _fact(found, place, data, "submitted", moment(found, "submitted_at"))


def _afterwards(found: Mapping[str, Any], place: Place, told: Data, became: str, time: Any) -> Fact:
    # The actor is who did it; whose decision it was is the target.
    whose: Data = {"user": {"target": person(at(found, "user"))}, "pipetrail": {"decision": became}}
    # A review is dismissed once, and edited as often as somebody likes.
    state = f"{became} {name(found, 'updated_at')}" if became == _EDITED else became
    return _fact(found, place, merged(told, whose, {"event": {"action": became}}), state, time)


def _fact(found: Mapping[str, Any], place: Place, data: Data, state: str, time: Any) -> Fact:
    revision: Data = {"vcs": {"ref": {"head": {"revision": full_revision(found, "commit_id")}}}}
    key = ("review", required(found, "id", _KIND))
    return place.fact("change.reviewed", time, key, merged(data, revision), state=state)
