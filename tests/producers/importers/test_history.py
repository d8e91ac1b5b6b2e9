"""What is read of real repositories."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.importers.errors import GitError, NoRepositoryError
from pipetrail_producers.importers.git_import import Plan, opened, print_events
from pipetrail_producers.importers.history import Selection, open_repository
from pipetrail_schemas import codec

Git = Callable[..., str]
RECORDED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def events(folder: Path, tmp_path: Path, selection: Selection | None = None, *, verify: bool = False) -> list[dict[str, Any]]:
    """All events of a repository, each of them valid by the writers' rules."""
    output = tmp_path / "events.ndjson"
    plan = Plan(folder, None, selection or Selection(), verify)
    with output.open("wb") as stream, opened(plan, recorded=RECORDED) as source:
        summary = print_events(source, stream)
    found = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert len(found) == summary.commits + summary.tags
    for event in found:
        codec.validate(event)
    return found


def subjects(found: list[dict[str, Any]]) -> list[str]:
    """The events' subjects: commit ids and tag names."""
    return [event["subject"] for event in found]


def test_every_commit_becomes_one_event_parents_first(folder: Path, git: Git, tmp_path: Path) -> None:
    """A history with a merge of three and a second root is told whole, no child before its parents."""
    main = git(folder, "rev-parse", "HEAD")
    others = [git(folder, "commit-tree", "-p", main, "-m", name, git(folder, "rev-parse", "HEAD^{tree}")) for name in "abc"]
    root = git(folder, "commit-tree", "-m", "second root", git(folder, "rev-parse", "HEAD^{tree}"))
    parents = [argument for parent in (*others, root) for argument in ("-p", parent)]
    octopus = git(folder, "commit-tree", *parents, "-m", "octopus", git(folder, "rev-parse", "HEAD^{tree}"))
    git(folder, "update-ref", "refs/heads/main", octopus)
    found = events(folder, tmp_path)
    assert {main, *others, root, octopus} == set(subjects(found))
    assert found[-1]["data"]["pipetrail"]["commit"]["parents"] == [*others, root]
    seen: set[str] = set()
    for event in found:
        assert seen >= set(event["data"]["pipetrail"]["commit"]["parents"])
        seen.add(event["subject"])


def test_the_repository_is_named_by_its_remote(folder: Path, git: Git, tmp_path: Path) -> None:
    """The remote's canonical URL, else a file URL of this host; a given one beats both."""
    assert open_repository(folder).url == "https://git.acme.example/acme/shop"
    assert open_repository(folder, "https://else.example/x").url == "https://else.example/x"
    git(folder, "remote", "remove", "origin")
    assert open_repository(folder).url.endswith(str(folder.resolve()))
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    bare = open_repository(tmp_path / "bare.git").url
    assert bare.startswith("file://")
    assert bare.endswith("/bare.git")


def test_selections(folder: Path, git: Git, tmp_path: Path) -> None:
    """HEAD alone unless branches or all refs are asked for; what was committed before the given time stays out."""
    first = git(folder, "rev-parse", "HEAD")
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    side = git(folder, "commit-tree", "-p", first, "-m", "side", tree)
    odd = git(folder, "commit-tree", "-p", first, "-m", "odd", tree)
    git(folder, "update-ref", "refs/heads/side", side)
    git(folder, "update-ref", "refs/heads/-odd", odd)
    assert set(subjects(events(folder, tmp_path))) == {first}
    assert set(subjects(events(folder, tmp_path, Selection(branches=("side",))))) == {first, side}
    assert set(subjects(events(folder, tmp_path, Selection(branches=("-odd",))))) == {first, odd}
    assert set(subjects(events(folder, tmp_path, Selection(all_refs=True)))) == {first, side, odd}
    assert events(folder, tmp_path, Selection(since=datetime(2026, 11, 23, 9, 2, 12, tzinfo=UTC))) == []
    assert len(events(folder, tmp_path, Selection(since=datetime(2026, 11, 23, 9, 2, 11, tzinfo=UTC)))) == 1
    with pytest.raises(GitError, match="nope"):
        events(folder, tmp_path, Selection(branches=("nope",)))


@pytest.mark.parametrize(
    "ref",
    [
        "refs/pull/7/merge",
        "refs/merge-requests/7/merge",
        "refs/merge-requests/7/train",
        "refs/pull-requests/7/merge",
        "refs/notes/commits",
        "refs/stash",
    ],
)
def test_what_nobody_committed_stays_out(folder: Path, git: Git, tmp_path: Path, ref: str) -> None:
    """A forge's trial merge of an open request merges nothing, a stash is nobody else's business; the request's head counts."""
    first = git(folder, "rev-parse", "HEAD")
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    head = git(folder, "commit-tree", "-p", first, "-m", "proposed", tree)
    trial = git(folder, "commit-tree", "-p", first, "-p", head, "-m", "trial", tree)
    git(folder, "update-ref", "refs/pull/7/head", head)
    git(folder, "update-ref", "refs/heads/pull/7/merge", head)
    git(folder, "update-ref", ref, trial)
    assert set(subjects(events(folder, tmp_path, Selection(all_refs=True)))) == {first, head}


def test_an_empty_repository_has_no_commits(git: Git, tmp_path: Path) -> None:
    """A repository without a commit is imported, and nothing is found in it."""
    git(tmp_path, "init", "--quiet", "empty")
    assert events(tmp_path / "empty", tmp_path) == []
    assert events(tmp_path / "empty", tmp_path, Selection(all_refs=True)) == []


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git says is passed on; git being absent is told apart."""
    with pytest.raises(NoRepositoryError, match="not a git repository"):
        open_repository(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoRepositoryError, match="git cannot be run"):
        open_repository(tmp_path)


def test_a_shallow_clone_says_so(folder: Path, git: Git, tmp_path: Path) -> None:
    """What a shallow clone has is imported, and that older history is missing is noted."""
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", "shallow")
    plan = Plan(tmp_path / "shallow", None, Selection())
    with opened(plan, recorded=RECORDED) as source, (tmp_path / "out").open("wb") as stream:
        summary = print_events(source, stream)
    assert (summary.commits, summary.shallow) == (1, True)
    assert "shallow" in summary.notes[0]


def test_sha256_repositories(git: Git, tmp_path: Path) -> None:
    """Ids of 64 digits are ids like any other."""
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "new")
    for name in ("one", "two"):
        git(tmp_path / "new", "commit", "--quiet", "--allow-empty", "--message", name)
    found = events(tmp_path / "new", tmp_path)
    assert [len(subject) for subject in subjects(found)] == [64, 64]
    assert found[1]["data"]["pipetrail"]["commit"]["parents"] == [found[0]["subject"]]


def test_replaced_objects_do_not_deceive(folder: Path, git: Git, tmp_path: Path) -> None:
    """`git replace` shows another commit under an id; the event tells what the id stands for."""
    real = git(folder, "rev-parse", "HEAD")
    fake = git(folder, "commit-tree", "-m", "innocent", git(folder, "rev-parse", "HEAD^{tree}"))
    git(folder, "replace", real, fake)
    assert git(folder, "log", "-1", "--format=%s") == "innocent"
    (event,) = events(folder, tmp_path)
    assert event["data"]["pipetrail"]["commit"]["message"] == "one"


def test_old_encodings_survive(folder: Path, git: Git, tmp_path: Path) -> None:
    """A commit written in Latin-1, with and without saying so, keeps its umlauts in people and message."""
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    for header in (b"encoding ISO-8859-1\n", b""):
        content = f"tree {tree}\nauthor Jörg <j@x> 1 +0000\ncommitter Jörg <j@x> 2 +0000\n".encode("latin-1")
        sha = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", stdin=content + header + "\nGröße".encode("latin-1"))
        git(folder, "update-ref", "refs/heads/main", sha)
        (event,) = events(folder, tmp_path)
        assert (event["data"]["user"]["name"], event["data"]["pipetrail"]["commit"]["message"]) == ("Jörg", "Größe")


def test_annotated_tags_come_with_all_refs(folder: Path, git: Git, tmp_path: Path) -> None:
    """Tags that say who and when are events; tags that do not, or that name no commit, are counted."""
    git(folder, "tag", "--annotate", "v1", "--message", "first")
    git(folder, "tag", "light")
    git(folder, "tag", "--annotate", "tree", "--message", "a tree", "HEAD^{tree}")
    plan = Plan(folder, None, Selection(all_refs=True))
    with opened(plan, recorded=RECORDED) as source, (tmp_path / "out").open("wb") as stream:
        summary = print_events(source, stream)
    assert (summary.commits, summary.tags, summary.lightweight_tags) == (1, 1, 2)
    tag = events(folder, tmp_path, Selection(all_refs=True))[-1]
    assert (tag["type"], tag["subject"], tag["data"]["user"]["name"]) == (
        "dev.pipetrail.tag.created.v1",
        "v1",
        "Grace Hopper",
    )
    assert tag["data"]["vcs"]["ref"]["head"]["revision"] == git(folder, "rev-parse", "HEAD")


def test_signatures_are_verified_on_request(folder: Path, git: Git, tmp_path: Path) -> None:
    """Signed with a known key is good and says by whom, with an unknown one it is not; unsigned stays unsigned."""
    key = tmp_path / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)), check=True)
    git(folder, "config", "gpg.format", "ssh")
    git(folder, "config", "user.signingKey", str(key))
    git(folder, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@acme.example {key.with_suffix('.pub').read_text()}", encoding="utf-8")

    def states() -> list[str]:
        found = events(folder, tmp_path, verify=True)
        return [event["data"]["pipetrail"]["commit"]["signature"]["state"] for event in found]

    plain = events(folder, tmp_path)
    assert [event["data"]["pipetrail"]["commit"]["signature"]["state"] for event in plain] == ["none", "unverified"]
    git(folder, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    assert states() == ["none", "good"]
    assert events(folder, tmp_path, verify=True)[1]["authid"] == "ada@acme.example"
    allowed.write_text("", encoding="utf-8")
    assert states() == ["none", "unknown_key"]


def test_the_same_history_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Importing twice within one recording time is byte for byte the same: nothing depends on chance."""
    assert events(folder, tmp_path) == events(folder, tmp_path)
