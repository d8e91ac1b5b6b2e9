"""Finds out where a command runs: which CI system, or a person's machine.

A system is known by a variable that it documents; its module is imported only then. Where the system leaves the repository or
the commit out, git in the working folder fills them in; outside CI it says everything. Tekton and Argo Workflows set nothing by
themselves: there the caller passes PIPETRAIL_RUN_ID and the like, which override whatever is found here.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from pipetrail_producers.ci.context import Context, cleaned, repository_url


class _System(NamedTuple):
    """The module of a system, and the variable that gives it away (with its value, where the name alone does not)."""

    module: str
    variable: str
    value: str | None = None


# Before another system whose variables it sets, too: Harness and old Woodpecker servers those of Drone.
_SYSTEMS = (
    _System("github", "GITHUB_ACTIONS"),
    _System("github", "GITHUB_ACTION"),
    _System("gitlab", "GITLAB_CI"),
    _System("jenkins", "JENKINS_URL"),
    _System("circleci", "CIRCLECI"),
    _System("buildkite", "BUILDKITE"),
    _System("azure", "TF_BUILD"),
    _System("bitbucket", "BITBUCKET_COMMIT"),
    _System("travis", "TRAVIS"),
    _System("harness", "HARNESS_BUILD_ID"),
    _System("woodpecker", "CI", "woodpecker"),
    _System("drone", "DRONE"),
    _System("teamcity", "TEAMCITY_VERSION"),
    _System("aws", "CODEBUILD_BUILD_ARN"),
    _System("appveyor", "APPVEYOR"),
    _System("bitrise", "BITRISE_BUILD_SLUG"),
    _System("buddy", "BUDDY"),
    _System("codefresh", "CF_BUILD_ID"),
    _System("semaphore", "SEMAPHORE"),
)


def detect(env: Mapping[str, str], cwd: Path) -> Context:
    """Where this runs.

    Args:
        env: the environment variables.
        cwd: the folder in which git is asked about what the CI system does not say.
    """
    system = next((system for system in _SYSTEMS if _is_set(env, system)), None)
    if system is None:
        return cleaned(_local(env, cwd))
    context = cleaned(import_module(f"pipetrail_producers.ci.{system.module}").context(env))
    complete = context.repository and (context.commit or context.test_merge_revision)
    return context if complete else cleaned(_filled_from_git(context, env, cwd))


def _is_set(env: Mapping[str, str], system: _System) -> bool:
    value = env.get(system.variable)
    if system.value is not None:
        return value == system.value
    return bool(value) and value not in {"false", "False", "0"}


def _local(env: Mapping[str, str], cwd: Path) -> Context:
    from pipetrail_producers import git  # noqa: PLC0415  # no subprocess where the CI system says it all

    checkout = git.checkout(env, cwd)
    return Context(
        provider="local",
        instance=f"file://{git.host_name()}",
        repository=checkout.repository,
        commit=checkout.commit,
        ref_name=checkout.branch,
        ref_type="branch" if checkout.branch else None,
        actor_name=checkout.user_name or env.get("USER") or env.get("USERNAME"),
        actor_email=checkout.user_email,
        actor_type="user",
        worker_name=git.host_name(),
    )


def _filled_from_git(context: Context, env: Mapping[str, str], cwd: Path) -> Context:
    from pipetrail_producers import git  # noqa: PLC0415  # as above

    checkout = git.checkout(env, cwd)
    here = repository_url(checkout.origin)
    if here is None or context.repository not in {None, here}:
        return context  # the folder is another repository than the one that the run is about: its commit says nothing
    known_merge = context.test_merge_revision is not None
    return replace(context, repository=here, commit=context.commit if known_merge else context.commit or checkout.commit)
