"""AppVeyor.

https://www.appveyor.com/docs/environment-variables/
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context

_HOSTS = {"gitHub": "github.com", "bitBucket": "bitbucket.org", "gitLab": "gitlab.com"}


def context(env: Mapping[str, str]) -> Context:
    """What AppVeyor says.

    On pull requests APPVEYOR_REPO_COMMIT is a temporary merge, and APPVEYOR_REPO_BRANCH the target's branch. For a forge of
    one's own the repository is left to git.
    """
    change = env.get("APPVEYOR_PULL_REQUEST_NUMBER")
    sha, head = env.get("APPVEYOR_REPO_COMMIT"), env.get("APPVEYOR_PULL_REQUEST_HEAD_COMMIT")
    host, name = _HOSTS.get(env.get("APPVEYOR_REPO_PROVIDER", "")), env.get("APPVEYOR_REPO_NAME")
    ref = refs.first(
        refs.tag(env.get("APPVEYOR_REPO_TAG_NAME")),
        refs.branch(env.get("APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH") if change else env.get("APPVEYOR_REPO_BRANCH")),
    )
    server = (env.get("APPVEYOR_URL") or "https://ci.appveyor.com").rstrip("/")
    run = _run_url(env, server)
    job = env.get("APPVEYOR_JOB_ID")
    return Context(
        provider="appveyor",
        instance=server,
        repository=f"https://{host}/{name}" if host and name else None,
        repository_name=name,
        commit=head if change else sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("APPVEYOR_REPO_BRANCH") if change else None,
        change_id=change,
        change_head_revision=head if change else None,
        test_merge_revision=sha if change and head != sha else None,
        pipeline_name=env.get("APPVEYOR_PROJECT_NAME"),
        run_id=env.get("APPVEYOR_BUILD_ID"),
        run_url=run,
        task_name=env.get("APPVEYOR_JOB_NAME"),
        task_id=job,
        task_url=f"{run}/job/{job}" if run and job else None,
    )


def _run_url(env: Mapping[str, str], server: str) -> str | None:
    account, project, build = (env.get(f"APPVEYOR_{name}") for name in ("ACCOUNT_NAME", "PROJECT_SLUG", "BUILD_ID"))
    return f"{server}/project/{account}/{project}/builds/{build}" if account and project and build else None
