"""Streamed audit events: who changed which rule, who got which access, who passed over a policy."""

import pytest
from pipetrail_producers.webhook.gitlab import SYSTEM
from support import gitlab
from support.gitlab import REPOSITORY, Json
from support.translator import Event, delivery, short_types, translated


def only(event_type: str, **changed: object) -> Event:
    """The only event of an audit event."""
    (made,) = translated(SYSTEM, gitlab.audit(event_type, **changed), instance=gitlab.INSTANCE)
    return made


@pytest.mark.parametrize(
    ("event_type", "control", "action"),
    [
        ("protected_branch_created", "protected branch", "created"),
        ("protected_branch_updated", "protected branch", "edited"),
        ("protected_branch_removed", "protected branch", "deleted"),
        ("protected_branch_code_owner_approval_required_updated", "protected branch code owner approval required", "edited"),
        ("approval_rule_deleted", "approval rule", "deleted"),
        ("update_approval_rules", "approval rules", "edited"),
        ("project_merge_requests_author_approval_updated", "merge requests author approval", "edited"),
        ("project_require_password_to_approve_updated", "require password to approve", "edited"),
        ("project_push_rules_reject_unsigned_commits_updated", "push rules reject unsigned commits", "edited"),
        ("project_push_rules_author_email_regex_updated", "push rules author email regex", "edited"),
        ("project_push_rules_reject_member_check_updated", "push rules reject member check", "edited"),
        ("allow_merge_on_skipped_pipeline_updated", "allow merge on skipped pipeline", "edited"),
        ("environment_unprotected", "protected environment", "deleted"),
        ("protected_environment_approval_rule_deleted", "protected environment approval rule", "deleted"),
        ("destroy_event_streaming_destination", "event streaming destination", "deleted"),
        ("security_policy_delete", "security policy", "deleted"),
        ("ci_variable_created", "ci variable", "created"),
        ("ci_runner_created", "ci runner", "created"),
        ("ci_runner_registered", "ci runner", "created"),
        ("ci_runner_unregistered", "ci runner", "deleted"),
        ("ci_runner_assigned_to_project", "ci runner", "created"),
        ("ci_runner_unassigned_from_project", "ci runner", "deleted"),
        ("webhook_destroyed", "webhook", "deleted"),
        ("deleted_group_audit_event_streaming_destination", "audit event streaming destination", "deleted"),
        ("instance_amazon_s3_configuration_deleted", "audit stream to amazon s3", "deleted"),
        ("google_cloud_logging_configuration_created", "audit stream to google cloud logging", "created"),
        ("secure_ci_job_token_project_added", "secure ci job token project", "created"),
        ("group_membership_lock_updated", "membership lock", "edited"),
        ("a_setting_of_a_later_version_updated", "a setting of a later version", "edited"),
    ],
)
def test_a_changed_rule_names_its_control_and_what_was_done(event_type: str, control: str, action: str) -> None:
    """The control is named in words, whoever it belongs to, and what was done is one of a few words."""
    made = only(event_type)
    assert short_types([made]) == ["policy.changed"]
    assert (made["data"]["pipetrail"]["control"], made["data"]["event"]["action"]) == (control, action)


@pytest.mark.parametrize(
    ("event_type", "control"),
    [
        ("merge_request_branch_bypassed_by_security_policy", "merge request approval rule"),
        ("security_policy_merge_request_bypass", "merge request approval rule"),
        ("security_policy_merge_request_merged_with_policy_violations", "merge request approval rule"),
        ("merge_request_merged_with_dismissed_security_policy", "merge request approval rule"),
        ("security_policy_user_push_bypass", "branch protection"),
        ("security_policy_access_token_push_bypass", "branch protection"),
        ("security_policy_pipeline_skipped", "pipeline"),
        ("vulnerability_severity_override", "vulnerability severity"),
        ("skip_secret_push_protection", "secret push protection"),
        ("spp_scan_timeout", "secret push protection"),
        ("merge_request_invalid_approver_rules", "merge request approval rule"),
    ],
)
def test_a_policy_that_was_passed_over_is_a_bypass(event_type: str, control: str) -> None:
    """Bypasses are told as what they are: of which control, by whom and why."""
    made = only(event_type, details={"custom_message": "hotfix"})
    assert short_types([made]) == ["policy.bypassed"]
    data = made["data"]
    assert (data["pipetrail"]["control"], data["user"]["name"], data["event"]["reason"]) == (control, "ann", "hotfix")


@pytest.mark.parametrize(
    "event_type",
    [
        "member_created",
        "deploy_key_added",
        "project_access_token_created",
        "group_share_with_group_link_created",
        "user_created",
    ],
)
def test_access_that_changed_is_a_role_change(event_type: str) -> None:
    """Whom it concerns is the target; the new role is kept."""
    made = only(event_type, target_details="eve", details={"change": "access_level", "from": "Guest", "to": "Maintainer"})
    assert short_types([made]) == ["role.changed"]
    assert made["data"]["user"]["target"]["name"] == "eve"
    assert made["data"]["user"]["changes"]["permission"] == "Maintainer"
    assert made["data"]["pipetrail"]["labels"]["access_level_from"] == "Guest"


def test_a_decision_on_a_deployment_is_an_approval() -> None:
    """Who approved a deployment is told by the audit event alone."""
    message = {"custom_message": "Approved deployment with IID: 2 and ID: 15"}
    made = only("deployment_approved", target_type="Environment", target_details="production", details=message)
    assert short_types([made]) == ["approval.decided"]
    assert made["data"]["pipetrail"]["decision"] == "approved"
    assert made["data"]["deployment"] == {"id": "15", "environment": {"name": "production"}}
    other = only("deployment_rejected", target_type="Deployment", target_details="something else")
    assert other["data"]["pipetrail"]["decision"] == "rejected"
    assert "deployment" not in other["data"]


@pytest.mark.parametrize("event_type", ["destroy_pipeline", "merged_merge_request_deleted", "project_text_replacement"])
def test_what_destroys_evidence_is_an_intervention(event_type: str) -> None:
    """A deleted pipeline or a rewritten history is somebody stepping in."""
    assert short_types([only(event_type)]) == ["intervention.recorded"]


@pytest.mark.parametrize(
    "event_type",
    [
        "repository_git_operation",
        "repository_download_operation",
        "merge_request_create",
        "merge_request_merged",
        "project_security_exclusion_applied",
        "user_authenticated_using_job_token",
        "login_failed_with_otp_authentication",
        "job_artifact_downloaded",
        "variable_viewed_api",
        "project_description_updated",
        "security_policy_violations_detected",
    ],
)
def test_what_says_nothing_is_counted(event_type: str) -> None:
    """What another hook tells, or what changed nothing, is counted with a sentence."""
    told = SYSTEM.translate(delivery(gitlab.audit(event_type)))
    assert told.silent
    assert not told.facts


def test_a_changed_value_is_named_by_its_setting() -> None:
    """Values before and after are labels of the setting's name, which tells whether more is let through."""
    details = {"change": "allow force push", "from": False, "to": True}
    labels = only("protected_branch_updated", details=details)["data"]["pipetrail"]["labels"]
    assert (labels["allow_force_push_from"], labels["allow_force_push_to"]) == ("false", "true")


@pytest.mark.parametrize(
    ("event_type", "message", "control", "action", "changed"),
    [
        (
            "project_security_setting_updated",
            "Changed pre_receive_secret_detection_enabled from true to false",
            "pre receive secret detection",
            "edited",
            ("true", "false"),
        ),
        (
            "project_security_setting_updated",
            "Secret push protection has been disabled",
            "secret push protection",
            "disabled",
            (),
        ),
        (
            "project_security_setting_updated",
            "User Ann Lee updated `secret_push_protection_enabled` to false",
            "secret push protection",
            "disabled",
            (),
        ),
        (
            "group_secret_push_protection_updated",
            "Secret push protection has been enabled for group pay and all of its inherited groups/projects",
            "secret push protection",
            "enabled",
            (),
        ),
        ("policy_project_updated", "Unlinked shop-policies as the security policy project", "policy project", "deleted", ()),
        ("policy_project_updated", "Linked shop-policies as the security policy project", "policy project", "created", ()),
        ("policy_project_updated", "It is something else now", "policy project", "edited", ()),
        (
            "protected_environment_approval_rule_updated",
            "Changed required approval count for Maintainers from 2 to 1.",
            "protected environment approval rule",
            "edited",
            ("2", "1"),
        ),
    ],
)
def test_what_only_a_sentence_tells_is_read_in_it(
    event_type: str, message: str, control: str, action: str, changed: tuple[str, ...]
) -> None:
    """Some audit events have nothing but the sentence that people read."""
    data = only(event_type, details={"custom_message": message})["data"]
    assert (data["pipetrail"]["control"], data["event"]["action"]) == (control, action)
    labels = data["pipetrail"]["labels"]
    assert tuple(value for name, value in labels.items() if name.endswith(("_from", "_to"))) == changed


@pytest.mark.parametrize(
    ("event_type", "setting", "old", "new"),
    [
        ("protected_environment_deploy_access_level_added", "allowed_to_deploy", "false", "true"),
        ("protected_environment_deploy_access_level_deleted", "allowed_to_deploy", "true", "false"),
        ("created_group_namespace_filter", "exempt_other_namespaces", "false", "true"),
        ("project_security_exclusion_created", "exempt", "false", "true"),
        ("secure_ci_job_token_inbound_disabled", "only_from_listed_projects", "true", "false"),
        ("secure_ci_job_token_inbound_enabled", "only_from_listed_projects", "false", "true"),
    ],
)
def test_what_lets_through_by_being_there_is_a_setting_that_was_switched(
    event_type: str, setting: str, old: str, new: str
) -> None:
    """Something new is not always one guard more: an exemption, a right to deploy."""
    data = only(event_type, details={"custom_message": "as it was wanted"})["data"]
    assert data["event"]["action"] == "edited"
    labels = data["pipetrail"]["labels"]
    assert (labels[f"{setting}_from"], labels[f"{setting}_to"]) == (old, new)


def test_who_becomes_an_administrator_is_granted_that_role() -> None:
    """GitLab tells it as a setting of the user's, `admin status`, that is on or off."""
    made = only(
        "user_admin_status_updated", target_details="eve", details={"change": "admin status", "from": False, "to": True}
    )
    assert (made["data"]["event"]["action"], made["data"]["user"]["changes"]) == ("admin_added", {"permission": "admin"})
    lost = only(
        "user_admin_status_updated", target_details="eve", details={"change": "admin status", "from": True, "to": False}
    )
    assert (lost["data"]["event"]["action"], "changes" in lost["data"]["user"]) == ("admin_removed", False)


@pytest.mark.parametrize(
    ("event_type", "details", "head", "base"),
    [
        (
            "security_policy_user_push_bypass",
            {
                "custom_message": "Branch push restriction on 'main' for project 'pay/shop' has been bypassed by user",
                "branch_name": "main",
                "reason": "outage",
            },
            {"name": "main", "type": "branch"},
            None,
        ),
        (
            "merge_request_branch_bypassed_by_security_policy",
            {
                "custom_message": "Approvals in merge request (pay/shop!17) with source branch 'retry' and target branch "
                "'main' was bypassed by security policy",
                "target_branch": "main",
                "merge_request_iid": 17,
            },
            None,
            {"name": "main", "type": "branch"},
        ),
        (
            "security_policy_pipeline_skipped",
            {"custom_message": "Pipeline: 31 …", "project_full_path": "pay/shop", "commit_sha": gitlab.HEAD},
            {"revision": gitlab.HEAD},
            None,
        ),
    ],
)
def test_a_security_policy_is_passed_over_in_the_project_that_it_guards(
    event_type: str, details: Json, head: Json | None, base: Json | None
) -> None:
    """GitLab files it under the project that the policy is kept in, and says in the details where it happened."""
    made = only(event_type, entity_path="pay/policies", details=details)
    assert made["partitionkey"] == REPOSITORY
    ref = made["data"]["vcs"]["ref"]
    assert (ref.get("head"), ref.get("base")) == (head, base)
    assert made["data"]["event"]["reason"] == details.get("reason", details["custom_message"])


def test_values_without_a_setting_say_nothing() -> None:
    """The kind's name may be the opposite of the setting's."""
    labels = only("project_merge_requests_author_approval_updated", details={"from": False, "to": True})["data"]["pipetrail"]
    assert not [label for label in labels["labels"] if label.endswith(("_from", "_to"))]


def test_an_old_audit_event_is_read_by_its_details() -> None:
    """Versions that call every event `audit_operation` say in the details what was done."""
    made = only("audit_operation", details={"change": "visibility", "from": "Private", "to": "Public"})
    assert (made["data"]["pipetrail"]["control"], made["data"]["pipetrail"]["labels"]["visibility_to"]) == (
        "visibility",
        "Public",
    )
    added = only("audit_operation", details={"add": "user_access", "as": "Developer"}, target_details="eve")
    assert short_types([added]) == ["role.changed"]


def test_who_did_it_is_known_by_address_where_it_is_told() -> None:
    """The author's name is the one that people read, which no other hook has; and a token's user is called as the token is."""
    made = only("protected_branch_removed", details={"author_email": "ann@acme.example"})
    assert made["data"]["user"] == {"id": "7", "name": "ann", "email": "ann@acme.example"}
    assert made["data"]["pipetrail"]["actor"]["type"] == "user"
    address = "project_3_bot_4f2c91aa@noreply.gitlab.acme.example"
    token = only("protected_branch_removed", author_name="deployer", details={"author_email": address})
    assert token["data"]["pipetrail"]["actor"]["type"] == "service_account"


def test_an_audit_event_is_of_its_project() -> None:
    """The project is found by its path where the instance is known; a group's event has no repository."""
    assert only("protected_branch_updated")["partitionkey"] == REPOSITORY
    assert "vcs" not in only("ip_restrictions_changed", entity_type="Group", entity_path="pay")["data"]


def test_the_header_names_the_kind_of_an_audit_event() -> None:
    """The type of a streamed event may stand in the header alone."""
    payload = {name: value for name, value in gitlab.audit("x").items() if name != "event_type"}
    headers = {"x-gitlab-audit-event-type": "protected_branch_removed"}
    (made,) = translated(SYSTEM, payload, headers)
    assert made["data"]["pipetrail"]["control"] == "protected branch"


def test_what_is_no_user_is_not_taken_for_one() -> None:
    """GitLab numbers deploy tokens and CI jobs below one: they have no user id, and their kind is unknown."""
    made = only("ci_variable_updated", author_id=-2, author_name="Deploy token")
    assert "id" not in made["data"]["user"]
    assert made["data"]["pipetrail"]["actor"]["type"] == "unknown"
