"""A back-fill goes on where it stopped, and tells what it could not do."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.importers.errors import NothingThereError, PositionError, RestError, SavedAnswerError
from pipetrail_producers.importers.rest.backfill import Reader, Step, Summary, run
from pipetrail_producers.importers.rest.display import display
from pipetrail_producers.importers.rest.position import Position
from pipetrail_producers.importers.rest.saved import SavedAnswers
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.translation import UntranslatableError

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REPOSITORY = "https://git.acme.example/acme/shop"


class Outlet:
    """Keeps what was sent; fails at the settle that it is told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.subjects: list[str] = []
        self._settles, self._fails_at = 0, fails_at

    def send(self, event: dict[str, Any]) -> None:
        """Keep the subject."""
        self.subjects.append(event["subject"])

    def settle(self) -> None:
        """All is acknowledged, or the connection goes."""
        self._settles += 1
        if self._settles == self._fails_at:
            raise RestError("the line went dead")


def told(reader: Reader, member: Any) -> Iterator[Fact]:
    """One branch for each member; a member "bad" is none."""
    del reader
    if member == "bad":
        raise UntranslatableError("branch: name is missing")
    data = {"vcs": {"repository": {"url": {"full": REPOSITORY}}, "ref": {"head": {"name": str(member)}}}}
    yield Fact("branch.created", NOW, "acme", REPOSITORY, "branch", str(member), data)


def saved(folder: Path, **pages: list[list[Any]]) -> SavedAnswers:
    """Answers in a folder, one file a page."""
    for name, contents in pages.items():
        for number, content in enumerate(contents, start=1):
            (folder / f"{name}.{number}.json").write_text(json.dumps(content), encoding="utf-8")
    return SavedAnswers(folder)


def imported(source: SavedAnswers, outlet: Outlet, position: Position, **step: Any) -> Summary:
    """Import the lists `one` and `two`."""
    steps = [Step("one", "one", told, **step), Step("two", "two", told)]
    return run(REPOSITORY, steps, source, outlet, position, recorded=NOW)


def test_an_import_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The page that was not acknowledged is told again, those before it are not; after the end the next import begins anew."""
    source = saved(tmp_path, one=[[1, 2], [3, 4]], two=[[5], [6], [7]])
    file, plan = tmp_path / "state" / "place.json", {"origin": REPOSITORY}
    first, second = Outlet(fails_at=4), Outlet()
    with pytest.raises(RestError, match="dead"):
        imported(source, first, Position(file, plan))
    assert first.subjects == ["1", "2", "3", "4", "5", "6"]
    summary = imported(source, second, Position(file, plan))
    assert second.subjects == ["6", "7"]
    assert summary.notes == ["Went on where an earlier import had stopped."]
    assert not file.exists()


def test_a_position_of_another_plan_is_not_taken(tmp_path: Path) -> None:
    """An import of something else, or since another day, begins at the beginning."""
    source = saved(tmp_path, one=[[1], [2]])
    file = tmp_path / "place.json"
    with pytest.raises(RestError):
        imported(source, Outlet(fails_at=1), Position(file, {"since": "2026-01-01"}))
    Position(file, {"since": "2026-01-01"}).came_to("one", "1")
    outlet = Outlet()
    imported(source, outlet, Position(file, {"since": "2025-01-01"}))
    assert outlet.subjects == ["1", "2"]


def test_a_damaged_position_is_named(tmp_path: Path) -> None:
    """A state file that is no JSON is not taken for an empty one."""
    file = tmp_path / "place.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(PositionError, match="delete it"):
        Position(file, {})


def test_what_cannot_be_told_is_told_about(tmp_path: Path) -> None:
    """A member that is no such thing costs itself; a list that is not there is named."""
    outlet = Outlet()
    summary = imported(saved(tmp_path, one=[[1, "bad", 2]]), outlet, Position(None, {}))
    assert outlet.subjects == ["1", "2"]
    assert summary.left_out == ["one: branch: name is missing"]
    assert summary.absent_steps == ["two"]
    assert len(summary.notes) == 2


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    """A wrong folder, or a repository that the token cannot see, is no empty success."""
    with pytest.raises(NothingThereError, match="nothing to import"):
        imported(SavedAnswers(tmp_path), Outlet(), Position(None, {}))


def test_the_first_member_that_is_too_old_ends_a_list_of_the_newest_first(tmp_path: Path) -> None:
    """No page is asked for behind it."""
    outlet = Outlet()
    imported(saved(tmp_path, one=[[9, 8], [7, 3], [2, 1]]), outlet, Position(None, {}), is_older=lambda member: member < 5)
    assert outlet.subjects == ["9", "8", "7"]


def test_saved_answers_are_read_as_the_tools_write_them(tmp_path: Path) -> None:
    """Pages as numbered files in their numbers' order, or one after the other in one file, nested as the API is."""
    (tmp_path / "pulls" / "17").mkdir(parents=True)
    (tmp_path / "pulls" / "17" / "reviews.json").write_text('[1]\n[2] [3]\n{"rows": [4]}', encoding="utf-8")
    for number in (10, 2, 1):
        (tmp_path / f"runs.{number}.json").write_text(f'{{"rows": [{number}]}}', encoding="utf-8")
    source = SavedAnswers(tmp_path)
    assert [page.items for page in source.pages("pulls/17/reviews")] == [[1], [2], [3], []]
    assert [page.items for page in source.pages("runs", members="rows")] == [[1], [2], [10]]
    assert [page.items for page in source.pages("runs", members="rows", start="2")] == [[10]]
    assert source.get("runs") == {"rows": [1]}
    with pytest.raises(NothingThereError):
        source.get("run")


def test_a_saved_answer_that_is_no_json_is_named(tmp_path: Path) -> None:
    """The file is named, not the decoder's exception."""
    (tmp_path / "one.json").write_text("[1", encoding="utf-8")
    with pytest.raises(SavedAnswerError, match=r"one\.json"):
        SavedAnswers(tmp_path).get("one")


class Watched:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []

    def expects(self, step: str, members: int) -> None:
        """Keep it."""
        self.told.append(("expects", step, members))

    def moved(self, step: str, members: int) -> None:
        """Keep it."""
        self.told.append(("moved", step, members))


def test_whoever_waits_is_told_how_much_is_to_come(tmp_path: Path) -> None:
    """Before each page how many members are left, and after each member that it is done; what is older than wanted ends it."""
    source, watched = saved(tmp_path, one=[["a", "b"], ["c"]]), Watched()
    step = Step("one", "one", told)
    run(REPOSITORY, [step], source, Outlet(), Position(None, {}), recorded=NOW, watcher=watched)
    moved = ("moved", "one", 1)
    assert watched.told == [("expects", "one", 3), moved, moved, ("expects", "one", 1), moved]
    watched = Watched()
    cut = step._replace(is_older=lambda member: member == "b")
    run(REPOSITORY, [cut], source, Outlet(), Position(None, {}), recorded=NOW, watcher=watched)
    assert watched.told == [("expects", "one", 1), moved]


def test_a_bar_has_an_end_where_the_list_has_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal: how many of how many; only how many where nobody knows the end."""
    for name, value in {"TERM": "xterm", "FORCE_COLOR": "1", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    with display(REPOSITORY, on_terminal=True) as shown:
        shown.expects("known", 4)
        shown.moved("known", 3)
        shown.moved("unknown", 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if "known" in line]
    assert any("3" in line and "of 4" in line for line in lines if "unknown" not in line)
    assert all(" of " not in line for line in lines if "unknown" in line)
