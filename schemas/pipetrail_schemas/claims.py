"""What an event keeps of the token that proved its sender: the contract between the collector, which stamps it, and readers.

The collector verifies a CI job's OpenID Connect token, writes `authtype` and `authid`, and keeps some claims as labels with a
prefix. It takes labels with that prefix from nobody else. Names are those of GitHub's and GitLab's job tokens.
"""

# `authtype` of an event whose sender was proven by such a token.
OIDC = "oidc"
# What labels that are claims begin with: `oidc_repository`.
PREFIX = "oidc_"
# What a system cannot give to somebody else later, in the order of the identity.
IMMUTABLE = (
    "repository_id",
    "project_id",
    "workflow_ref",
    "run_id",
    "pipeline_id",
    "run_attempt",
    "job_id",
    "actor_id",
    "user_id",
)
# All that is kept.
KEPT = (
    *IMMUTABLE,
    "iss",
    "sub",
    "repository",
    "repository_owner",
    "repository_owner_id",
    "project_path",
    "namespace_id",
    "namespace_path",
    "job_workflow_ref",
    "ci_config_ref_uri",
    "ref",
    "ref_type",
    "ref_protected",
    "sha",
    "environment",
    "environment_protected",
    "deployment_tier",
    "event_name",
    "pipeline_source",
    "actor",
    "user_login",
    "user_email",
    "user_access_level",
    "runner_environment",
)
# Whom a token names as the one who set the job off, by the field of `user` that holds the same; the surest first.
ACTOR = {"id": ("actor_id", "user_id"), "email": ("user_email",), "name": ("actor", "user_login")}
