"""A repository with its pull requests, made with git itself: from git alone, and with saved REST answers.

Whatever a trail links a commit to, git is asked whether that is so.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from pipetrail_processors.detect.ruleset import RuleSet
from support.forge import URL, Forge, Request
from support.world import World

Trails = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    """Merged, squashed and rebased requests, of one commit and of several, beside a trunk that moves on; one was given up."""
    forge = Forge(tmp_path_factory.mktemp("forge") / "shop")
    for how in ("merge", "squash", "rebase"):
        one, several = forge.propose(f"One by {how}", [f"{how}-1"]), forge.propose(f"Two by {how}", [f"{how}-2", f"{how}-3"])
        forge.commit(f"meanwhile-{how}")
        forge.push(several, f"{how}-4")
        forge.merge(one, how)
        forge.merge(several, how)
        forge.merge(forge.propose(f"At once by {how}", [f"{how}-5", f"{how}-6"]), how)
    forge.close(forge.propose("Not wanted", ["unwanted"]))
    forge.propose("Still open", ["open-1"])
    forge.git("branch", "release", "main~3")
    forge.merge(forge.propose("Hot fix", ["hot"], base="release"), "merge")
    forge.git("checkout", "-q", "main")
    return forge


@pytest.fixture(scope="module")
def alone(forge: Forge) -> Trails:
    """The trails of the history alone."""
    return _trails(_imported("git", str(forge.folder), "--repository", URL, "--all-refs"))


@pytest.fixture(scope="module")
def told(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Trails:
    """The trails of the history and the saved answers."""
    folder = tmp_path_factory.mktemp("answers")
    saved = ("--from-dir", str(forge.save(folder / "saved")), "--state", str(folder / "state"))
    history = _imported("git", str(forge.folder), "--repository", URL, "--all-refs")
    return _trails([*_imported("github", "acme/shop", *saved), *history])


def _imported(*arguments: str) -> list[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIPETRAIL_")}
    command = [sys.executable, "-m", "pipetrail", "import", *arguments, "--dry-run"]
    return subprocess.run(command, env=clean, check=True, capture_output=True).stdout.splitlines()


def _trails(events: Iterable[bytes]) -> Trails:
    world = World(rules=RuleSet.of([]))
    world.take(events)
    return {one["vcs"]["ref"]["head"]["revision"]: one["pipetrail"]["trail"] for one in world.trails() if "ref" in one["vcs"]}


def _related(trail: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in trail.get("relations", []) if one["kind"] in kinds]


def _parents(forge: Forge, commit: str) -> list[str]:
    return forge.git("rev-list", "--parents", "-1", commit).split()[1:]


def _patch(forge: Forge, old: str, new: str) -> str:
    """What changed since both parted."""
    return forge.git("diff", f"{old}...{new}")


@pytest.mark.parametrize("source", ["alone", "told"])
def test_merges_are_those_of_the_commit_graph(forge: Forge, source: str, request: pytest.FixtureRequest) -> None:
    """Of every commit exactly the further parents, both ways; from git alone and with the forge's word."""
    trails: Trails = request.getfixturevalue(source)
    parents = {commit: _parents(forge, commit) for commit in forge.git("rev-list", "--all").split()}
    assert trails.keys() == parents.keys()
    for commit, trail in trails.items():
        assert {one["commit"] for one in _related(trail, "merges")} == set(parents[commit][1:])
        merged_by = {child for child, others in parents.items() if commit in others[1:]}
        assert {one["commit"] for one in _related(trail, "merged_by")} == merged_by
        assert {one["strength"] for one in _related(trail, "merges", "merged_by")} <= {"exact"}


def test_git_alone_claims_no_head_that_git_cannot_show(forge: Forge, alone: Trails) -> None:
    """`(#7)` in a message is no evidence: what is bound is a squash whose change is the branch's."""
    squashes = {one.merge: one.head for one in forge.requests if one.how == "squash"}
    for commit, trail in alone.items():
        assert _related(trail, "head") == []
        for relation in _related(trail, "squash_of"):
            assert squashes[commit] == relation["commit"]
            assert _patch(forge, f"{commit}^", relation["commit"]) == _patch(forge, f"{commit}^", commit)


def test_each_merged_request_is_bound_to_its_commit_in_the_way_that_git_shows(forge: Forge, told: Trails) -> None:
    """Head and merge commit find each other, and nothing else: a further parent, or the same change."""
    merged = [request for request in forge.requests if request.merge]
    assert len(merged) == 10
    for request in merged:
        (head,) = _related(told[request.merge or ""], "head")
        assert (head["commit"], head["how"], head["strength"]) == (request.head, request.how, "strong")
        assert _seen_by_git(forge, request) == request.how
        assert [one["commit"] for one in _related(told[request.head], "merged_as")] == [request.merge]
    bound = {commit for commit, trail in told.items() if _related(trail, "head")}
    assert bound == {request.merge for request in merged}


def test_what_was_built_of_a_head_is_not_counted_for_the_merge(forge: Forge, told: Trails) -> None:
    """The checks of the head stand in its own trail; the merge's shows them as not counted, and the approval as its own."""
    for request in forge.requests:
        stages = {stage["stage"] for stage in told[request.head]["stages"]}
        assert "build" in stages
        if request.merge:
            (head,) = _related(told[request.merge], "head")
            assert [stage["stage"] for stage in head["not_counted"]] == ["build"]
            mine = {stage["stage"] for stage in told[request.merge]["stages"]}
            assert "build" not in mine
            assert "review" in mine
            covered = [entry["revision"] for entry in told[request.merge]["entries"] if entry["type"] == "change.reviewed"]
            assert covered == [request.head]


def test_requests_that_were_not_merged_are_bound_to_nothing(forge: Forge, told: Trails) -> None:
    """Given up, or still open: what was said of their heads stands in the trails of these."""
    rest = [request for request in forge.requests if not request.merge]
    assert {request.title for request in rest} == {"Not wanted", "Still open"}
    for request in rest:
        trail = told[request.head]
        assert _related(trail, "merged_as", "head") == []
        assert "change.reviewed" in {entry["type"] for entry in trail["entries"]}


def _seen_by_git(forge: Forge, request: Request) -> str:
    """How a request was merged, by git alone."""
    merge = request.merge or ""
    first, *further = _parents(forge, merge)
    if request.head in further:
        return "merge"
    ours = forge.git("rev-list", f"{request.base_sha}..{request.head}").split()
    theirs = forge.git("rev-list", f"-{len(ours)}", merge).split()
    each = [
        (forge.git("show", "--format=%s", one), forge.git("show", "--format=%s", other))
        for one, other in zip(ours, theirs, strict=True)
    ]
    if all(one == other for one, other in each):
        return "rebase"
    whole = forge.git("diff", request.base_sha, request.head)
    return "squash" if forge.git("diff", first, merge) == whole else "otherwise"
