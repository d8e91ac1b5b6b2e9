"""What Bitbucket Cloud and Bitbucket Data Center send, for tests: hooks of one repository, in their formats."""

from typing import Any

Json = dict[str, Any]

REPOSITORY = "https://bitbucket.org/pay/shop"
SERVER_REPOSITORY = "https://git.acme.example/scm/pay/shop"
NONE = "0" * 40
OLD, HEAD, MERGED, ROOT = "1a" * 20, "2b" * 20, "3c" * 20, "4d" * 20
ANN: Json = {"display_name": "Ann Lee", "nickname": "ann", "account_id": "557058:aa", "uuid": "{aa}", "type": "user"}
BOB: Json = {"display_name": "Bob Ray", "nickname": "bob", "account_id": "557058:bb", "uuid": "{bb}", "type": "user"}
CLOUD_REPOSITORY: Json = {
    "type": "repository",
    "full_name": "pay/shop",
    "name": "shop",
    "uuid": "{cc}",
    "links": {"html": {"href": REPOSITORY}, "self": {"href": "https://api.bitbucket.org/2.0/repositories/pay/shop"}},
}
SERVER_ANN: Json = {"name": "ann", "emailAddress": "ann@acme.example", "id": 7, "displayName": "Ann Lee", "type": "NORMAL"}
SERVER_REPO: Json = {
    "slug": "shop",
    "id": 84,
    "name": "shop",
    "project": {"key": "PAY", "id": 4, "name": "Payments"},
    "links": {
        "clone": [
            {"href": "ssh://git@git.acme.example:7999/pay/shop.git", "name": "ssh"},
            {"href": "https://git.acme.example/scm/pay/shop.git", "name": "http"},
        ],
        "self": [{"href": "https://git.acme.example/projects/PAY/repos/shop/browse"}],
    },
}


def target(sha: str) -> Json:
    """A commit of Cloud's."""
    return {
        "type": "commit",
        "hash": sha,
        "message": "PAY-17 retry on 503\n",
        "date": "2026-11-23T09:02:11+00:00",
        "author": {"raw": "Ann Lee <ann@acme.example>", "user": ANN},
        "parents": [{"hash": OLD}],
    }


def ref(sha: str | None, name: str = "main", kind: str = "branch") -> Json | None:
    """A ref of Cloud's at a commit."""
    return {"type": kind, "name": name, "target": target(sha)} if sha else None


def push(
    before: str | None = OLD, after: str | None = HEAD, *, name: str = "main", kind: str = "branch", **changed: Any
) -> tuple[str, Json]:
    """Cloud's repo:push of one ref."""
    change = {
        "old": ref(before, name, kind),
        "new": ref(after, name, kind),
        "created": before is None,
        "closed": after is None,
        "forced": False,
        "truncated": False,
        "commits": [target(after)] if after and kind == "branch" else [],
        **changed,
    }
    return "repo:push", {"actor": ANN, "repository": CLOUD_REPOSITORY, "push": {"changes": [change]}}


def pull_request(kind: str = "created", **changed: Any) -> tuple[str, Json]:
    """Cloud's pullrequest:*; `changed` goes into the request, but for `actor`, `approval` and `changes_request`."""
    beside: Json = {name: changed.pop(name) for name in ("actor", "approval", "changes_request") if name in changed}
    request = {
        "id": 17,
        "title": "PAY-17 retry on 503",
        "state": "OPEN",
        "draft": False,
        "author": ANN,
        "source": {"branch": {"name": "retry"}, "commit": {"hash": HEAD[:12]}, "repository": CLOUD_REPOSITORY},
        "destination": {"branch": {"name": "main"}, "commit": {"hash": OLD[:12]}, "repository": CLOUD_REPOSITORY},
        "merge_commit": None,
        "created_on": "2026-11-23T09:02:11.100000+00:00",
        "updated_on": "2026-11-23T09:30:00.200000+00:00",
        "links": {"html": {"href": f"{REPOSITORY}/pull-requests/17"}},
        **changed,
    }
    return f"pullrequest:{kind}", {"actor": ANN, "repository": CLOUD_REPOSITORY, "pullrequest": request, **beside}


def status(state: str = "SUCCESSFUL", **changed: Any) -> tuple[str, Json]:
    """Cloud's build status."""
    told = {
        "type": "build",
        "key": "ci-unit",
        "name": "unit tests",
        "state": state,
        "url": "https://ci.acme.example/job/12",
        "refname": "main",
        "created_on": "2026-11-23T09:03:00+00:00",
        "updated_on": "2026-11-23T09:06:00+00:00",
        "links": {"commit": {"href": f"https://api.bitbucket.org/2.0/repositories/pay/shop/commit/{HEAD}"}},
        **changed,
    }
    return "repo:commit_status_updated", {"actor": ANN, "repository": CLOUD_REPOSITORY, "commit_status": told}


def refs_changed(
    before: str = OLD, after: str = HEAD, *, name: str = "main", kind: str = "BRANCH", **changed: Any
) -> tuple[str, Json]:
    """Data Center's repo:refs_changed of one ref."""
    start = "refs/tags/" if kind == "TAG" else "refs/heads/"
    change = {
        "ref": {"id": f"{start}{name}", "displayId": name, "type": kind},
        "refId": f"{start}{name}",
        "fromHash": before,
        "toHash": after,
        "type": "ADD" if before == NONE else "DELETE" if after == NONE else "UPDATE",
    }
    commit = {
        "id": HEAD,
        "message": "PAY-17 retry on 503",
        "author": {"name": "Ann Lee", "emailAddress": "ann@acme.example"},
        "authorTimestamp": 1795424531000,
        "parents": [{"id": OLD}],
    }
    return "repo:refs_changed", {
        "eventKey": "repo:refs_changed",
        "date": "2026-11-23T10:02:11+0100",
        "actor": SERVER_ANN,
        "repository": SERVER_REPO,
        "changes": [change],
        "commits": [commit],
        **changed,
    }


def server_request(kind: str = "opened", **changed: Any) -> tuple[str, Json]:
    """Data Center's pr:*; `changed` goes into the request, but for `previousFromHash`."""
    beside: Json = {name: changed.pop(name) for name in ("previousFromHash",) if name in changed}
    side = {"id": "refs/heads/retry", "displayId": "retry", "latestCommit": HEAD, "repository": SERVER_REPO}
    request = {
        "id": 17,
        "version": 1,
        "title": "PAY-17 retry on 503",
        "state": "OPEN",
        "createdDate": 1795424531000,
        "updatedDate": 1795426200000,
        "fromRef": side,
        "toRef": {**side, "id": "refs/heads/main", "displayId": "main", "latestCommit": OLD},
        "author": {"user": SERVER_ANN, "role": "AUTHOR"},
        "links": {"self": [{"href": "https://git.acme.example/projects/PAY/repos/shop/pull-requests/17"}]},
        **changed,
    }
    known = {"eventKey": f"pr:{kind}", "date": "2026-11-23T10:30:00+0100", "actor": SERVER_ANN}
    return f"pr:{kind}", {**known, "pullRequest": request, **beside}


def issue(kind: str = "created", **changed: Any) -> tuple[str, Json]:
    """Cloud's own tracker."""
    told = {
        "id": 23,
        "title": "Shop is slow",
        "state": "new",
        "created_on": "2026-11-23T09:00:00+00:00",
        "updated_on": "2026-11-23T09:10:00+00:00",
        "links": {"html": {"href": f"{REPOSITORY}/issues/23"}},
        **changed,
    }
    return f"issue:{kind}", {"actor": ANN, "repository": CLOUD_REPOSITORY, "issue": told}


# One of everything, for tests that damage payloads.
SAMPLES: list[tuple[str, Json]] = [
    push(),
    push(None, HEAD, truncated=True),
    push(HEAD, None),
    push(None, HEAD, name="v1", kind="tag"),
    *(
        pull_request(kind)
        for kind in (
            "created",
            "updated",
            "approved",
            "unapproved",
            "changes_request_created",
            "changes_request_removed",
            "fulfilled",
            "rejected",
        )
    ),
    status(),
    status("INPROGRESS"),
    status("FAILED", url=f"{REPOSITORY}/pipelines/results/12"),
    refs_changed(),
    refs_changed(NONE, HEAD, name="v1", kind="TAG"),
    refs_changed(HEAD, NONE),
    *(
        server_request(kind)
        for kind in ("opened", "modified", "from_ref_updated", "reviewer:approved", "reviewer:needs_work", "merged", "declined")
    ),
    issue(),
    issue("updated", state="resolved"),
    (
        "repo:updated",
        {"actor": ANN, "repository": CLOUD_REPOSITORY, "changes": {"is_private": {"old": True, "new": False}}},
    ),
    (
        "repo:modified",
        {
            "date": "2026-11-23T10:30:00+0100",
            "actor": SERVER_ANN,
            "old": {**SERVER_REPO, "name": "till"},
            "new": {**SERVER_REPO, "public": True},
        },
    ),
    ("repo:secret_detected", {"date": "2026-11-23T10:30:00+0100", "actor": SERVER_ANN, "repository": SERVER_REPO}),
    (
        "project:modified",
        {
            "date": "2026-11-23T10:30:00+0100",
            "actor": SERVER_ANN,
            "old": {"key": "PAY", "name": "Pay"},
            "new": {"key": "PAY", "name": "Payments"},
        },
    ),
]
