"""CDEvents of source control: branches, changes, repositories. Pure."""

from pipetrail_producers.webhook.cdevents.message import Message, repository_of, where
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import address, merged, repository, title

_STATES = {"created": "open", "updated": None, "reviewed": None, "merged": "merged", "abandoned": "closed"}
_ACTIONS = {"created": "created", "modified": "edited", "deleted": "deleted"}


def branch(told: Message) -> Translation:
    """branch.created, deleted."""
    head = {"name": told.need("id").removeprefix("refs/heads/"), "type": "branch"}
    return Translation((told.fact(told.kind, merged(_repository(told), {"vcs": {"ref": {"head": head}}})),))


def change(told: Message) -> Translation:
    """change.created, updated, reviewed, merged, abandoned. Who reviewed, and with what verdict, CDEvents does not say."""
    verb = told.kind.partition(".")[2]
    own = {
        "id": told.need("id"),
        "title": title(told.subject, "content.description"),
        "state": _STATES[verb],
        "url": {"full": address(told.need("id"))},
    }
    return Translation((told.fact(told.kind, merged(_repository(told), {"vcs": {"change": own}})),))


def repo(told: Message) -> Translation:
    """repository.created, modified, deleted: what is guarded came, went or was altered."""
    canonical = repository(told.told("uri")) or repository(told.told("viewUrl"))
    action = _ACTIONS[told.kind.partition(".")[2]]
    own = {"event": {"action": action}, "pipetrail": {"control": "repository"}}
    return Translation((told.fact("policy.changed", merged(where(canonical), own)),))


def _repository(told: Message) -> dict[str, object]:
    canonical = repository_of(at(told.subject, "content.repository"))
    if canonical is None:
        problem = "subject.content.repository names no repository by an absolute URL, without which it means nothing"
        raise UntranslatableError(f"cdevents {told.kind}: {problem}")
    return where(canonical)
