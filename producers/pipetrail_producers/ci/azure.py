"""Azure Pipelines.

https://learn.microsoft.com/azure/devops/pipelines/build/variables
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, count, without_credentials


def context(env: Mapping[str, str]) -> Context:
    """What Azure Pipelines says.

    Pull requests are built as a temporary merge (BUILD_SOURCEVERSION); the head is SYSTEM_PULLREQUEST_SOURCECOMMITID. The
    repository is the one that the pipeline builds for, also where a request comes from a fork.
    """
    sha, head = env.get("BUILD_SOURCEVERSION"), env.get("SYSTEM_PULLREQUEST_SOURCECOMMITID")
    ref = refs.branch(env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or env.get("BUILD_SOURCEBRANCH"))
    run, task = _urls(env)
    return Context(
        provider="azure",
        instance=without_credentials(_collection(env)) or "https://dev.azure.com",
        repository=env.get("BUILD_REPOSITORY_URI"),
        commit=head or sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=refs.branch(env.get("SYSTEM_PULLREQUEST_TARGETBRANCH")).name,
        # The number is what GitHub calls it, the id what Azure Repos does.
        change_id=env.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") or env.get("SYSTEM_PULLREQUEST_PULLREQUESTID"),
        change_head_revision=head,
        test_merge_revision=sha if head and head != sha else None,
        pipeline_name=env.get("BUILD_DEFINITIONNAME"),
        run_id=env.get("BUILD_BUILDID"),
        run_attempt=count(env.get("SYSTEM_JOBATTEMPT")),
        run_url=run,
        task_name=env.get("SYSTEM_JOBDISPLAYNAME"),
        task_id=env.get("SYSTEM_JOBID"),
        task_url=task,
        worker_name=env.get("AGENT_NAME"),
        actor_id=env.get("BUILD_REQUESTEDFORID"),
        actor_name=env.get("BUILD_REQUESTEDFOR"),
        actor_email=env.get("BUILD_REQUESTEDFOREMAIL"),
        actor_type="user" if env.get("BUILD_REQUESTEDFOREMAIL") else None,
        trigger=env.get("BUILD_REASON"),
        environment=env.get("ENVIRONMENT_NAME"),
    )


def _collection(env: Mapping[str, str]) -> str | None:
    return env.get("SYSTEM_COLLECTIONURI") or env.get("SYSTEM_TEAMFOUNDATIONSERVERURI")


def _urls(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    collection, project, build = _collection(env), env.get("SYSTEM_TEAMPROJECTID"), env.get("BUILD_BUILDID")
    if not (collection and project and build):
        return None, None
    run = f"{collection.rstrip('/')}/{project}/_build/results?buildId={build}"
    job, task = env.get("SYSTEM_JOBID"), env.get("SYSTEM_TASKINSTANCEID")
    return run, f"{run}&view=logs&j={job}&t={task}" if job and task else None
