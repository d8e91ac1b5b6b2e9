"""What guards the line and who may pass: changed rules, bypasses, roles, and the audit log that tells of them."""

from typing import Any

import pytest
from pipetrail_producers.webhook.github import SYSTEM, audit_actions
from pipetrail_schemas.check import lookup
from support import github, translator
from support.translator import short_types


def told(kind: str, payload: Any) -> list[translator.Event]:
    """The events of a webhook."""
    return translator.translated(SYSTEM, payload, {"x-github-event": kind, "x-github-delivery": "72d3162e"})


def logged(*entries: Any) -> list[translator.Event]:
    """The events of a delivery of audit log entries."""
    return translator.translated(SYSTEM, list(entries))


def at(one: translator.Event, path: str) -> Any:
    """A value of an event's data."""
    return lookup(one["data"], path)


def labels(one: translator.Event) -> dict[str, str]:
    """An event's labels."""
    found: dict[str, str] = at(one, "pipetrail.labels")
    return found


@pytest.mark.parametrize(
    ("field", "before", "after", "weakened"),
    [
        ("required_approving_review_count", 2, 1, True),
        ("required_approving_review_count", 1, 2, False),
        ("admin_enforced", True, False, True),
        ("admin_enforced", False, True, False),
        ("required_status_checks", ["CI", "lint"], ["CI"], True),
        ("required_status_checks", ["CI"], ["CI", "lint"], False),
        ("allow_force_pushes_enforcement_level", "off", "everyone", True),
        ("allow_force_pushes_enforcement_level", "everyone", "off", False),
        ("pull_request_reviews_enforcement_level", "everyone", "off", True),
        ("pull_request_reviews_enforcement_level", "off", "non_admins", False),
        ("name", "main", "ma*n", False),
    ],
)
def test_an_edited_protection_says_what_was_and_whether_it_is_weaker(
    field: str,
    before: Any,
    after: Any,
    weakened: bool,  # noqa: FBT001  # a case, no switch
) -> None:
    """Values before and after stand in the event; whether it weakens is said where it is beyond doubt."""
    payload = github.hook("edited", rule=github.rule(**{field: after}), changes={field: {"from": before}})
    (one,) = told("branch_protection_rule", payload)
    assert (at(one, "pipetrail.control"), at(one, "event.action")) == ("branch protection", "edited")
    assert {f"{field}_from", f"{field}_to"} <= set(labels(one))
    assert ("weakened" in labels(one)) == weakened


def test_a_ruleset_that_may_always_be_bypassed_says_so() -> None:
    """Nothing else separates a bypassed merge from a normal one when the mode is "always"."""
    (one,) = told("repository_ruleset", github.hook("created", repository_ruleset=github.ruleset()))
    assert (labels(one)["bypass_actors"], labels(one)["bypass_always"]) == ("Team:5:always", "true")
    tamed = github.ruleset(bypass_actors=[{"actor_id": 5, "actor_type": "Team", "bypass_mode": "pull_request"}])
    (other,) = told("repository_ruleset", github.hook("created", repository_ruleset=tamed))
    assert "bypass_always" not in labels(other)


@pytest.mark.parametrize(
    ("action", "changed", "changes"),
    [
        ("deleted", {}, {}),
        ("edited", {"enforcement": "disabled"}, {"enforcement": {"from": "active"}}),
        ("edited", {}, {"rules": {"deleted": [{"type": "required_signatures"}]}}),
    ],
)
def test_a_ruleset_that_goes_off_is_weaker(action: str, changed: dict[str, Any], changes: dict[str, Any]) -> None:
    """Deleted, no longer enforced, or with a rule less; turned on again it is another event, and no weaker."""
    (off,) = told("repository_ruleset", github.hook(action, repository_ruleset=github.ruleset(**changed), changes=changes))
    back = github.hook(
        "edited",
        repository_ruleset=github.ruleset(updated_at="2026-11-23T09:30:21Z"),
        changes={"enforcement": {"from": "disabled"}},
    )
    (on,) = told("repository_ruleset", back)
    assert ("weakened" in labels(off), "weakened" in labels(on)) == (True, False)
    assert off["id"] != on["id"]


def test_a_secret_pushed_past_the_guard_is_a_bypass_and_an_incident() -> None:
    """Who bypassed it is the actor of the bypass."""
    bypass, found = told("secret_scanning_alert", github.hook("created", alert=github.alert()))
    assert short_types([bypass, found]) == ["policy.bypassed", "incident.detected"]
    assert (at(bypass, "user.name"), at(bypass, "pipetrail.control")) == ("cat", "secret scanning push protection")
    (alone,) = told("secret_scanning_alert", github.hook("created", alert=github.alert(push_protection_bypassed=False)))
    assert short_types([alone]) == ["incident.detected"]


def test_who_asks_to_be_let_past_a_control_and_who_decides_are_told_apart() -> None:
    """A request, a decision and the end of it are three events; none of them is a bypass yet."""
    asked, decided, over = (
        one for kind, payload in github.SAMPLES if kind == "exemption_request_push_ruleset" for one in told(kind, payload)
    )
    assert short_types([asked, decided, over]) == ["approval.requested", "approval.decided", "approval.closed"]
    assert {at(one, "pipetrail.control") for one in (asked, decided, over)} == {"push ruleset"}
    assert (at(decided, "pipetrail.decision"), at(decided, "user.name"), labels(decided)["requester"]) == (
        "approved",
        "ann",
        "cat",
    )


def test_a_deleted_webhook_is_a_changed_control_and_a_gap() -> None:
    """Whoever deletes the hook stops the watching: both are told."""
    made = told("meta", github.hook("deleted", hook_id=1010, hook={"id": 1010}))
    assert short_types(made) == ["policy.changed", "source.gap"]


def test_a_role_says_whose_it_is_and_what_it_was() -> None:
    """The target is whose access changed, the actor who changed it."""
    payload = github.hook("edited", member=github.BOB, changes={"permission": {"from": "read", "to": "admin"}})
    (one,) = told("member", payload)
    assert (at(one, "user.name"), at(one, "user.target.name")) == ("ann", "bob")
    assert (at(one, "user.changes.permission"), labels(one)["permission_from"]) == ("admin", "read")


def test_an_app_that_gets_repositories_is_told_for_each() -> None:
    """Each repository has its own event, so that it stands with what else is known of it."""
    payload = next(payload for kind, payload in github.SAMPLES if kind == "installation_repositories")
    made = told("installation_repositories", payload)
    assert [at(one, "vcs.repository.url.full") for one in made] == [
        f"{github.INSTANCE}/pay/shop",
        f"{github.INSTANCE}/pay/till",
    ]


def test_an_override_names_who_what_where_and_why() -> None:
    """The audit log alone says who passed over a branch protection."""
    (one,) = logged(github.override())
    assert short_types([one]) == ["policy.bypassed"]
    assert (at(one, "pipetrail.control"), at(one, "user.name")) == ("branch protection", "cat")
    assert (at(one, "vcs.ref.head.name"), at(one, "vcs.ref.head.revision"), at(one, "vcs.change.id")) == (
        "main",
        github.HEAD,
        "17",
    )
    assert at(one, "event.reason") == 'Required status check "CI" is expected.; At least 1 approving review is required.'
    assert at(one, "vcs.repository.url.full") == "https://github.com/pay/shop"
    assert one["time"] == "2026-11-23T09:30:00.123Z"


@pytest.mark.parametrize(
    ("action", "type_", "control"),
    [
        ("secret_scanning_push_protection.bypass", "policy.bypassed", "secret scanning push protection"),
        ("workflows.bypass_protection_rules", "policy.bypassed", "environment protection"),
        ("protected_branch.destroy", "policy.changed", "branch protection"),
        ("protected_branch.rejected_ref_update", "intervention.recorded", None),
        ("repository_ruleset.update", "policy.changed", "ruleset"),
        ("hook.destroy", "policy.changed", "webhook"),
        ("audit_log_streaming.destroy", "policy.changed", "audit log stream"),
        ("environment.remove_protection_rule", "policy.changed", "environment protection"),
        ("environment.create_actions_secret", "policy.changed", "Actions secrets"),
        ("repo.register_self_hosted_runner", "policy.changed", "self-hosted runners"),
        ("org.set_default_workflow_permissions", "policy.changed", "Actions settings"),
        ("repository_secret_scanning_push_protection.disable", "policy.changed", "secret scanning"),
        ("org.add_member", "role.changed", None),
        ("org.update_member", "role.changed", None),
        ("business.add_admin", "role.changed", None),
        ("team.add_repository", "role.changed", None),
        ("personal_access_token.access_granted", "role.changed", None),
        ("workflows.cancel_workflow_run", "intervention.recorded", None),
        ("workflows.disable_workflow", "policy.changed", "workflow"),
        ("repo.access", "policy.changed", "repository visibility"),
    ],
)
def test_what_an_action_means(action: str, type_: str, control: str | None) -> None:
    """Each action that moves the ground under the pipeline has its type, and its control where it is one."""
    (one,) = logged(github.entry(action, user="bob", user_id=8))
    assert short_types([one]) == [type_]
    assert at(one, "pipetrail.control") == control
    assert at(one, "user.target.name") == ("bob" if type_ == "role.changed" else None)


@pytest.mark.parametrize(
    "action",
    ["workflows.completed_workflow_run", "pull_request.merge", "git.push", "project.create", "org.oauth_app_access_approved"],
)
def test_an_action_that_says_nothing_new_is_silent(action: str) -> None:
    """What a webhook tells better, and what is not about delivery, is counted and not stored."""
    assert audit_actions.meaning(action) is None
    assert SYSTEM.translate(translator.delivery([github.entry(action)])).silent


@pytest.mark.parametrize(
    ("action", "fields", "changed"),
    [
        ("update_admin_enforced", {"admin_enforced": False}, ("true", "false")),
        ("update_admin_enforced", {"admin_enforced": True}, ("false", "true")),
        ("update_allow_force_pushes_enforcement_level", {"allow_force_pushes_enforcement_level": 2}, ("off", "everyone")),
        ("update_signature_requirement_enforcement_level", {"signature_requirement_enforcement_level": 0}, ("everyone", "off")),
        ("update_signature_requirement_enforcement_level", {"signature_requirement_enforcement_level": 1}, None),
        ("update_name", {"name": "ma*n"}, None),
        ("create", {"admin_enforced": True}, None),
    ],
)
def test_a_setting_of_a_protection_that_is_at_one_end_was_nearer_to_the_other(
    action: str, fields: dict[str, Any], changed: tuple[str, str] | None
) -> None:
    """The log tells what a setting is now; where it stands in the middle, or is new, nobody knows what it was."""
    (one,) = logged(github.entry(f"protected_branch.{action}", **fields))
    ((field, _),) = fields.items()
    found = labels(one).get(f"{field}_from"), labels(one).get(f"{field}_to")
    assert found == (changed or (None, None))


_ALWAYS = {"id": 8, "actor_id": 5, "actor_type": "Team", "bypass_mode": "always"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"ruleset_enforcement": "disabled", "ruleset_old_enforcement": "active"},
            {"weakened": "true", "enforcement_from": "active"},
        ),
        ({"ruleset_enforcement": "active", "ruleset_old_enforcement": "evaluate"}, {"strengthened": "true"}),
        ({"ruleset_rules_deleted": [{"type": "pull_request"}]}, {"weakened": "true", "rules_deleted": "pull_request"}),
        ({"ruleset_rules_added": [{"type": "pull_request"}]}, {"strengthened": "true", "rules_added": "pull_request"}),
        ({"ruleset_rules_added": [{"type": "a"}], "ruleset_rules_updated": [{"type": "b"}]}, {"rules_updated": "b"}),
        (
            {"ruleset_bypass_actors_added": [_ALWAYS]},
            {"weakened": "true", "bypass_actors": "Team:5:always", "bypass_always": "true"},
        ),
        ({"ruleset_bypass_actors_deleted": [_ALWAYS]}, {"strengthened": "true", "bypass_actors_from": "Team:5:always"}),
        ({"ruleset_old_name": "old"}, {"name_from": "old"}),
    ],
)
def test_what_came_to_a_ruleset_and_what_went_is_told(fields: dict[str, Any], expected: dict[str, str]) -> None:
    """The log lists rules and actors as objects; whether it got weaker or stricter is said where it is beyond doubt."""
    (one,) = logged(github.entry("repository_ruleset.update", ruleset_name="trunk", **fields))
    told = {key: value for key, value in labels(one).items() if key not in {"country", "operation_type", "org", "ruleset"}}
    assert {**told, **expected} == told
    assert {"weakened", "strengthened", "bypass_always"} & told.keys() == {
        "weakened",
        "strengthened",
        "bypass_always",
    } & expected.keys()


@pytest.mark.parametrize(
    ("action", "fields", "permission"),
    [
        ("business.add_admin", {}, "admin"),
        ("business.remove_admin", {}, None),
        ("org.add_member", {"permission": "read"}, "read"),
        ("public_key.create", {"read_only": "true", "title": "ci"}, "read"),
        ("public_key.create", {"read_only": False, "title": "ci"}, "write"),
        ("public_key.create", {"title": "ci"}, None),
    ],
)
def test_what_somebody_got_is_told_by_a_field_or_by_the_action(
    action: str, fields: dict[str, Any], permission: str | None
) -> None:
    """An administrator who was added is one, and a key that only reads writes nothing."""
    (one,) = logged(github.entry(action, **fields))
    assert at(one, "user.changes.permission") == permission


def test_each_feature_that_was_switched_is_told_on_its_own() -> None:
    """What guards secrets is another control than what looks for weak dependencies; what is as before is no change."""
    before = {
        "secret_scanning": "enabled",
        "dependabot_security_updates": "disabled",
        "advanced_security": "enabled",
        "new": "enabled",
    }
    after = {"secret_scanning": "disabled", "dependabot_security_updates": "enabled", "advanced_security": "enabled"}
    payload = {
        **github.hook(changes={"from": {"security_and_analysis": {key: {"status": value} for key, value in before.items()}}}),
        "repository": {**github.REPO, "security_and_analysis": {key: {"status": value} for key, value in after.items()}},
    }
    off, on = told("security_and_analysis", payload)
    assert (at(off, "pipetrail.control"), labels(off).get("weakened")) == ("secret scanning", "true")
    assert (at(on, "pipetrail.control"), labels(on).get("weakened")) == ("dependabot security updates", None)
    assert off["id"] != on["id"]


def test_who_lets_a_deployment_through_does_not_act_for_who_set_off_the_run() -> None:
    """Else every approval of what its author runs would be the author's own."""
    run = {"id": 31, "name": "CI", "actor": github.ANN, "triggering_actor": github.ANN, "head_sha": github.HEAD}
    payload = github.hook("approved", approver=github.BOB, environment="production", workflow_run=run)
    (one,) = told("deployment_review", payload)
    assert (at(one, "user.name"), at(one, "pipetrail.actor.on_behalf_of")) == ("bob", None)
    assert at(one, "cicd.pipeline.run.id") == "31"


def test_what_a_payload_leaves_out_is_not_made_up() -> None:
    """A ruleset's new enforcement, what a key may do, who did it: what is missing accuses nobody and allows nothing."""
    ended = github.hook("edited", repository_ruleset=github.ruleset(), changes={"enforcement": {"from": "active"}})
    del ended["repository_ruleset"]["enforcement"]
    assert "weakened" not in labels(told("repository_ruleset", ended)[0])
    (entry,) = logged(github.entry("repository_ruleset.update", ruleset_old_enforcement="active"))
    assert "weakened" not in labels(entry)
    (key,) = told("deploy_key", github.hook("created", key={"id": 100, "title": "ci"}))
    assert at(key, "user.changes.permission") is None
    nobody = {field: value for field, value in github.override().items() if field != "actor"}
    (bypass,) = logged(nobody)
    assert (at(bypass, "user"), at(bypass, "pipetrail.actor.type")) == (None, "unknown")
    run = {"name": "CI", "triggering_actor": github.ANN}
    status = {"id": 711, "state": "success", "creator": github.BOT, "created_at": "2026-11-23T09:52:00Z"}
    deployment = {"id": 71, "sha": github.HEAD, "environment": "production"}
    payload = github.hook("created", deployment=deployment, deployment_status=status, workflow_run=run)
    (deployed,) = told("deployment_status", payload)
    assert at(deployed, "pipetrail.actor.on_behalf_of.name") == "ann"


def test_a_token_that_is_asked_for_is_none_yet() -> None:
    """Let in, it is a right that was granted; asked for or refused, it is not."""
    assert audit_actions.meaning("personal_access_token.request_created") is None
    request = next(payload for kind, payload in github.SAMPLES if kind == "personal_access_token_request")
    actions = [
        at(told("personal_access_token_request", {**request, "action": one})[0], "event.action")
        for one in ("approved", "denied")
    ]
    assert actions == ["access_token_granted", "access_token_denied"]


def test_every_plain_value_of_an_entry_is_kept() -> None:
    """What a setting was and is stands in the labels, whatever the action calls it."""
    (one,) = logged(github.entry("repo.access", visibility="public", previous_visibility="private", public_repo=False))
    assert labels(one) | {"visibility": "public", "previous_visibility": "private", "public_repo": "false"} == labels(one)
    assert (labels(one)["country"], at(one, "event.action")) == ("DE", "repo.access")


@pytest.mark.parametrize(
    "wrap",
    [lambda entry: entry, lambda entry: [entry], lambda entry: {"event": entry, "time": 1}, lambda entry: [{"event": entry}]],
)
def test_an_entry_is_the_same_however_it_is_wrapped(wrap: Any) -> None:
    """One entry, an array of them, or what a Splunk collector is sent."""
    (one,) = translator.translated(SYSTEM, wrap(github.override()))
    (other,) = logged(github.override())
    assert one == other


def test_a_broken_entry_costs_itself_and_is_told() -> None:
    """The good ones of a batch are kept; that one was lost is a gap."""
    made = logged({"action": "repo.access"}, github.override())
    assert short_types(made) == ["policy.bypassed", "source.gap"]
    assert "1 of 2" in at(made[1], "event.reason")


def test_an_entry_without_a_document_id_is_known_by_its_content() -> None:
    """Older exports have no id: the same entry is the same fact, another is another."""
    plain = {key: value for key, value in github.override().items() if key != "_document_id"}
    first, again, other = (logged(entry)[0]["id"] for entry in (plain, dict(plain), {**plain, "actor": "ann"}))
    assert first == again != other


@pytest.mark.parametrize(
    ("kind", "action", "control"),
    [
        ("code_scanning_alert", "closed_by_user", "code scanning"),
        ("dependabot_alert", "dismissed", "dependabot"),
        ("code_scanning_alert", "fixed", None),
        ("dependabot_alert", "auto_dismissed", None),
    ],
)
def test_a_scan_is_passed_over_by_whoever_dismisses_what_it_found(kind: str, action: str, control: str | None) -> None:
    """What was mended, or dismissed by a rule of the repository's own, is resolved."""
    about = {
        "number": 10,
        "created_at": "2026-11-23T09:00:00Z",
        "rule": {"id": "py/sql"},
        "dismissed_comment": "checked before",
    }
    dependency = {"dependency": {"package": {"name": "requests"}}, "dismissed_by": github.BOB}
    (one,) = told(kind, github.hook(action, alert={**about, **dependency}))
    assert (one["type"], at(one, "pipetrail.control")) == (
        ("dev.pipetrail.policy.bypassed.v1", control) if control else ("dev.pipetrail.incident.resolved.v1", None)
    )
    assert (at(one, "user.name"), "checked before" in at(one, "event.reason")) == ("bob", True)
