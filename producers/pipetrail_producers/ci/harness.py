"""Harness CI: Drone's variables for the source, its own for the run.

https://developer.harness.io/docs/continuous-integration/troubleshoot-ci/ci-env-var
"""

from collections.abc import Mapping
from dataclasses import replace

from pipetrail_producers.ci import drone
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Harness says. HARNESS_BUILD_ID counts anew in every pipeline, the execution's id is unique."""
    return replace(
        drone.context(env),
        provider="harness",
        instance=origin(env.get("DRONE_BUILD_LINK")) or "https://app.harness.io",
        pipeline_name=env.get("HARNESS_PIPELINE_ID"),
        run_id=env.get("HARNESS_EXECUTION_ID") or _in_pipeline(env),
        actor_id=env.get("HARNESS_USER_ID"),
        actor_type="user" if env.get("HARNESS_USER_ID") else None,
        task_name=env.get("HARNESS_STAGE_ID") or env.get("DRONE_STEP_NAME"),
    )


def _in_pipeline(env: Mapping[str, str]) -> str:
    names = ("HARNESS_ACCOUNT_ID", "HARNESS_ORG_ID", "HARNESS_PROJECT_ID", "HARNESS_PIPELINE_ID", "HARNESS_BUILD_ID")
    return "/".join(env[name] for name in names if env.get(name))
