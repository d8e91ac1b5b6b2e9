"""Which actions of GitHub's audit log say something about delivery, and what. Data.

The list of actions is GitHub's "Audit log events for your enterprise"; it has some 800, and grows. What is not matched here is
about billing, projects, discussions, sign-in and the like, or is told better by a webhook (runs, pull requests, pushes).
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple


class Meaning(NamedTuple):
    """What an action becomes: the event's short type and, for a policy, which control it is about."""

    type: str
    control: str = ""


def _bypass(control: str) -> Meaning:
    return Meaning("policy.bypassed", control)


def _policy(control: str) -> Meaning:
    return Meaning("policy.changed", control)


_ROLE = Meaning("role.changed")
_INTERVENTION = Meaning("intervention.recorded")
_SILENT = Meaning("")

# Patterns in the order in which they are tried; the first that matches decides.
_MEANINGS: tuple[tuple[str, Meaning], ...] = (
    # A control was passed over. Of protections no webhook says so.
    ("protected_branch.policy_override", _bypass("branch protection")),
    ("secret_scanning_push_protection.bypass", _bypass("secret scanning push protection")),
    ("workflows.bypass_protection_rules", _bypass("environment protection")),
    # What a scanner found and somebody dismissed; all else about alerts webhooks tell better.
    ("code_scanning.alert_closed_by_user", _bypass("code scanning")),
    ("repository_vulnerability_alert.dismiss", _bypass("dependabot")),
    ("code_scanning.alert_*", _SILENT),
    ("secret_scanning_alert.*", _SILENT),
    # Somebody stepped in.
    ("protected_branch.rejected_ref_update", _INTERVENTION),
    ("workflows.cancel_workflow_run", _INTERVENTION),
    ("workflows.rerun_workflow_run", _INTERVENTION),
    ("workflows.delete_workflow_run", _INTERVENTION),
    ("workflows.disable_workflow", _policy("workflow")),
    ("workflows.enable_workflow", _policy("workflow")),
    ("workflows.*", _SILENT),
    # What guards a branch, an environment, the pipeline, the watching itself.
    ("protected_branch.*", _policy("branch protection")),
    ("repository_ruleset.*", _policy("ruleset")),
    ("repository_branch_protection_evaluation.*", _policy("branch protection")),
    ("*.required_workflow_*", _policy("required workflow")),
    ("hook.*", _policy("webhook")),
    ("audit_log_stream*.*", _policy("audit log stream")),
    ("*audit_log*", _policy("audit log")),
    ("ip_allow_list*.*", _policy("IP allow list")),
    ("environment.create", Meaning("environment.created")),
    ("environment.delete", Meaning("environment.deleted")),
    ("*_actions_secret", _policy("Actions secrets")),
    ("*_actions_variable", _policy("Actions variables")),
    ("environment.*", _policy("environment protection")),
    ("*self_hosted*runner*", _policy("self-hosted runners")),
    ("*runner_group*", _policy("self-hosted runners")),
    ("*workflow_permission*", _policy("Actions settings")),
    ("*fork_pr_workflows_policy*", _policy("Actions settings")),
    ("*actions_enabled", _policy("Actions settings")),
    ("*.set_actions_*", _policy("Actions settings")),
    ("*.update_actions_*", _policy("Actions settings")),
    ("*secret_scanning*", _policy("secret scanning")),
    ("*code_scanning*", _policy("code scanning")),
    ("*advanced_security*", _policy("security and analysis")),
    ("*security_configuration*", _policy("security and analysis")),
    ("*two_factor*", _policy("two-factor requirement")),
    ("*.enable_saml", _policy("single sign-on")),
    ("*.disable_saml", _policy("single sign-on")),
    # Who may do what.
    ("*.add_member", _ROLE),
    ("*.update_member", _ROLE),
    ("*.remove_member", _ROLE),
    ("*.restore_member", _ROLE),
    ("*.invite_member", _ROLE),
    ("*.invite_admin", _ROLE),
    ("*.add_admin", _ROLE),
    ("*.remove_admin", _ROLE),
    ("*.add_owner", _ROLE),
    ("*.*_outside_collaborator", _ROLE),
    ("*.*_billing_manager", _SILENT),
    ("*.*_security_manager", _ROLE),
    ("organization_role.*", _ROLE),
    ("team.*", _ROLE),
    ("public_key.*", _ROLE),
    ("deploy_key.*", _ROLE),
    ("personal_access_token.request_*", _SILENT),  # a token that is asked for gives no access yet
    ("personal_access_token.*", _ROLE),
    ("integration_installation.*", _ROLE),
    ("role.*", _policy("custom roles")),
    ("*.update_default_repository_permission", _policy("default permission of members")),
    ("*.update_member_repository_*", _policy("rights of members")),
    # The repository itself.
    ("repo.access", _policy("repository visibility")),
    ("repo.archived", _policy("repository")),
    ("repo.unarchived", _policy("repository")),
    ("repo.create", _policy("repository")),
    ("repo.destroy", _policy("repository")),
    ("repo.restore", _policy("repository")),
    ("repo.rename", _policy("repository name")),
    ("repo.transfer*", _policy("repository owner")),
    ("repo.update_default_branch", _policy("default branch")),
    ("repo.change_merge_setting", _policy("merge settings")),
)
# So many different actions are kept in mind; GitHub has some 800.
_REMEMBERED = 2_000


@lru_cache(maxsize=_REMEMBERED)
def meaning(action: str) -> Meaning | None:
    """What an action means; None where it says nothing about delivery."""
    found = next((one for pattern, one in _MEANINGS if fnmatchcase(action, pattern)), _SILENT)
    return found if found.type else None


def event_types() -> tuple[str, ...]:
    """The short types that entries can become."""
    return tuple(sorted({one.type for _, one in _MEANINGS if one.type}))
