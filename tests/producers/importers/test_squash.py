"""Squashes that git really made, and what looks like one and is none."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.importers.git_import import Plan, Summary, opened, print_events
from pipetrail_producers.importers.graph import Graph
from pipetrail_producers.importers.history import Selection
from pipetrail_schemas import codec

Git = Callable[..., str]
RECORDED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Work:
    """A repository in which each commit is a minute after the last one."""

    def __init__(self, folder: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._git, self._patch = folder, git, monkeypatch
        self._seconds = int(START.timestamp())
        self.write("base", "\n".join(str(number) for number in range(40)))

    def __call__(self, *arguments: str) -> str:
        """What git says, a minute later."""
        self._seconds += 60
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            self._patch.setenv(name, f"{self._seconds} +0000")
        return self._git(self._folder, *arguments)

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self("rev-parse", "HEAD")

    def write(self, name: str, text: str, message: str = "") -> str:
        """A commit that writes a file."""
        (self._folder / name).write_text(text, encoding="utf-8")
        self("add", name)
        self("commit", "--quiet", "--message", message or f"Write {name}")
        return self.head

    def branch(self, *names: str) -> str:
        """A branch `topic` with a commit for each of these files, and its head; `main` is checked out again."""
        self("checkout", "--quiet", "-b", "topic")
        for name in names:
            self.write(name, name)
        head = self.head
        self("checkout", "--quiet", "main")
        return head

    def squash(self, branch: str = "topic", message: str = "Topic (#7)") -> str:
        """The commit that holds a branch as one."""
        self("merge", "--quiet", "--squash", branch)
        self("commit", "--quiet", "--message", message)
        return self.head

    def imported(self, tmp_path: Path, selection: Selection | None = None) -> tuple[list[dict[str, Any]], Summary]:
        """The squashes that an import tells, each a valid event, and its summary."""
        output = tmp_path / "events.ndjson"
        plan = Plan(self._folder, None, selection or Selection(all_refs=True))
        with output.open("wb") as stream, opened(plan, recorded=RECORDED) as source:
            summary = print_events(source, stream)
        told = [json.loads(line) for line in output.read_bytes().splitlines()]
        found = [event for event in told if event["type"] == "dev.pipetrail.commit.squashed.v1"]
        for event in found:
            codec.validate(event)
        assert len(found) == summary.squashes
        return found, summary


@pytest.fixture
def work(folder: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A repository with a trunk of two commits."""
    return Work(folder, git, monkeypatch)


def squashes(work: Work, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """By the commit, what is said of the branch that it holds."""
    return {event["subject"]: event["data"]["pipetrail"]["squash"] for event in work.imported(tmp_path)[0]}


def test_a_squash_of_an_up_to_date_branch_has_the_tree_of_its_head(work: Work, tmp_path: Path) -> None:
    """The whole fact: who made it and when, of which head, how many commits, by what it is known."""
    base, head = work.head, work.branch("one", "two")
    squash = work.squash()
    work.write("later", "later")
    (event,), summary = work.imported(tmp_path)
    assert event["data"]["pipetrail"]["squash"] == {"head": head, "base": base, "commits": 2, "evidence": "same_tree"}
    assert event["data"]["vcs"]["ref"]["head"]["revision"] == squash
    assert event["data"]["user"]["email"] == "grace@acme.example"
    assert event["data"]["event"]["reason"] == f"has the same tree as the 2 commits up to {head}"
    assert (event["time"], event["subject"]) == (work.imported(tmp_path)[0][0]["time"], squash)
    assert "Squashes of branches, known by tree or patch: 1." in summary.notes


def test_a_branch_that_had_the_trunk_merged_into_it_is_recognised(work: Work, tmp_path: Path) -> None:
    """To update a branch makes the trunk's commits part of the branch; the squash holds the branch's own."""
    work.branch("one")
    work.write("meanwhile", "meanwhile")
    work("checkout", "--quiet", "topic")
    work("merge", "--quiet", "--no-ff", "--message", "Merge main", "main")
    head = work.head
    work("checkout", "--quiet", "main")
    squash = work.squash()
    assert squashes(work, tmp_path)[squash] == {"head": head, "base": work("rev-parse", "main~1"), "commits": 2} | {
        "evidence": "same_tree"
    }


def test_a_branch_behind_the_trunk_is_known_by_its_patch(work: Work, tmp_path: Path) -> None:
    """The trunk moved on, even in the same file: the lines are the same, their numbers are not."""
    base = work.head
    lines = [str(number) for number in range(40)]
    work("checkout", "--quiet", "-b", "topic")
    work.write("base", "\n".join([*lines[:30], "thirty", *lines[31:]]))
    head = work.write("own", "own")
    work("checkout", "--quiet", "main")
    work.write("base", "\n".join(["before", "zero", *lines]))
    squash = work.squash()
    assert squashes(work, tmp_path) == {squash: {"head": head, "base": base, "commits": 2, "evidence": "same_patch"}}


def test_the_heads_that_a_forge_keeps_are_known_without_their_branches(work: Work, tmp_path: Path) -> None:
    """The branch was deleted after the merge; `refs/pull/7/head` is there, and `refs/pull/7/merge` is nobody's head."""
    head = work.branch("one", "two")
    work("update-ref", "refs/pull/7/head", head)
    work("update-ref", "refs/pull/8/merge", work("rev-parse", "topic~1"))
    squash = work.squash()
    work("branch", "--quiet", "-D", "topic")
    assert {commit: told["head"] for commit, told in squashes(work, tmp_path).items()} == {squash: head}


def test_binary_files_count_by_their_content(work: Work, tmp_path: Path, folder: Path) -> None:
    """Of two binary files one differs: it is not the same change, though git prints nothing of either."""
    (folder / "picture").write_bytes(b"\0\1")
    work("add", "picture")
    work("commit", "--quiet", "--message", "Picture")
    work("checkout", "--quiet", "-b", "topic")
    for content in (b"\0\2", b"\0\3"):
        (folder / "picture").write_bytes(content)
        work("commit", "--quiet", "--all", "--message", "Draw")
    work("checkout", "--quiet", "main")
    work.write("meanwhile", "meanwhile")
    (folder / "picture").write_bytes(b"\0\4")
    work("commit", "--quiet", "--all", "--message", "Draw another one")
    assert squashes(work, tmp_path) == {}
    (folder / "picture").write_bytes(b"\0\1")
    work("commit", "--quiet", "--all", "--message", "Back")
    assert squashes(work, tmp_path) == {}
    squash = work.squash()
    assert list(squashes(work, tmp_path)) == [squash]


def test_several_possible_heads_are_none(work: Work, tmp_path: Path) -> None:
    """Two branches that end in the same tree: which one was squashed nobody can know, and it is said that it is open."""
    work.branch("one", "two")
    work("checkout", "--quiet", "-b", "other")
    work("reset", "--quiet", "--hard", "topic~1")
    work.write("two", "two", "The same in other words")
    work("checkout", "--quiet", "main")
    work.squash()
    found, summary = work.imported(tmp_path)
    assert (found, summary.ambiguous_squashes) == ([], 1)
    assert "Left open, since several branches would do: 1." in summary.notes


@pytest.mark.parametrize("how", ["merge", "fast-forward", "rebase", "pick"])
def test_what_is_no_squash_is_none(work: Work, tmp_path: Path, how: str) -> None:
    """Merges tell their branch by their parents; who rebases or picks keeps author, time and message."""
    work.branch("one", "two") if how != "pick" else work.branch("one")
    if how == "merge":
        work("merge", "--quiet", "--no-ff", "--message", "Merge", "topic")
    elif how == "fast-forward":
        work("merge", "--quiet", "--ff-only", "topic")
    elif how == "rebase":
        work.write("meanwhile", "meanwhile")
        work("branch", "as-it-was", "topic")
        work("rebase", "--quiet", "main", "topic")
        work("checkout", "--quiet", "main")
        work("merge", "--quiet", "--ff-only", "topic")
    else:
        work.write("meanwhile", "meanwhile")
        work("cherry-pick", "topic")
    assert squashes(work, tmp_path) == {}


def test_a_commit_put_back_is_no_squash_of_its_own_future(work: Work, tmp_path: Path) -> None:
    """A branch that takes a commit away and puts it back ends in the commit's tree; it came after it."""
    work.write("one", "one")
    work("checkout", "--quiet", "-b", "topic")
    work("revert", "--no-edit", "HEAD")
    work("revert", "--no-edit", "HEAD")
    work("checkout", "--quiet", "main")
    work("commit", "--quiet", "--allow-empty", "--message", "Nothing")
    assert squashes(work, tmp_path) == {}


def test_one_commit_counts_on_the_trunk_alone(work: Work, tmp_path: Path) -> None:
    """A forge squashes a branch of one commit under a message of its own; a branch with a reworded commit is no squash."""
    head = work.branch("one")
    work("checkout", "--quiet", "-b", "reworded", "topic")
    work("commit", "--quiet", "--amend", "--message", "Better words")
    work("branch", "--quiet", "-m", "topic", "kept")
    work("checkout", "--quiet", "main")
    assert squashes(work, tmp_path) == {}
    work("branch", "--quiet", "-D", "reworded")
    squash = work.squash("kept", "Better words (#7)")
    assert {commit: told["head"] for commit, told in squashes(work, tmp_path).items()} == {squash: head}


def test_without_all_refs_nothing_is_compared(work: Work, tmp_path: Path) -> None:
    """The heads of branches are not imported then."""
    work.branch("one", "two")
    work.squash()
    assert work.imported(tmp_path, Selection())[0] == []


def test_where_history_is_cut_off_nothing_is_said(work: Work, tmp_path: Path, git: Git, folder: Path) -> None:
    """The commit that both began at is not there: what lies between it and the head is not known."""
    work.branch("one", "two")
    squash = work.squash()
    assert list(squashes(work, tmp_path)) == [squash]
    since = datetime.fromtimestamp(int(git(folder, "show", "-s", "--format=%ct", "topic")), UTC)
    assert work.imported(tmp_path, Selection(all_refs=True, since=since))[0] == []


def test_the_graph_knows_what_a_head_has_of_its_own() -> None:
    """Against the definition: reached from the head, not from the base; None unless the base is reached, too."""
    history = {"a": "", "b": "a", "c": "a", "d": "bc", "e": "b", "f": "de", "g": "c", "h": "", "i": "fh"}
    graph = Graph()
    for time, (name, parents) in enumerate(history.items()):
        graph.add(name, list(parents), "", time)

    def reached(name: str) -> set[str]:
        return {name}.union(*(reached(parent) for parent in history[name]))

    for base in history:
        for head in history:
            own = graph.beyond(graph.number[base], graph.number[head])
            expected = reached(head) - reached(base) if base in reached(head) - {head} else None
            assert (own if own is None else {graph.ids[number] for number in own}) == expected
