"""Buddy, with the names that its variables had before 2024 (BUDDY_EXECUTION_*) as well.

https://buddy.works/docs/pipelines/variables/default-variables
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Buddy says. A run's id counts anew in every pipeline, so the pipeline's id goes before it."""
    run, pipeline = _either(env, "BUDDY_RUN_ID", "BUDDY_EXECUTION_ID"), env.get("BUDDY_PIPELINE_ID")
    url = _either(env, "BUDDY_RUN_URL", "BUDDY_EXECUTION_URL")
    change = _either(env, "BUDDY_RUN_PR_NO", "BUDDY_EXECUTION_PULL_REQUEST_NO")
    commit = _either(env, "BUDDY_RUN_COMMIT", "BUDDY_EXECUTION_REVISION")
    ref = refs.first(
        refs.tag(_either(env, "BUDDY_RUN_TAG", "BUDDY_EXECUTION_TAG")),
        refs.branch(_either(env, "BUDDY_RUN_PR_HEAD_BRANCH", "BUDDY_EXECUTION_PULL_REQUEST_HEAD_BRANCH")),
        refs.branch(_either(env, "BUDDY_RUN_BRANCH", "BUDDY_EXECUTION_BRANCH")),
    )
    actor = _either(env, "BUDDY_TRIGGERING_ACTOR_NAME", "BUDDY_INVOKER_NAME")
    return Context(
        provider="buddy",
        instance=origin(url) or "https://app.buddy.works",
        repository=_either(env, "BUDDY_REPO_SSH_URL", "BUDDY_SCM_URL"),
        repository_name=env.get("BUDDY_REPO_SLUG"),
        commit=commit,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=_either(env, "BUDDY_RUN_PR_BASE_BRANCH", "BUDDY_EXECUTION_PULL_REQUEST_BASE_BRANCH"),
        change_id=change,
        change_head_revision=commit if change else None,
        pipeline_name=env.get("BUDDY_PIPELINE_NAME"),
        run_id=f"{pipeline}/{run}" if pipeline and run else run,
        run_url=url,
        task_name=env.get("BUDDY_ACTION_NAME"),
        task_id=env.get("BUDDY_ACTION_ID"),
        actor_id=_either(env, "BUDDY_TRIGGERING_ACTOR_ID", "BUDDY_INVOKER_ID"),
        actor_name=actor,
        actor_email=_either(env, "BUDDY_TRIGGERING_ACTOR_EMAIL", "BUDDY_INVOKER_EMAIL"),
        actor_type="user" if actor else None,
        trigger=_either(env, "BUDDY_RUN_EVENT_TYPE", "BUDDY_EXECUTION_EVENT_TYPE"),
    )


def _either(env: Mapping[str, str], new: str, old: str) -> str | None:
    return env.get(new) or env.get(old)
