"""Drone; Harness CI sets its variables, too.

https://docs.drone.io/pipeline/environment/reference/
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Drone says. Its builds are numbered anew in every repository; a trigger like `@hook` or `@cron` is nobody."""
    change, trigger = env.get("DRONE_PULL_REQUEST"), env.get("DRONE_BUILD_TRIGGER")
    source = env.get("DRONE_SOURCE_BRANCH") if change else env.get("DRONE_COMMIT_BRANCH") or env.get("DRONE_BRANCH")
    ref = refs.first(refs.tag(env.get("DRONE_TAG")), refs.branch(source))
    actor = trigger if trigger and not trigger.startswith("@") else None
    return Context(
        provider="drone",
        instance=origin(env.get("DRONE_BUILD_LINK")) or "https://cloud.drone.io",
        repository=env.get("DRONE_REPO_LINK") or env.get("DRONE_GIT_HTTP_URL") or env.get("DRONE_REMOTE_URL"),
        repository_name=env.get("DRONE_REPO"),
        commit=env.get("DRONE_COMMIT_SHA") or env.get("DRONE_COMMIT"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("DRONE_TARGET_BRANCH") if change else None,
        change_id=change,
        change_head_revision=env.get("DRONE_COMMIT_SHA") if change else None,
        pipeline_name=env.get("DRONE_STAGE_NAME"),
        run_id=env.get("DRONE_BUILD_NUMBER"),
        run_url=env.get("DRONE_BUILD_LINK"),
        task_name=env.get("DRONE_STEP_NAME"),
        worker_name=env.get("DRONE_STAGE_MACHINE"),
        actor_name=actor,
        actor_type="user" if actor else None,
        trigger=env.get("DRONE_BUILD_EVENT"),
        environment=env.get("DRONE_DEPLOY_TO"),
    )
