"""What GitLab sends and answers, for tests: hooks and REST answers of one project, in GitLab's formats."""

from typing import Any

Json = dict[str, Any]

INSTANCE = "https://gitlab.acme.example"
REPOSITORY = "https://gitlab.acme.example/pay/shop"
NONE = "0" * 40
OLD, HEAD, MERGED, SQUASHED = "1a" * 20, "2b" * 20, "3c" * 20, "4d" * 20
ANN: Json = {"id": 7, "name": "Ann Lee", "username": "ann", "email": "[REDACTED]"}
BOB: Json = {"id": 8, "name": "Bob Ray", "username": "bob", "email": "bob@acme.example"}
PROJECT: Json = {
    "id": 3,
    "name": "Shop",
    "web_url": REPOSITORY,
    "git_ssh_url": "git@gitlab.acme.example:pay/shop.git",
    "git_http_url": f"{REPOSITORY}.git",
    "path_with_namespace": "pay/shop",
    "default_branch": "main",
}


def commit(sha: str, message: str) -> Json:
    """A commit as a push hook lists it."""
    return {
        "id": sha,
        "message": message,
        "timestamp": "2026-11-23T10:02:11+01:00",
        "url": f"{REPOSITORY}/-/commit/{sha}",
        "author": {"name": "Ann Lee", "email": "ann@acme.example"},
    }


def push(**changed: Any) -> Json:
    """A push of one commit to main."""
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": OLD,
        "after": HEAD,
        "ref": "refs/heads/main",
        "ref_protected": True,
        "checkout_sha": HEAD,
        "user_id": 7,
        "user_name": "Ann Lee",
        "user_username": "ann",
        "user_email": "",
        "project": PROJECT,
        "commits": [commit(HEAD, "PAY-17 retry on 503")],
        "total_commits_count": 1,
        **changed,
    }


def tag_push(**changed: Any) -> Json:
    """A push of an annotated tag."""
    tag = {"object_kind": "tag_push", "event_name": "tag_push", "ref": "refs/tags/v1.2.0", "before": NONE, "after": MERGED}
    return {**push(), **tag, **changed}


def merge_request(action: str | None = "open", **changed: Any) -> Json:
    """A merge request hook; `changed` goes into `object_attributes`, but for `changes` and `user`."""
    attributes = {
        "id": 99,
        "iid": 17,
        "title": "PAY-17 retry on 503",
        "state": "opened",
        "draft": False,
        "source_branch": "retry",
        "target_branch": "main",
        "source_project_id": 3,
        "target_project_id": 3,
        "author_id": 7,
        "created_at": "2026-11-23 09:02:11 UTC",
        "updated_at": "2026-11-23 09:30:00 UTC",
        "merge_commit_sha": None,
        "url": f"{REPOSITORY}/-/merge_requests/17",
        "last_commit": {"id": HEAD, "message": "PAY-17 retry on 503"},
        **({"action": action} if action else {}),
        **{name: value for name, value in changed.items() if name not in {"changes", "user"}},
    }
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": changed.get("user", ANN),
        "project": PROJECT,
        "object_attributes": attributes,
        "changes": changed.get("changes", {}),
    }


def pipeline(status: str = "success", **changed: Any) -> Json:
    """A pipeline hook; `changed` goes into `object_attributes`, but for `builds` and `merge_request`."""
    attributes = {
        "id": 31,
        "iid": 4,
        "name": None,
        "ref": "main",
        "tag": False,
        "sha": HEAD,
        "source": "push",
        "status": status,
        "created_at": "2026-11-23 09:03:00 UTC",
        "finished_at": "2026-11-23 09:06:40 UTC" if status in {"success", "failed", "canceled"} else None,
        "duration": 200,
        "queued_duration": 20,
        "url": f"{REPOSITORY}/-/pipelines/31",
        **{name: value for name, value in changed.items() if name not in {"builds", "merge_request"}},
    }
    return {
        "object_kind": "pipeline",
        "object_attributes": attributes,
        "merge_request": changed.get("merge_request"),
        "user": ANN,
        "project": PROJECT,
        "commit": commit(HEAD, "PAY-17 retry on 503"),
        "builds": changed.get("builds", [build()]),
    }


def build(**changed: Any) -> Json:
    """A job as a pipeline hook lists it."""
    return {
        "id": 380,
        "stage": "test",
        "name": "unit",
        "status": "success",
        "created_at": "2026-11-23 09:03:00 UTC",
        "started_at": "2026-11-23 09:04:00 UTC",
        "finished_at": "2026-11-23 09:05:30 UTC",
        "duration": 90.5,
        "when": "on_success",
        "manual": False,
        "allow_failure": False,
        "failure_reason": None,
        "user": ANN,
        "runner": {"id": 5, "description": "runner-1"},
        "environment": None,
        **changed,
    }


def job(status: str = "success", **changed: Any) -> Json:
    """A job hook."""
    return {
        "object_kind": "build",
        "ref": "main",
        "tag": False,
        "sha": HEAD,
        "build_id": 380,
        "build_name": "unit",
        "build_stage": "test",
        "build_status": status,
        "build_created_at": "2026-11-23 09:03:00 UTC",
        "build_started_at": "2026-11-23 09:04:00 UTC",
        "build_finished_at": "2026-11-23 09:05:30 UTC",
        "build_duration": 90.5,
        "build_allow_failure": False,
        "build_failure_reason": "unknown_failure",
        "retries_count": 0,
        "pipeline_id": 31,
        "user": ANN,
        "commit": {"id": 31, "sha": HEAD, "status": "running"},
        "runner": {"id": 5, "description": "runner-1"},
        "repository": {"name": "Shop", "homepage": REPOSITORY},
        "environment": None,
        **changed,
    }


def deployment(status: str = "success", **changed: Any) -> Json:
    """A deployment hook."""
    return {
        "object_kind": "deployment",
        "status": status,
        "status_changed_at": "2026-11-23 10:20:00 +0100",
        "deployment_id": 15,
        "deployable_id": 796,
        "deployable_url": f"{REPOSITORY}/-/jobs/796",
        "environment": "production",
        "environment_tier": "production",
        "environment_external_url": "https://shop.acme.example",
        "project": PROJECT,
        "short_sha": HEAD[:8],
        "user": BOB,
        "commit_url": f"{REPOSITORY}/-/commit/{HEAD}",
        "commit_title": "PAY-17 retry on 503",
        "ref": "main",
        **changed,
    }


def release(action: str = "create", **changed: Any) -> Json:
    """A release hook."""
    return {
        "object_kind": "release",
        "id": 5,
        "created_at": "2026-11-23 11:00:00 UTC",
        "released_at": "2026-11-23 11:00:00 UTC",
        "name": "Autumn",
        "tag": "v1.2.0",
        "project": PROJECT,
        "url": f"{REPOSITORY}/-/releases/v1.2.0",
        "action": action,
        "commit": commit(HEAD, "PAY-17 retry on 503"),
        **changed,
    }


def member(event_name: str = "user_add_to_team", **changed: Any) -> Json:
    """A member's change, as system and group hooks tell it."""
    return {
        "event_name": event_name,
        "created_at": "2026-11-20T09:00:00Z",
        "updated_at": "2026-11-23T09:00:00Z",
        "project_id": 3,
        "project_path_with_namespace": "pay/shop",
        "group_id": 2,
        "group_path": "pay",
        "user_id": 9,
        "user_username": "eve",
        "user_name": "Eve",
        "user_email": "eve@acme.example",
        "access_level": "Maintainer",
        "group_access": "Owner",
        **changed,
    }


def audit(event_type: str, **changed: Any) -> Json:
    """A streamed audit event."""
    return {
        "id": "a0f1",
        "author_id": 7,
        "author_name": "ann",
        "entity_id": 3,
        "entity_type": "Project",
        "entity_path": "pay/shop",
        "target_id": 1,
        "target_type": "ProtectedBranch",
        "target_details": "main",
        "details": {"custom_message": "It was changed", "from": False, "to": True},
        "ip_address": "10.0.0.1",
        "created_at": "2026-11-23T09:10:00.000Z",
        "event_type": event_type,
        **changed,
    }


def issue(action: str = "open", **changed: Any) -> Json:
    """An issue hook; `changed` goes into `object_attributes`, but for `changes`."""
    attributes = {
        "id": 301,
        "iid": 23,
        "title": "Shop is slow",
        "state": "opened",
        "action": action,
        "type": "Issue",
        "confidential": False,
        "created_at": "2026-11-22 09:00:00 UTC",
        "updated_at": "2026-11-23 09:00:00 UTC",
        "url": f"{REPOSITORY}/-/issues/23",
        **{name: value for name, value in changed.items() if name != "changes"},
    }
    kind = {"object_kind": "issue", "user": ANN, "project": PROJECT}
    return {**kind, "object_attributes": attributes, "changes": changed.get("changes", {})}


def vulnerability(state: str = "confirmed", **changed: Any) -> Json:
    """A vulnerability hook."""
    attributes = {
        "url": f"{REPOSITORY}/-/security/vulnerabilities/41",
        "title": "Prototype pollution",
        "state": state,
        "project_id": 3,
        "severity": "high",
        "report_type": "dependency_scanning",
        "identifiers": [{"name": "CVE-2026-1234"}],
        "dismissed_at": "2026-11-23T09:00:00.000Z",
        "dismissed_by_id": 7,
        "updated_at": "2026-11-23T09:00:00.000Z",
        **changed,
    }
    return {"object_kind": "vulnerability", "object_attributes": attributes}


def feature_flag(*, active: bool = True) -> Json:
    """A feature flag hook."""
    flag = {"id": 6, "name": "new-checkout", "active": active}
    return {"object_kind": "feature_flag", "project": PROJECT, "user": ANN, "object_attributes": flag}


def repository_update(*refs: str) -> Json:
    """A system hook that tells the refs of one push."""
    changes = [{"before": OLD, "after": HEAD, "ref": ref} for ref in refs]
    known = {"user_id": 7, "user_name": "Ann Lee", "project_id": 3, "project": PROJECT}
    return {"event_name": "repository_update", **known, "changes": changes, "refs": list(refs)}


# One of everything, for tests that damage payloads.
SAMPLES: list[Json] = [
    push(),
    push(after=NONE),
    push(before=NONE, total_commits_count=44, push_options={"ci": {"skip": True}}),
    tag_push(),
    repository_update("refs/heads/a", "refs/heads/b", "refs/heads/c", "refs/heads/d", "refs/tags/e"),
    *(merge_request(action) for action in ("open", "update", "reopen", "merge", "close", "approved", "unapproval", None)),
    merge_request("update", changes={"reviewers": {"previous": [], "current": [{**BOB, "state": "requested_changes"}]}}),
    pipeline(builds=[build(), build(id=381, manual=True, user=BOB), build(id=382, status="skipped")]),
    pipeline("running"),
    pipeline("skipped", builds=[]),
    job(),
    job("failed"),
    job("skipped"),
    deployment(),
    deployment("blocked"),
    release(),
    release("delete"),
    member(),
    member("user_remove_from_group"),
    audit("protected_branch_updated"),
    audit("member_created"),
    audit("audit_operation", details={"change": "visibility", "from": "Private", "to": "Public"}),
    issue(),
    issue("close", type="Incident"),
    vulnerability(),
    vulnerability("dismissed"),
    feature_flag(),
    {"event_name": "project_rename", "project_id": 3, "path_with_namespace": "pay/shop", "old_path_with_namespace": "pay/till"},
    {"event_name": "subgroup_create", "group_id": 4, "full_path": "pay/eu", "updated_at": "2026-11-23T09:00:00Z"},
    {"event_name": "key_create", "id": 4, "username": "ann", "key": "ssh-ed25519 AAAA ann@host"},
    {"event_name": "user_rename", "username": "eve", "old_username": "mallory", "user_id": 9},
]


def rest_merge_request(**changed: Any) -> Json:
    """A merged request as the API answers it."""
    return {
        "id": 99,
        "iid": 17,
        "title": "PAY-17 retry on 503",
        "state": "merged",
        "draft": False,
        "source_branch": "retry",
        "target_branch": "main",
        "source_project_id": 3,
        "target_project_id": 3,
        "author": ANN,
        "merge_user": BOB,
        "created_at": "2026-11-23T09:02:11.481Z",
        "updated_at": "2026-11-23T09:31:00.000Z",
        "merged_at": "2026-11-23T09:30:00.120Z",
        "sha": HEAD,
        "merge_commit_sha": MERGED,
        "squash_commit_sha": None,
        "web_url": f"{REPOSITORY}/-/merge_requests/17",
        **changed,
    }


def rest_pipeline(**changed: Any) -> Json:
    """An ended pipeline as the API answers it."""
    return {
        "id": 31,
        "iid": 4,
        "project_id": 3,
        "sha": HEAD,
        "ref": "main",
        "status": "success",
        "source": "push",
        "created_at": "2026-11-23T09:03:00.100Z",
        "started_at": "2026-11-23T09:03:20.200Z",
        "finished_at": "2026-11-23T09:06:40.300Z",
        "duration": 200,
        "queued_duration": 20,
        "user": ANN,
        "web_url": f"{REPOSITORY}/-/pipelines/31",
        **changed,
    }


def rest_job(**changed: Any) -> Json:
    """An ended job as the API answers it."""
    return {
        **build(),
        "ref": "main",
        "tag": False,
        "commit": {"id": HEAD},
        "pipeline": {"id": 31, "ref": "main", "sha": HEAD},
        "web_url": f"{REPOSITORY}/-/jobs/380",
        **changed,
    }


def rest_deployment(**changed: Any) -> Json:
    """An ended deployment as the API answers it."""
    return {
        "id": 15,
        "iid": 2,
        "ref": "main",
        "sha": HEAD,
        "status": "success",
        "created_at": "2026-11-23T09:10:00.000Z",
        "updated_at": "2026-11-23T09:20:00.500Z",
        "user": BOB,
        "environment": {"id": 1, "name": "production", "external_url": "https://shop.acme.example"},
        "deployable": {
            "id": 796,
            "name": "deploy",
            "started_at": "2026-11-23T09:15:00.000Z",
            "finished_at": "2026-11-23T09:20:00.000Z",
            "pipeline": {"id": 31},
        },
        "approvals": [{"user": ANN, "status": "approved", "created_at": "2026-11-23T09:12:00Z", "comment": "looks good"}],
        **changed,
    }


def rest_release(**changed: Any) -> Json:
    """A release as the API answers it."""
    return {
        "tag_name": "v1.2.0",
        "name": "Autumn",
        "created_at": "2026-11-23T11:00:00.000Z",
        "released_at": "2026-11-23T11:00:00.000Z",
        "author": BOB,
        "commit": {"id": HEAD},
        "_links": {"self": f"{REPOSITORY}/-/releases/v1.2.0"},
        **changed,
    }


# One project's answers, by their paths below the project.
ANSWERS: dict[str, Any] = {
    "merge_requests": [rest_merge_request()],
    "merge_requests/17/approvals": {"approved_by": [{"user": BOB, "approved_at": "2026-11-23T09:25:00.000Z"}]},
    "merge_requests/17/versions": [
        {"id": 2, "head_commit_sha": HEAD, "created_at": "2026-11-23T09:20:00.000Z"},
        {"id": 1, "head_commit_sha": OLD, "created_at": "2026-11-23T09:02:11.000Z"},
    ],
    "pipelines": [{"id": 31, "status": "success", "sha": HEAD, "ref": "main"}],
    "pipelines/31": rest_pipeline(),
    "pipelines/31/jobs": [rest_job()],
    "deployments": [{"id": 15}],
    "deployments/15": rest_deployment(),
    "releases": [rest_release()],
}
