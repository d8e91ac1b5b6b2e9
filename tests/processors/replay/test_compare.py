"""What a replay came to, held against what is live."""

from typing import Any

import orjson
from pipetrail_processors.replay.compare import Compared, Verdict, compare


def test_each_document_is_the_same_or_differs_in_named_fields_or_stands_on_one_side() -> None:
    """In order of the ids."""
    here = [(b"a", _json({"x": 1})), (b"b", _json({"x": {"y": 1, "z": 2}, "w": 3})), (b"c", _json({}))]
    there = [(b"a", _json({"x": 1})), (b"b", _json({"x": {"y": 2, "z": 2}})), (b"d", _json({}))]
    assert list(compare(iter(here), iter(there))) == [
        Compared("a", Verdict.SAME),
        Compared("b", Verdict.DIFFERS, ("w", "x.y")),
        Compared("c", Verdict.ONLY_HERE),
        Compared("d", Verdict.ONLY_THERE),
    ]


def test_how_a_verdict_came_about_is_not_compared() -> None:
    """How often a finding was corrected, and by what, depends on the order of things; its verdict does not."""
    finding = {"pipetrail": {"finding": {"status": "open", "revision": 1}}}
    corrected = {"pipetrail": {"finding": {"status": "open", "revision": 3, "correction": "found again"}}}
    (same,) = compare(iter([(b"f", _json(finding))]), iter([(b"f", _json(corrected))]))
    assert same.verdict is Verdict.SAME
    corrected["pipetrail"]["finding"]["status"] = "withdrawn"
    (other,) = compare(iter([(b"f", _json(finding))]), iter([(b"f", _json(corrected))]))
    assert other.fields == ("pipetrail.finding.status",)


def _json(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document)
