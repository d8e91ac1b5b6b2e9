"""A forge in small: a real git repository whose requests are merged as GitHub does it, and its REST answers saved as files.

`refs/pull/N/head` stand as GitHub keeps them. What the answers say follows from what git did: none of it is made up apart.
"""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

URL = "https://github.com/acme/shop"
_START = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass
class Request:
    """A pull request: its branch and head, where it goes, and what became of it."""

    number: int
    title: str
    branch: str
    head: str
    base: str
    base_sha: str
    opened: str
    state: str = "open"
    how: str | None = None
    merge: str | None = None
    closed: str | None = None


class Forge:
    """One repository. Its clock goes a minute with each commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[Request] = []
        self._minute = 0
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")

    def git(self, *arguments: str, author: str = "Ann") -> str:
        """What git prints."""
        settings = {
            "GIT_AUTHOR_NAME": author,
            "GIT_AUTHOR_EMAIL": f"{author.lower()}@acme.example",
            "GIT_COMMITTER_NAME": "GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
            "GIT_AUTHOR_DATE": self._now(),
            "GIT_COMMITTER_DATE": self._now(),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "HOME": str(self.folder),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=settings, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, name: str, text: str | None = None) -> str:
        """A commit that writes a file."""
        self._minute += 1
        (self.folder / name).write_text(text or name, encoding="utf-8")
        self.git("add", name)
        self.git("commit", "--quiet", "-m", f"Write {name}")
        return self.git("rev-parse", "HEAD")

    def propose(self, title: str, files: list[str], base: str = "main") -> Request:
        """A request with a commit for each file."""
        number, base_sha = len(self.requests) + 1, self.git("rev-parse", base)
        branch = f"topic-{number}"
        self.git("checkout", "-q", "-b", branch, base)
        for name in files:
            self.commit(name)
        request = Request(number, title, branch, self.git("rev-parse", "HEAD"), base, base_sha, self._now())
        self.git("update-ref", f"refs/pull/{number}/head", request.head)
        self.git("checkout", "-q", base)
        self.requests.append(request)
        return request

    def push(self, request: Request, name: str) -> None:
        """Another commit on a request's branch."""
        self.git("checkout", "-q", request.branch)
        request.head = self.commit(name)
        self.git("update-ref", f"refs/pull/{request.number}/head", request.head)
        self.git("checkout", "-q", request.base)

    def merge(self, request: Request, how: str) -> None:
        """Merge as the button does that says "merge", "squash" or "rebase"; the branch is deleted."""
        self.git("checkout", "-q", request.base)
        self._minute += 1
        if how == "merge":
            message = f"Merge pull request #{request.number} from acme/{request.branch}"
            self.git("merge", "--quiet", "--no-ff", "-m", message, "-m", request.title, request.head)
        elif how == "squash":
            self.git("merge", "--quiet", "--squash", request.head)
            self.git("commit", "--quiet", "-m", f"{request.title} (#{request.number})")
        else:
            # New commits also where the base has not moved: GitHub never fast-forwards.
            self.git("checkout", "-q", "--detach", request.head)
            self.git("rebase", "--quiet", "--no-ff", request.base)
            self.git("branch", "--force", request.base, "HEAD")
            self.git("checkout", "-q", request.base)
        request.state, request.how, request.closed = "closed", how, self._now()
        request.merge = self.git("rev-parse", request.base)
        self.git("branch", "-q", "-D", request.branch)

    def close(self, request: Request) -> None:
        """Close without merging."""
        self._minute += 1
        request.state, request.closed = "closed", self._now()
        self.git("branch", "-q", "-D", request.branch)

    def save(self, folder: Path) -> Path:
        """The REST answers about the requests (docs.github.com/rest/pulls, /rest/checks), as files."""
        _write(folder / "pulls.json", [self._answer(request) for request in reversed(self.requests)])
        for request in self.requests:
            whole = self._answer(request) | {"merged": request.merge is not None, "merged_by": None}
            if request.merge:
                whole["merged_by"] = _user("bob", 2)
            _write(folder / f"pulls/{request.number}.json", whole)
            review = {
                "id": 1000 + request.number,
                "user": _user("bob", 2),
                "state": "APPROVED",
                "submitted_at": request.closed or request.opened,
                "commit_id": request.head,
                "author_association": "MEMBER",
            }
            _write(folder / f"pulls/{request.number}/reviews.json", [review])
            run = {
                "id": 2000 + request.number,
                "name": "build",
                "head_sha": request.head,
                "status": "completed",
                "conclusion": "success",
                "started_at": request.opened,
                "completed_at": request.opened,
                "app": {"slug": "circleci-checks", "name": "CircleCI"},
            }
            _write(folder / f"commits/{request.head}/check-runs.json", {"total_count": 1, "check_runs": [run]})
        return folder

    def _answer(self, request: Request) -> dict[str, Any]:
        return {
            "id": 3000 + request.number,
            "number": request.number,
            "state": request.state,
            "title": request.title,
            "user": _user("ann", 1),
            "html_url": f"{URL}/pull/{request.number}",
            "created_at": request.opened,
            "updated_at": request.closed or request.opened,
            "closed_at": request.closed,
            "merged_at": request.closed if request.merge else None,
            "merge_commit_sha": request.merge,
            "draft": False,
            "head": {"ref": request.branch, "sha": request.head, "label": f"acme:{request.branch}"},
            "base": {"ref": request.base, "sha": request.base_sha, "label": f"acme:{request.base}"},
        }

    def _now(self) -> str:
        return (_START + timedelta(minutes=self._minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _user(login: str, number: int) -> dict[str, Any]:
    return {"login": login, "id": number, "type": "User"}


def _write(path: Path, answer: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer), encoding="utf-8")
