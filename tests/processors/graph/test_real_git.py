"""A real repository, made with git itself: every link that the trails show is one that git confirms."""

import itertools
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from pipetrail_processors.detect.labelled import messages
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_producers.importers.commit import parse_commit
from pipetrail_producers.importers.commit_event import EventMaker
from pipetrail_producers.importers.squash import Squash
from pipetrail_schemas.ids import trail_id
from support.world import World

REPOSITORY = "https://git.example/acme/shop"
RECORDED = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Git:
    """A repository under a folder, with a clock that goes a minute a commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._minute = 0
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *arguments: str) -> str:
        """What git prints."""
        moment = f"2026-01-05T{8 + self._minute // 60:02}:{self._minute % 60:02}:00Z"
        settings = {
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@acme.example",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@acme.example",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "HOME": str(self._folder),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        command = ["git", "-C", str(self._folder), *arguments]
        return subprocess.run(command, env=settings, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, name: str) -> str:
        """A commit that adds a file of its own."""
        self._minute += 1
        (self._folder / name).write_text(name, encoding="utf-8")
        self("add", name)
        self("commit", "--quiet", "-m", f"Add {name}")
        return self("rev-parse", "HEAD")

    def later(self, *arguments: str) -> str:
        """A command a minute later; the commit that it ends at."""
        self._minute += 1
        self(*arguments)
        return self("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A trunk with a merged branch, a rebased one, a squashed one, a pick, a revert and a release branch."""
    git = Git(tmp_path)
    git.commit("one")
    git("checkout", "-q", "-b", "merged")
    git.commit("on-merged-1")
    git.commit("on-merged-2")
    git("checkout", "-q", "main")
    git.commit("two")
    git.later("merge", "--quiet", "--no-ff", "-m", "Merge branch 'merged'", "merged")
    git("checkout", "-q", "-b", "rebased", "HEAD~1")
    git.commit("on-rebased-1")
    git.commit("on-rebased-2")
    git("branch", "rebased-as-it-was")
    git.later("rebase", "--quiet", "main")
    git("checkout", "-q", "main")
    git.later("merge", "--quiet", "--ff-only", "rebased")
    git("checkout", "-q", "-b", "release", "HEAD~2")
    git.later("cherry-pick", "-x", "main")
    git("checkout", "-q", "main")
    git.later("revert", "--no-edit", "HEAD")
    git("checkout", "-q", "-b", "squashed")
    git.commit("on-squashed-1")
    git.commit("on-squashed-2")
    git("checkout", "-q", "main")
    git("merge", "--quiet", "--squash", "squashed")
    git.later("commit", "--quiet", "-m", "Squashed (#3)")
    return git


def _world(git: Git) -> World:
    """All commits, as the importer tells them."""
    maker = EventMaker(REPOSITORY, RECORDED)
    world = World(rules=RuleSet.of([]))
    commits = git("rev-list", "--all", "--topo-order").split()
    world.take(maker.commit(sha, parse_commit(f"{git('cat-file', 'commit', sha)}\n".encode())) for sha in commits)
    return world


def _trails(world: World) -> dict[str, dict[str, Any]]:
    return {trail["vcs"]["ref"]["head"]["revision"]: trail["pipetrail"]["trail"] for trail in world.trails()}


def _related(trail: dict[str, Any], kind: str) -> set[str]:
    return {relation["commit"] for relation in trail.get("relations", []) if relation["kind"] == kind}


def test_every_merge_link_agrees_with_the_commit_graph(git: Git) -> None:
    """A trail says that it merges exactly the further parents of its commit, and they say that it merged them."""
    trails = _trails(_world(git))
    assert len(trails) == int(git("rev-list", "--all", "--count"))
    parents = {line.split()[0]: line.split()[1:] for line in git("rev-list", "--all", "--parents").splitlines()}
    for commit, trail in trails.items():
        assert _related(trail, "merges") == set(parents[commit][1:])
        assert _related(trail, "merged_by") == {child for child, told in parents.items() if commit in told[1:]}


def test_rebased_and_picked_commits_are_those_that_git_holds_for_the_same_patch(git: Git) -> None:
    """What the trails hold for the same work has one patch id (git patch-id), and the other way round."""
    trails = _trails(_world(git))
    patches: dict[str, set[str]] = {}
    for commit in trails:
        patches.setdefault(git("show", "--format=", commit), set()).add(commit)
    for commit, trail in trails.items():
        same = next(commits for commits in patches.values() if commit in commits) - {commit}
        assert _related(trail, "same_work") == (same if git("show", "--format=", commit) else set())
    assert sum(bool(_related(trail, "same_work")) for trail in trails.values()) == 5


def test_picks_and_reverts_name_what_git_wrote(git: Git) -> None:
    """`cherry-pick -x` and `revert` leave a note, and both sides show it."""
    trails = _trails(_world(git))
    release, pick = git("rev-parse", "release"), git("rev-parse", "rebased")
    reverted = git("rev-parse", "rebased")
    revert = git("rev-parse", "squashed~2")
    assert _related(trails[release], "cherry_pick_of") == {pick}
    assert _related(trails[pick], "cherry_picked_as") == {release}
    assert _related(trails[revert], "reverts") == {reverted}
    assert _related(trails[reverted], "reverted_by") == {revert}


def test_what_a_deployment_carries_is_what_git_lists(git: Git) -> None:
    """For pairs of commits, deployed one after the other: `git rev-list OLD..NEW`, and what was taken away."""
    commits = git("rev-list", "--all").split()
    world = _world(git)
    pairs = list(itertools.permutations(commits, 2))[::7]
    for number, pair in enumerate(pairs):
        at = {"type": "deployment.finished", "deployment.environment.name": f"e{number}", "pipetrail.result": "success"}
        told = [{**at, "vcs.ref.head.revision": commit, "key": f"{number} {commit}"} for commit in pair]
        world.take(messages(told))
    trails = _trails(world)
    for number, (old, new) in enumerate(pairs):
        (carried,) = [one for one in trails[new]["carried"] if one["environment"] == f"e{number}" and one["state"] == "known"]
        assert carried["since"] == old
        assert set(carried["revisions"]) == set(git("rev-list", f"{old}..{new}").split())
        assert carried["taken"] == len(git("rev-list", f"{new}..{old}").split())
        for commit in set(carried["revisions"]) - {new}:
            (place,) = [one for one in trails[commit]["deployments"] if one["environment"] == f"e{number}"]
            assert place["trail"] == trail_id(REPOSITORY, new)


def test_a_squashed_branch_is_bound_by_what_the_importer_found(git: Git) -> None:
    """The squash names the head and how it was made, in any order; the head's builds are shown in it and not counted."""
    world = World(rules=RuleSet.of([]))
    squash, head, base = git("rev-parse", "main"), git("rev-parse", "squashed"), git("rev-parse", "main~1")
    commit = parse_commit(f"{git('cat-file', 'commit', squash)}\n".encode())
    world.take([EventMaker(REPOSITORY, RECORDED).squash(Squash(squash, head, base, 2, "same_tree"), commit)])
    world.take(messages([{"type": "build.finished", "vcs.ref.head.revision": head, "pipetrail.result": "success"}]))
    trails = _trails(world)
    (relation,) = trails[squash]["relations"]
    assert (relation["kind"], relation["commit"], relation["how"], relation["strength"]) == (
        "squash_of",
        head,
        "squash",
        "strong",
    )
    assert [stage["stage"] for stage in relation["not_counted"]] == ["build"]
    assert _related(trails[head], "squashed_as") == {squash}


def test_a_squashed_branch_is_bound_by_what_the_forge_says(git: Git) -> None:
    """`(#3)` in a message is no evidence; the forge's word is, and the graph agrees that it is no merge."""
    world = _world(git)
    squash, head = git("rev-parse", "main"), git("rev-parse", "squashed")
    assert _related(_trails(world)[squash], "head") == set()
    told = {
        "type": "change.merged",
        "vcs.change.id": "3",
        "vcs.ref.head.revision": head,
        "pipetrail.change.merge_revision": squash,
    }
    world.take(messages([told]))
    (relation,) = [one for one in _trails(world)[squash]["relations"] if one["kind"] == "head"]
    assert (relation["commit"], relation["how"], relation["strength"]) == (head, "squash", "strong")
    assert orjson.loads(orjson.dumps(relation))["trail"] == trail_id(REPOSITORY, head)
