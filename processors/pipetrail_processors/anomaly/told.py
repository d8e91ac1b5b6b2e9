"""The findings of a series as they were published: told again, corrected, withdrawn; and what people decided about them.

They stand in a dossier without facts (`watch.dossier`), where decisions find them. A finding about a sample that is not judged
anew any more stands as it was published.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from pipetrail_schemas.topics import FINDINGS

from pipetrail_processors.anomaly.series import JUDGED, Series
from pipetrail_processors.correlate.nodes import Work
from pipetrail_processors.detect.detect import update
from pipetrail_processors.detect.hit import Hit
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.ledger import Ledger, in_dossier
from pipetrail_processors.output import Output
from pipetrail_processors.watch.dossier import dossier_of


class Told:
    """The findings of one series. `a` of the dossier: time and key of their samples."""

    def __init__(self, work: Work, policy: Policy, name: str) -> None:
        self._work = work
        self._policy = policy
        self._dossier = dossier_of(work, work.repository, f"m {name}")
        self._dossier.queued = True  # it goes with its series, and needs no place in the queue of its own

    def again(self) -> list[Output]:
        """All of them, as they are."""
        published = self._dossier.node.get("g", {})
        return _outputs((finding_id, orjson.dumps(published[finding_id])) for finding_id in sorted(published))

    def correct(self, series: Series, place: int, hits: Sequence[tuple[Hit, int]], *, again: bool) -> list[Output]:
        """Bring them in line with what holds from a place on.

        Args:
            series: as it is now.
            place: what is about samples before it holds as it did.
            hits: with the places of their samples.
            again: publish those that have not changed, too.
        """
        node = self._dossier.node
        published: dict[str, Any] = node.get("g", {})
        anchors: dict[str, list[int]] = node.setdefault("a", {})
        self._ledger(node).release((gone, published.pop(gone)) for gone in _settled(series, anchors))
        touched = {finding_id for finding_id, (_, key) in anchors.items() if _is_touched(series, key, place)}
        part = {**node, "g": {finding_id: published[finding_id] for finding_id in touched}}
        told = update(part, [hit for hit, _ in hits], self._ledger(part), again=again, cause=self._work.cause)
        rest = {finding_id: document for finding_id, document in published.items() if finding_id not in touched}
        anchors.update({hit.id: [series.ms[at], series.key[at]] for hit, at in hits})
        self._dossier.node = {**part, "g": {**rest, **part["g"]}}
        self._work.alter(self._dossier.name)
        series.newest.holds = bool(rest or part["g"])
        if again:
            told += [(finding_id, orjson.dumps(rest[finding_id])) for finding_id in sorted(rest)]
        return _outputs(told)

    def forget(self) -> None:
        """Remove them."""
        self._dossier.forget()

    def _ledger(self, node: dict[str, Any]) -> Ledger:
        return Ledger(self._work, self._policy, in_dossier(self._work.repository, self._dossier.key), node)


def _is_touched(series: Series, key: int, place: int) -> bool:
    return key not in series.key or series.key.index(key) >= place


def _settled(series: Series, anchors: dict[str, list[int]]) -> list[str]:
    """The findings about samples that are not judged anew any more; they are forgotten here."""
    if len(series.newest) <= JUDGED:
        return []
    oldest = [series.ms[-JUDGED], series.key[-JUDGED]]
    gone = [finding_id for finding_id, anchor in anchors.items() if anchor < oldest]
    for finding_id in gone:
        del anchors[finding_id]
    return gone


def _outputs(findings: Iterable[tuple[str, bytes]]) -> list[Output]:
    return [Output(FINDINGS, finding_id.encode(), value) for finding_id, value in findings]
