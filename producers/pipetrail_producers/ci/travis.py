"""Travis CI.

https://docs.travis-ci.com/user/environment-variables/#default-environment-variables
"""

from collections.abc import Mapping

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin


def context(env: Mapping[str, str]) -> Context:
    """What Travis CI says. On pull requests TRAVIS_COMMIT is a temporary merge, and TRAVIS_BRANCH the target's branch."""
    change = env.get("TRAVIS_PULL_REQUEST")
    change = None if change == "false" else change
    sha, head, slug = env.get("TRAVIS_COMMIT"), env.get("TRAVIS_PULL_REQUEST_SHA"), env.get("TRAVIS_REPO_SLUG")
    ref = refs.first(
        refs.tag(env.get("TRAVIS_TAG")),
        refs.branch(env.get("TRAVIS_PULL_REQUEST_BRANCH") if change else env.get("TRAVIS_BRANCH")),
    )
    return Context(
        provider="travis",
        instance=origin(env.get("TRAVIS_BUILD_WEB_URL")) or "https://app.travis-ci.com",
        repository=f"https://github.com/{slug}" if slug else None,
        repository_name=slug,
        commit=head if change else sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=env.get("TRAVIS_BRANCH") if change else None,
        change_id=change,
        change_head_revision=head if change else None,
        test_merge_revision=sha if change and head != sha else None,
        pipeline_name=slug,
        run_id=env.get("TRAVIS_BUILD_ID"),
        run_url=env.get("TRAVIS_BUILD_WEB_URL"),
        task_name=env.get("TRAVIS_JOB_NAME") or env.get("TRAVIS_BUILD_STAGE_NAME"),
        task_id=env.get("TRAVIS_JOB_ID"),
        task_url=env.get("TRAVIS_JOB_WEB_URL"),
        trigger=env.get("TRAVIS_EVENT_TYPE"),
    )
