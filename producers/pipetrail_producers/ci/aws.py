"""AWS CodeBuild, and AWS CodePipeline, whose build stages run in it.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context

_BY_PIPELINE = "codepipeline/"


def context(env: Mapping[str, str]) -> Context:
    """What CodeBuild says.

    In a pipeline the execution's id is not among the variables; pass it as
    `PIPETRAIL_RUN_ID=#{codepipeline.PipelineExecutionId}`. Until then the build stands for the run.
    """
    build, initiator = env.get("CODEBUILD_BUILD_ID"), env.get("CODEBUILD_INITIATOR", "")
    in_pipeline = initiator.startswith(_BY_PIPELINE)
    change = _change(env)
    ref = _ref(env)
    # A webhook's initiator is the forge ("GitHub-Hookshot/1c6af21"), a person's is a name of its own.
    person = initiator if initiator and "/" not in initiator else None
    forge_user = env.get("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID")
    url = env.get("CODEBUILD_BUILD_URL") or env.get("CODEBUILD_PUBLIC_BUILD_URL")
    return Context(
        provider="codepipeline" if in_pipeline else "codebuild",
        instance=f"https://{env.get('AWS_REGION') or env.get('AWS_DEFAULT_REGION') or 'us-east-1'}.console.aws.amazon.com",
        repository=env.get("CODEBUILD_SOURCE_REPO_URL"),
        commit=env.get("CODEBUILD_RESOLVED_SOURCE_VERSION"),
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=refs.branch(env.get("CODEBUILD_WEBHOOK_BASE_REF")).name,
        change_id=change,
        change_head_revision=env.get("CODEBUILD_RESOLVED_SOURCE_VERSION") if change else None,
        pipeline_name=initiator.removeprefix(_BY_PIPELINE) if in_pipeline else (build or "").partition(":")[0],
        run_id=build,
        run_url=url,
        task_name=(build or "").partition(":")[0] if in_pipeline else None,
        task_id=build if in_pipeline else None,
        task_url=url if in_pipeline else None,
        actor_id=forge_user,
        actor_name=None if in_pipeline else person,
        actor_type="user" if forge_user or (person and not in_pipeline) else None,
        trigger=env.get("CODEBUILD_WEBHOOK_EVENT"),
    )


def _change(env: Mapping[str, str]) -> str | None:
    kind, _, number = (env.get("CODEBUILD_WEBHOOK_TRIGGER") or env.get("CODEBUILD_SOURCE_VERSION") or "").partition("/")
    return number if kind == "pr" and number.isdecimal() else None


def _ref(env: Mapping[str, str]) -> refs.Ref:
    if env.get("CODEBUILD_WEBHOOK_HEAD_REF"):
        return refs.branch(env["CODEBUILD_WEBHOOK_HEAD_REF"])
    kind, _, name = env.get("CODEBUILD_WEBHOOK_TRIGGER", "").partition("/")
    return {"branch": refs.branch, "tag": refs.tag}.get(kind, lambda _: refs.NO_REF)(name)
