"""The delivery: each change is committed, pushed, built, tested, approved and deployed, all by real programs.

    demo/DELIVERY/   example/shop.git   the repository     ada/ ben/   their clones      ci/     the clone that is built from
                     desk/              no clone at all    site/       what is served    done    written at the end

A delivery has a folder, and so a repository URL, of its own: one that was interrupted is history, not half of the next.
"""

import json
import tarfile
import time
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from pipetrail_schemas.ids import canonical_repository

from pipetrail_deploy.demo.changes import DELIVERY, TEAM, ByHand, Change, Edit, Person
from pipetrail_deploy.demo.errors import DemoError
from pipetrail_deploy.demo.shell import GIT_ALONE, PIPETRAIL, environment, run
from pipetrail_deploy.demo.site import require_page, serving
from pipetrail_deploy.reporter import Reporter

_ARTIFACT = "dist/shop.tar.gz"
_BRANCH = "main"
_ENVIRONMENT = "prod"
_TESTS = ("python", "-m", "unittest", "-q")
_TESTS_FAILED = 1  # unittest's exit code
_DONE = "done"
_PAGE = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Shop</title>\n<h1>{}</h1>\n</html>\n'


class Delivered(NamedTuple):
    """A delivery that came to its end: the repository's canonical URL, and when it ended."""

    repository: str
    ended: datetime


def latest(home: Path) -> Delivered | None:
    """The latest delivery of this home that came to its end; None if there is none.

    Raises:
        DemoError: its mark is damaged.
    """
    marks = sorted(home.glob(f"demo/*/{_DONE}"))
    if not marks:
        return None
    try:
        told = json.loads(marks[-1].read_text(encoding="utf-8"))
        return Delivered(told["repository"], datetime.fromisoformat(told["ended"]))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DemoError(f"{marks[-1]} cannot be read ({exc}): `pipetrail demo --fresh` starts over") from exc


def deliver(home: Path, now: datetime, reporter: Reporter) -> Delivered:
    """Let everything of `DELIVERY` happen.

    Args:
        home: of a stack that runs.
        now: names the delivery's folder.
        reporter: is told of each change.

    Raises:
        DemoError: a step did not do what it should.
    """
    folder = home / "demo" / now.strftime("%Y%m%dT%H%M%S")
    (folder / "site").mkdir(parents=True)
    with serving(folder / "site") as address:
        names = " and ".join(person.name for person in TEAM)
        reporter.line(
            "Delivery", f"a small real repository of {names}: built, tested and deployed to {address}/{_ENVIRONMENT}/"
        )
        line = _Line(home, folder, address)
        for change in DELIVERY:
            started = time.monotonic()
            told = line.by_hand(change) if isinstance(change, ByHand) else line.change(change)
            reporter.line("", f"{change.message:<48}{told}", time.monotonic() - started)
        line.flush()
    delivered = Delivered(line.repository, datetime.now(now.tzinfo))
    mark = {"repository": delivered.repository, "ended": delivered.ended.isoformat()}
    (folder / _DONE).write_text(json.dumps(mark), encoding="utf-8")
    return delivered


class _Line:
    """The delivery line of one repository."""

    def __init__(self, home: Path, folder: Path, address: str) -> None:
        self._home = home
        self._folder = folder
        self._page = f"{address}/{_ENVIRONMENT}/"
        self._remote = folder / "example" / "shop.git"
        self.repository = canonical_repository(str(self._remote))
        self._git(folder, "init", "--quiet", "--bare", f"--initial-branch={_BRANCH}", str(self._remote))
        for name in (*(_clone(person) for person in TEAM), "ci"):
            self._git(folder, "clone", "--quiet", str(self._remote), name)
        for person in TEAM:
            self._git(folder / _clone(person), "config", "user.name", person.name)
            self._git(folder / _clone(person), "config", "user.email", person.email)

    def change(self, change: Change) -> str:
        """Take a change from the edit to the page; says how it went."""
        self._commit(change)
        ci, author = self._folder / "ci", change.author
        self._git(ci, "pull", "--quiet", "origin", _BRANCH)
        self._pipetrail(
            ci, author, "run", "--stage", "build", "--name", "build", "--artifact", _ARTIFACT, "--", "python", "build.py"
        )
        tested = self._test(ci, change)
        approval = ("--environment", _ENVIRONMENT, "--reason", change.approval)
        self._pipetrail(ci, change.approver, "approve", *approval)
        self._deploy(ci, author, _ARTIFACT, change.shows)
        who = "its author" if change.approver == author else change.approver.name.split()[0]
        return f"built, {tested}, approved by {who}, deployed"

    def by_hand(self, change: ByHand) -> str:
        """Deploy what no build made, from a folder that is no clone; says how it went."""
        desk = self._folder / "desk"
        desk.mkdir()
        (desk / "index.html").write_text(_PAGE.format(change.shows), encoding="utf-8")
        with tarfile.open(desk / "page.tar.gz", "w:gz") as tar:
            tar.add(desk / "index.html", "index.html")
        self._deploy(desk, change.author, "page.tar.gz", change.shows)
        return f"deployed by {change.author.name.split()[0]}"

    def flush(self) -> None:
        """Deliver what a busy Kafka did not take in time, if there is any."""
        self._pipetrail(self._folder, TEAM[0], "flush")

    def _commit(self, change: Change) -> None:
        clone = self._folder / _clone(change.author)
        if change.edits is None:
            _copy_shop(clone)
        else:
            self._git(clone, "pull", "--quiet", "origin", _BRANCH)
            for edit in change.edits:
                _edit(clone, edit)
        self._git(clone, "add", "--all")
        self._git(clone, "commit", "--quiet", "--message", change.message)
        self._git(clone, "push", "--quiet", "origin", f"HEAD:{_BRANCH}")
        self._pipetrail(self._folder, change.author, "import", "git", self._remote, "--repository", self.repository)

    def _test(self, ci: Path, change: Change) -> str:
        stage = ("run", "--stage", "test", "--name", "unit-tests")
        if change.skips_tests:
            self._pipetrail(ci, change.author, *stage, "--skip", "--reason", change.skips_tests, "--", *_TESTS)
            return "tests skipped"
        expected = 0 if change.tests_pass else _TESTS_FAILED
        self._pipetrail(ci, change.author, *stage, "--", *_TESTS, code=expected)
        return "tested" if change.tests_pass else "tests failed"

    def _deploy(self, folder: Path, who: Person, archive: str, shows: str) -> None:
        script, target = self._folder / "ci" / "deploy.py", self._folder / "site" / _ENVIRONMENT
        options = ("--stage", "deploy", "--name", "shop", "--environment", _ENVIRONMENT, "--deploys", archive)
        self._pipetrail(folder, who, "run", *options, "--", "python", script, archive, target)
        require_page(self._page, shows)

    def _pipetrail(self, folder: Path, who: Person, *arguments: str | Path, code: int = 0) -> None:
        env = environment(
            self._home,
            **GIT_ALONE,
            PIPETRAIL_REPOSITORY=self.repository,
            PIPETRAIL_ACTOR=who.name,
            PIPETRAIL_ACTOR_EMAIL=who.email,
            # The home may lie in a clone of something else, which must not be taken for the shop's.
            GIT_CEILING_DIRECTORIES=str(self._folder),
        )
        run((*PIPETRAIL, *arguments), folder=folder, env=env, allowed=(code,))

    def _git(self, folder: Path, *arguments: str) -> None:
        run(("git", *arguments), folder=folder, env=environment(self._home, **GIT_ALONE))


def _clone(person: Person) -> str:
    return person.name.split()[0].lower()


def _copy_shop(clone: Path) -> None:
    for file in resources.files("pipetrail_deploy.demo").joinpath("shop").iterdir():
        if file.is_file():
            name = ".gitignore" if file.name == "gitignore.txt" else file.name
            (clone / name).write_bytes(file.read_bytes())


def _edit(clone: Path, edit: Edit) -> None:
    file = clone / edit.path
    text = file.read_text(encoding="utf-8")
    if edit.old not in text:
        raise DemoError(f"{edit.path} of the shop does not hold {edit.old!r}, which was to become {edit.new!r}")
    file.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
