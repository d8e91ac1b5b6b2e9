"""Whether the links of a repository's pull requests are what its commit graph says: `ARGS='CLONE URL'`.

CLONE is a mirror (`git clone --mirror`) of a repository on GitHub. Its `refs/pull/N/head` are GitHub's own word for the head of
each pull request, and independent of the graph. Which commit merged request N stands in the messages that GitHub writes
(`Merge pull request #N`, `… (#N)`): it takes the place of `merge_commit_sha`, which only the REST API has. The history and the
requests go through the importers' own code and the processors' core, in memory; then every link in the trails is held against
git, which is asked directly.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.pipeline import Pipeline
from pipetrail_processors.state.state import MemoryState
from pipetrail_schemas.topics import LINKS, RESOLVED, TRAILS

if TYPE_CHECKING:
    from pipetrail_processors.output import Output

Trail = dict[str, Any]

# What GitHub writes: of a merge by its default title, or of any merge, squash or rebase that keeps the request's title.
_MERGED = re.compile(r"^Merge pull request #([0-9]+) from |\(#([0-9]+)\)$")
_STRUCTURED = (("content-type", b"application/cloudevents+json"),)


class Clone:
    """A mirror of a repository, asked by git's own commands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.parents = {line[0]: line[1:] for line in map(str.split, self.lines("rev-list", "--parents", "--all"))}
        self.heads = dict(
            map(_pull_request, self.lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/pull/*/head"))
        )

    def lines(self, *arguments: str) -> list[str]:
        """What git prints, line by line."""
        command = ["git", "-C", str(self._folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout.splitlines()

    def merges(self) -> Iterator[tuple[int, str, str]]:
        """Number, commit and time of each merged request whose head is known; of several commits that name it, the first."""
        seen: set[int] = set()
        for line in reversed(self.lines("log", "--topo-order", "--format=%H %cI %s", "HEAD")):
            commit, moment, subject = line.split(" ", 2)
            found = _MERGED.search(subject)
            number = int(found[1] or found[2]) if found else 0
            if number in self.heads and number not in seen:
                seen.add(number)
                yield number, commit, moment

    def holds(self, ancestor: str, commit: str) -> bool:
        """Whether one commit is reached from the other."""
        command = ["git", "-C", str(self._folder), "merge-base", "--is-ancestor", ancestor, commit]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def patch(self, old: str, new: str) -> str:
        """The identity (git patch-id) of what changed from where both parted to the new one; empty where nothing did."""
        text = subprocess.run(
            ["git", "-C", str(self._folder), "diff", f"{old}...{new}"], check=False, capture_output=True
        ).stdout
        told = subprocess.run(["git", "patch-id", "--stable"], input=text, check=True, capture_output=True).stdout
        return told.decode().partition(" ")[0]


def main() -> None:
    """Import, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clone", type=Path, nargs="?", help="a mirror of a repository on GitHub")
    parser.add_argument("url", nargs="?", help="its address, like https://github.com/owner/name")
    options = parser.parse_args()
    if options.clone is None or options.url is None:
        print("skipped: needs a mirror of a repository and its address, ARGS='CLONE URL'")
        return
    clone = Clone(options.clone)
    merged = list(clone.merges())
    began = time.perf_counter()
    trails = fold([*history(options.clone, options.url), *requests(clone, merged, options.url)])
    seconds = time.perf_counter() - began
    print(
        f"{len(clone.parents):,} commits and {len(merged):,} merged pull requests, {len(trails):,} trails, in {seconds:.1f} s"
    )
    print(f"merges of commits: {_report(graph_links(clone, trails))}")
    print(f"heads of requests: {_report(request_links(clone, trails, merged))}")
    print(f"squashes that git shows by itself: {_report(squash_links(clone, trails, merged))}")


def history(clone: Path, url: str) -> list[bytes]:
    """The events of `pipetrail import git`, heads of requests among them."""
    return _imported("git", str(clone), "--repository", url, "--all-refs")


def requests(clone: Clone, merged: Iterable[tuple[int, str, str]], url: str) -> list[bytes]:
    """The events of `pipetrail import github --from-dir`, from answers such as REST gives."""
    owner_and_name = url.removeprefix("https://github.com/")
    with tempfile.TemporaryDirectory() as folder:
        answers = [_answer(number, clone.heads[number], commit, moment, url) for number, commit, moment in merged]
        (Path(folder) / "pulls.json").write_text(json.dumps(answers), encoding="utf-8")
        return _imported("github", owner_and_name, "--from-dir", folder, "--state", f"{folder}/state", "--restart")


def fold(events: Iterable[bytes]) -> dict[str, Trail]:
    """The trails that come of the events, by commit."""
    pipeline = Pipeline(policy=Policy(), rules=RuleSet.of([]), alias_wait=timedelta(minutes=10))
    state = MemoryState()
    latest: dict[bytes, bytes] = {}
    for value in events:
        queue: deque[Output] = deque(pipeline.on_event(value, _STRUCTURED, state))
        while queue:
            output = queue.popleft()
            if output.topic is TRAILS:
                latest[output.key] = output.value or b"{}"
            elif output.topic is LINKS:
                queue.extend(pipeline.on_link(output.key, output.value, state))
            elif output.topic is RESOLVED:
                queue.extend(pipeline.on_event(output.value, output.headers, state, output.key))
    documents = map(json.loads, latest.values())
    return {one["vcs"]["ref"]["head"]["revision"]: one["pipetrail"]["trail"] for one in documents if "ref" in one["vcs"]}


def graph_links(clone: Clone, trails: dict[str, Trail]) -> Counter[str]:
    """Of every commit: are the further parents the ones that its trail says it merges?"""
    found: Counter[str] = Counter()
    for commit, parents in clone.parents.items():
        told = {one["commit"] for one in _relations(trails.get(commit), "merges")}
        for parent in told | set(parents[1:]):
            found["right" if parent in told and parent in parents[1:] else "wrong"] += 1
    return found


def request_links(clone: Clone, trails: dict[str, Trail], merged: Iterable[tuple[int, str, str]]) -> Counter[str]:
    """Of every merged request: is its head bound to its merge, and is it said rightly how it was merged?"""
    found: Counter[str] = Counter()
    for number, commit, _ in merged:
        head = clone.heads[number]
        bound = (one.get("how", "unsaid") for one in _relations(trails.get(commit), "head") if one["commit"] == head)
        how = next(bound, "unbound")
        found[f"{how}, git: {_way(clone, head, commit)}"] += 1
    return found


def squash_links(clone: Clone, trails: dict[str, Trail], merged: Iterable[tuple[int, str, str]]) -> Counter[str]:
    """Of every squash that the importer found in the history alone: is it what the forge says of that commit?"""
    heads = {commit: clone.heads[number] for number, commit, _ in merged}
    found: Counter[str] = Counter()
    for commit, trail in trails.items():
        for relation in _relations(trail, "squash_of"):
            said = heads.get(commit)
            found[
                "as the forge says" if said == relation["commit"] else "another head" if said else "no word of the forge"
            ] += 1
    return found


def _way(clone: Clone, head: str, commit: str) -> str:
    if head == commit:
        return "the head itself"
    if head in clone.parents[commit][1:]:
        return "a further parent"
    if clone.holds(head, commit):
        return "an ancestor"
    (parent, *_) = clone.parents[commit]
    made = clone.patch(parent, commit)
    if made == clone.patch(f"{head}~1", head):
        return "the head's patch"
    return "the whole branch's patch" if made == clone.patch(parent, head) else "another patch"


def _relations(trail: Trail | None, kind: str) -> list[dict[str, Any]]:
    return [one for one in (trail or {}).get("relations", []) if one["kind"] == kind]


def _answer(number: int, head: str, commit: str, moment: str, url: str) -> dict[str, Any]:
    when = datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": number,
        "number": number,
        "state": "closed",
        "html_url": f"{url}/pull/{number}",
        "head": {"sha": head},
        "merge_commit_sha": commit,
        "created_at": when,
        "closed_at": when,
        "merged_at": when,
    }


def _imported(*arguments: str) -> list[bytes]:
    command = [sys.executable, "-m", "pipetrail", "import", *arguments, "--dry-run"]
    return subprocess.run(command, check=True, capture_output=True).stdout.splitlines()


def _pull_request(line: str) -> tuple[int, str]:
    commit, ref = line.split()
    return int(ref.split("/")[2]), commit


def _report(found: Counter[str]) -> str:
    return "; ".join(f"{count:,} {what}" for what, count in found.most_common())


if __name__ == "__main__":
    main()
