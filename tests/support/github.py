"""What GitHub sends and answers, for tests: webhooks, REST answers, audit log entries of one repository, in its formats."""

from typing import Any

Json = dict[str, Any]

INSTANCE = "https://github.acme.example"
REPOSITORY = f"{INSTANCE}/pay/shop"
API = f"{INSTANCE}/api/v3/repos/pay/shop"
OLD, HEAD, MERGED, TEMPORARY = "1a" * 20, "2b" * 20, "3c" * 20, "4d" * 20
DIGEST = "5e" * 32


def user(login: str, number: int, type_: str = "User") -> Json:
    """An account."""
    return {"login": login, "id": number, "type": type_, "html_url": f"{INSTANCE}/{login}"}


ANN, BOB, CAT = user("ann", 7), user("bob", 8), user("cat", 9)
BOT = user("deploy[bot]", 60, "Bot")
REPO: Json = {
    "id": 3,
    "name": "shop",
    "full_name": "pay/shop",
    "html_url": REPOSITORY,
    "url": API,
    "private": True,
    "visibility": "private",
    "default_branch": "main",
    "created_at": "2026-01-05T08:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
    "pushed_at": "2026-11-23T09:02:12Z",
}


def hook(action: str | None = None, **parts: Any) -> Json:
    """A webhook's payload: its own parts, and those that every webhook of a repository has."""
    named = {"action": action} if action else {}
    return {**named, "repository": REPO, "sender": ANN, **parts}


def commit(sha: str, message: str = "PAY-17 retry on 503", **changed: Any) -> Json:
    """A commit as a push lists it."""
    return {
        "id": sha,
        "distinct": True,
        "message": message,
        "timestamp": "2026-11-23T10:02:11+01:00",
        "url": f"{REPOSITORY}/commit/{sha}",
        "author": {"name": "Ann Lee", "email": "ann@acme.example", "username": "ann"},
        "committer": {"name": "Ann Lee", "email": "ann@acme.example", "username": "ann"},
        **changed,
    }


def push(**changed: Any) -> Json:
    """A push of one commit to main."""
    parts = {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": HEAD,
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": f"{REPOSITORY}/compare/{OLD[:12]}...{HEAD[:12]}",
        "commits": [commit(HEAD)],
        "head_commit": commit(HEAD),
        "pusher": {"name": "ann", "email": "ann@acme.example"},
    }
    return hook(**{**parts, **changed})


def request(**changed: Any) -> Json:
    """An open pull request, as the webhook and the single REST answer have it."""
    return {
        "id": 9917,
        "number": 17,
        "html_url": f"{REPOSITORY}/pull/17",
        "state": "open",
        "title": "PAY-17 retry on 503",
        "draft": False,
        "user": ANN,
        "created_at": "2026-11-23T09:03:00Z",
        "updated_at": "2026-11-23T09:03:00Z",
        "closed_at": None,
        "merged_at": None,
        "merged": False,
        "merged_by": None,
        "merge_commit_sha": TEMPORARY,
        "head": {"ref": "retry", "sha": HEAD, "repo": REPO},
        "base": {"ref": "main", "sha": OLD, "repo": REPO},
        **changed,
    }


def closed(**changed: Any) -> Json:
    """A request that was closed without being merged; GitHub leaves the last temporary merge in it."""
    return request(state="closed", closed_at="2026-11-23T09:40:00Z", updated_at="2026-11-23T09:40:00Z", **changed)


def merged(**changed: Any) -> Json:
    """A merged request."""
    done: Json = {"merged": True, "merged_at": "2026-11-23T09:40:00Z", "merged_by": BOB, "merge_commit_sha": MERGED}
    return closed(**{**done, **changed})


def review(state: str = "approved", **changed: Any) -> Json:
    """A review by bob, of the request's head."""
    return {
        "id": 501,
        "user": BOB,
        "body": "Looks good",
        "state": state,
        "commit_id": HEAD,
        "submitted_at": "2026-11-23T09:20:00Z",
        **changed,
    }


def run(status: str = "completed", conclusion: str | None = "success", **changed: Any) -> Json:
    """A workflow run; the webhook and REST have the same object."""
    return {
        "id": 31,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "run_number": 4,
        "run_attempt": 1,
        "event": "push",
        "status": status,
        "conclusion": conclusion if status == "completed" else None,
        "head_branch": "main",
        "head_sha": HEAD,
        "html_url": f"{REPOSITORY}/actions/runs/31",
        "pull_requests": [],
        "created_at": "2026-11-23T09:03:00Z",
        "run_started_at": "2026-11-23T09:03:00Z",
        "updated_at": "2026-11-23T09:06:40Z",
        "actor": ANN,
        "triggering_actor": ANN,
        **changed,
    }


def job(status: str = "completed", conclusion: str | None = "success", **changed: Any) -> Json:
    """A job of the run."""
    return {
        "id": 380,
        "run_id": 31,
        "run_attempt": 1,
        "name": "test (3.11)",
        "workflow_name": "CI",
        "head_branch": "main",
        "head_sha": HEAD,
        "status": status,
        "conclusion": conclusion if status == "completed" else None,
        "html_url": f"{REPOSITORY}/actions/runs/31/job/380",
        "created_at": "2026-11-23T09:03:05Z",
        "started_at": "2026-11-23T09:03:20Z",
        "completed_at": "2026-11-23T09:05:00Z" if status == "completed" else None,
        "runner_id": 12,
        "runner_name": "runner-12",
        "runner_group_name": "Default",
        "steps": [{"name": "Run tests", "conclusion": conclusion, "number": 2}],
        **changed,
    }


def check_run(status: str = "completed", conclusion: str | None = "success", app: str = "sonar", **changed: Any) -> Json:
    """A check run of an app."""
    return {
        "id": 640,
        "name": "quality gate",
        "head_sha": HEAD,
        "status": status,
        "conclusion": conclusion if status == "completed" else None,
        "started_at": "2026-11-23T09:04:00Z",
        "completed_at": "2026-11-23T09:04:30Z" if status == "completed" else None,
        "details_url": "https://sonar.acme.example/17",
        "output": {"title": "No new issues"},
        "app": {"id": 77, "slug": app, "name": app.title()},
        **changed,
    }


def deployment(**changed: Any) -> Json:
    """A deployment by a bot."""
    return {
        "id": 71,
        "sha": MERGED,
        "ref": "main",
        "task": "deploy",
        "environment": "production",
        "description": "Release 1.2.0",
        "creator": BOT,
        "created_at": "2026-11-23T09:50:00Z",
        "updated_at": "2026-11-23T09:50:00Z",
        "transient_environment": False,
        "production_environment": True,
        **changed,
    }


def deployment_status(state: str = "success", **changed: Any) -> Json:
    """A status of the deployment."""
    return {
        "id": 711,
        "state": state,
        "creator": BOT,
        "description": "",
        "environment": "production",
        "environment_url": "https://shop.acme.example",
        "log_url": f"{REPOSITORY}/actions/runs/33/job/391",
        "target_url": f"{REPOSITORY}/actions/runs/33/job/391",
        "created_at": "2026-11-23T09:52:00Z",
        **changed,
    }


def release(**changed: Any) -> Json:
    """A release with one file."""
    return {
        "id": 88,
        "tag_name": "v1.2.0",
        "target_commitish": MERGED,
        "name": "1.2.0",
        "draft": False,
        "prerelease": False,
        "html_url": f"{REPOSITORY}/releases/tag/v1.2.0",
        "author": BOB,
        "created_at": "2026-11-23T09:45:00Z",
        "published_at": "2026-11-23T09:46:00Z",
        "assets": [
            {
                "id": 881,
                "name": "shop.tar.gz",
                "size": 4096,
                "digest": f"sha256:{DIGEST}",
                "uploader": BOB,
                "created_at": "2026-11-23T09:45:30Z",
            }
        ],
        **changed,
    }


def rule(**changed: Any) -> Json:
    """A branch protection rule."""
    return {
        "id": 21,
        "name": "main",
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": "2026-11-23T09:30:00Z",
        "required_approving_review_count": 1,
        "require_code_owner_review": True,
        "required_status_checks": ["CI"],
        "admin_enforced": False,
        "allow_force_pushes_enforcement_level": "off",
        "pull_request_reviews_enforcement_level": "everyone",
        **changed,
    }


def ruleset(**changed: Any) -> Json:
    """A ruleset that a team may always bypass."""
    return {
        "id": 42,
        "name": "trunk",
        "target": "branch",
        "source_type": "Repository",
        "source": "pay/shop",
        "enforcement": "active",
        "bypass_actors": [{"actor_id": 5, "actor_type": "Team", "bypass_mode": "always"}],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "pull_request"}, {"type": "required_status_checks"}],
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": "2026-11-23T09:30:00Z",
        **changed,
    }


def alert(**changed: Any) -> Json:
    """A secret scanning alert of a secret that somebody pushed past the guard."""
    return {
        "number": 6,
        "created_at": "2026-11-23T09:10:00Z",
        "updated_at": "2026-11-23T09:10:00Z",
        "secret_type": "acme_api_key",
        "secret_type_display_name": "Acme API key",
        "resolution": None,
        "resolved_by": None,
        "push_protection_bypassed": True,
        "push_protection_bypassed_by": CAT,
        "push_protection_bypassed_at": "2026-11-23T09:09:58Z",
        **changed,
    }


def package(**changed: Any) -> Json:
    """An image in the registry."""
    return {
        "id": 10,
        "name": "shop",
        "namespace": "pay",
        "package_type": "container",
        "package_version": {
            "id": 577,
            "version": f"sha256:{DIGEST}",
            "name": f"sha256:{DIGEST}",
            "target_oid": "3da1996a8115d7616457760d9920b815241d0a03",
            "created_at": "0001-01-01T00:00:00Z",
            "container_metadata": {
                "tag": {"name": "1.2.0", "digest": f"sha256:{DIGEST}"},
                "labels": {"all_labels": {"org.opencontainers.image.revision": MERGED}},
                "manifest": {"digest": f"sha256:{DIGEST}"},
            },
            "package_files": [],
            "author": BOT,
        },
        "updated_at": "2026-11-23T09:47:00Z",
        **changed,
    }


def entry(action: str, **changed: Any) -> Json:
    """An audit log entry as it is streamed."""
    return {
        "@timestamp": 1_795_426_200_123,
        "_document_id": f"doc-{action}",
        "action": action,
        "actor": "cat",
        "actor_id": 9,
        "actor_is_bot": False,
        "actor_location": {"country_code": "DE"},
        "created_at": 1_795_426_200_123,
        "org": "pay",
        "repo": "pay/shop",
        "operation_type": "modify",
        **changed,
    }


def override(**changed: Any) -> Json:
    """The entry that says that a branch protection was passed over."""
    told: Json = {
        "branch": "refs/heads/main",
        "before": OLD,
        "after": HEAD,
        "overridden_codes": ["required_status_checks", "review_policy_not_satisfied"],
        "reasons": [
            {"code": "required_status_checks", "message": 'Required status check "CI" is expected.'},
            {"code": "review_policy_not_satisfied", "message": "At least 1 approving review is required."},
        ],
        "pull_request_url": f"{REPOSITORY}/pull/17",
    }
    return entry("protected_branch.policy_override", **{**told, **changed})


_NEW_TEAM: Json = {"id": 5, "slug": "release", "name": "Release", "permission": "push"}
_ASKED: Json = {
    "id": 90,
    "number": 2,
    "requester_id": 9,
    "requester_login": "cat",
    "request_type": "push_ruleset_bypass",
    "status": "pending",
    "requester_comment": "the fix cannot wait",
    "created_at": "2026-11-23T09:00:00Z",
}
_ANSWERED: Json = {"id": 91, "reviewer_login": "ann", "status": "approved", "created_at": "2026-11-23T09:05:00Z"}
_EXEMPTIONS = (
    "exemption_request_push_ruleset",
    "exemption_request_secret_scanning",
    "bypass_request_push_ruleset",
    "bypass_request_secret_scanning",
    "dismissal_request_code_scanning",
    "dismissal_request_dependabot",
    "dismissal_request_secret_scanning",
)
_REVIEWED_RUN = run("waiting", run_attempt=2)
# A payload of every kind that tells something, by kind.
SAMPLES: list[tuple[str, Any]] = [
    ("push", push()),
    ("push", push(ref="refs/tags/v1.2.0", created=True, commits=[], before="0" * 40)),
    ("create", hook(ref="retry", ref_type="branch", master_branch="main")),
    ("delete", hook(ref="v1.1.9", ref_type="tag")),
    ("pull_request", hook("opened", number=17, pull_request=request())),
    ("pull_request", hook("synchronize", number=17, before=OLD, pull_request=request())),
    ("pull_request", hook("edited", changes={"base": {"ref": {"from": "dev"}}}, pull_request=request())),
    ("pull_request", hook("review_requested", requested_reviewer=BOB, pull_request=request())),
    ("pull_request", hook("closed", number=17, pull_request=merged())),
    ("pull_request", hook("closed", number=17, pull_request=closed())),
    ("pull_request_review", hook("submitted", review=review(), pull_request=request())),
    ("pull_request_review", hook("dismissed", review=review("dismissed"), pull_request=request())),
    (
        "merge_group",
        hook(
            "checks_requested",
            merge_group={
                "head_sha": MERGED,
                "head_ref": f"refs/heads/gh-readonly-queue/main/pr-17-{OLD}",
                "base_sha": OLD,
                "base_ref": "refs/heads/main",
                "head_commit": {"id": MERGED, "timestamp": "2026-11-23T09:35:00Z"},
            },
        ),
    ),
    ("check_run", hook("completed", check_run=check_run())),
    ("check_run", hook("rerequested", check_run=check_run())),
    (
        "check_suite",
        hook(
            "completed",
            check_suite={
                "id": 650,
                "head_branch": "main",
                "head_sha": HEAD,
                "conclusion": "failure",
                "updated_at": "2026-11-23T09:04:40Z",
                "app": {"id": 77, "slug": "sonar", "name": "Sonar"},
            },
        ),
    ),
    (
        "status",
        hook(
            id=660,
            sha=HEAD,
            context="ci/legacy",
            state="failure",
            description="2 tests failed",
            target_url="https://ci.acme.example/4",
            branches=[{"name": "main"}],
            commit={"sha": HEAD, "author": None, "committer": ANN},
            created_at="2026-11-23T09:05:00Z",
            updated_at="2026-11-23T09:05:00Z",
        ),
    ),
    ("workflow_run", hook("requested", workflow_run=run("queued"))),
    ("workflow_run", hook("in_progress", workflow_run=run("in_progress"))),
    ("workflow_run", hook("completed", workflow_run=run(run_attempt=2, triggering_actor=BOB))),
    ("workflow_run", hook("completed", workflow_run=run(conclusion="action_required"))),
    ("workflow_job", hook("in_progress", workflow_job=job("in_progress"))),
    ("workflow_job", hook("completed", workflow_job=job(conclusion="failure"))),
    ("workflow_job", hook("completed", workflow_job=job(conclusion="skipped"))),
    ("workflow_dispatch", hook(ref="refs/heads/main", workflow=".github/workflows/ci.yml", inputs={"dry.run": True})),
    ("repository_dispatch", hook("rebuild", branch="main", client_payload={})),
    ("deployment", hook("created", deployment=deployment(), workflow_run=run(id=33))),
    ("deployment_status", hook("created", deployment_status=deployment_status(), deployment=deployment())),
    ("deployment_status", hook("created", deployment_status=deployment_status("in_progress"), deployment=deployment())),
    (
        "deployment_review",
        hook(
            "requested",
            environment="production",
            since="2026-11-23T09:49:00Z",
            reviewers=[{"type": "User", "reviewer": BOB}],
            workflow_run=_REVIEWED_RUN,
            workflow_job_run={"environment": "production"},
        ),
    ),
    (
        "deployment_review",
        hook(
            "approved",
            approver=BOB,
            comment="go",
            workflow_job_runs=[{"environment": "production"}, {"environment": "canary"}],
            workflow_run=_REVIEWED_RUN,
        ),
    ),
    (
        "deployment_protection_rule",
        hook(
            "requested",
            environment="production",
            event="push",
            sha=MERGED,
            ref="main",
            deployment=deployment(),
            deployment_callback_url=f"{API}/actions/runs/33/deployment_protection_rule",
            installation={"id": 4},
        ),
    ),
    ("release", hook("published", release=release())),
    ("release", hook("deleted", release=release())),
    ("registry_package", hook("published", registry_package=package())),
    (
        "package",
        hook(
            "published",
            package=package(
                package_type="npm",
                package_version={
                    "id": 578,
                    "version": "1.2.0",
                    "npm_metadata": {"git_head": MERGED},
                    "package_files": [{"name": "shop-1.2.0.tgz", "sha256": DIGEST, "size": 654}],
                },
            ),
        ),
    ),
    ("branch_protection_rule", hook("created", rule=rule())),
    ("branch_protection_rule", hook("edited", rule=rule(), changes={"required_approving_review_count": {"from": 2}})),
    ("branch_protection_configuration", hook("disabled")),
    ("repository_ruleset", hook("edited", repository_ruleset=ruleset(), changes={"enforcement": {"from": "evaluate"}})),
    (
        "security_and_analysis",
        {
            **hook(changes={"from": {"security_and_analysis": {"secret_scanning": {"status": "enabled"}}}}),
            "repository": {**REPO, "security_and_analysis": {"secret_scanning": {"status": "disabled"}}},
        },
    ),
    ("member", hook("edited", member=BOB, changes={"permission": {"from": "read", "to": "admin"}})),
    ("membership", {"action": "added", "scope": "team", "member": BOB, "team": _NEW_TEAM, "sender": ANN}),
    ("team", hook("added_to_repository", team=_NEW_TEAM)),
    ("organization", {"action": "member_added", "membership": {"role": "admin", "user": BOB}, "sender": ANN}),
    ("organization", {"action": "renamed", "changes": {"login": {"from": "old"}}, "sender": ANN}),
    ("org_block", {"action": "blocked", "blocked_user": BOB, "sender": ANN}),
    ("deploy_key", hook("created", key={"id": 100, "title": "ci", "read_only": False, "created_at": "2026-11-23T09:00:00Z"})),
    (
        "installation",
        {
            "action": "created",
            "installation": {
                "id": 4,
                "app_id": 60,
                "app_slug": "deploy",
                "permissions": {"contents": "write"},
                "created_at": 1_795_426_200,
            },
            "sender": ANN,
        },
    ),
    (
        "installation_repositories",
        {
            "action": "added",
            "installation": {"id": 4, "app_id": 60, "app_slug": "deploy"},
            "repositories_added": [{"id": 3, "full_name": "pay/shop"}, {"id": 5, "full_name": "pay/till"}],
            "sender": ANN,
        },
    ),
    (
        "personal_access_token_request",
        {
            "action": "approved",
            "personal_access_token_request": {
                "id": 9,
                "owner": BOB,
                "permissions_result": {"repository": {"contents": "write"}},
                "token_name": "laptop",
            },
            "sender": ANN,
        },
    ),
    ("repository", hook("publicized")),
    ("repository", hook("edited", changes={"default_branch": {"from": "master"}})),
    (
        "custom_property_values",
        hook(
            "updated",
            old_property_values=[{"property_name": "tier", "value": "1"}],
            new_property_values=[{"property_name": "tier", "value": "3"}],
        ),
    ),
    ("meta", hook("deleted", hook_id=1010, hook={"type": "Repository", "id": 1010, "events": ["*"]})),
    ("secret_scanning_alert", hook("created", alert=alert())),
    (
        "secret_scanning_alert",
        hook("resolved", alert=alert(resolution="revoked", resolved_by=BOB, resolved_at="2026-11-23T10:00:00Z")),
    ),
    (
        "code_scanning_alert",
        hook(
            "closed_by_user",
            alert={
                "number": 10,
                "created_at": "2026-11-23T09:00:00Z",
                "dismissed_at": "2026-11-23T09:30:00Z",
                "dismissed_by": BOB,
                "dismissed_reason": "false positive",
                "rule": {"id": "py/sql", "description": "SQL built of user input", "security_severity_level": "high"},
                "tool": {"name": "CodeQL"},
            },
            ref="refs/heads/main",
            commit_oid=HEAD,
        ),
    ),
    (
        "dependabot_alert",
        hook(
            "created",
            alert={
                "number": 11,
                "created_at": "2026-11-23T09:00:00Z",
                "dependency": {"package": {"name": "requests"}},
                "security_advisory": {"summary": "Leaks a header", "severity": "high"},
            },
        ),
    ),
    *((kind, hook("created", exemption_request=_ASKED)) for kind in _EXEMPTIONS),
    ("exemption_request_push_ruleset", hook("response_submitted", exemption_request=_ASKED, exemption_response=_ANSWERED)),
    ("exemption_request_push_ruleset", hook("completed", exemption_request={**_ASKED, "status": "completed"})),
    ("issues", hook("opened", issue={"id": 170, "number": 5, "title": "Retry", "created_at": "2026-11-20T09:00:00Z"})),
    ("audit_log", [override(), entry("repo.access", visibility="public", previous_visibility="private")]),
]
