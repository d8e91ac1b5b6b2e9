"""What each CI system says, by samples written from its documentation."""

from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.ci.detect import detect

SHA = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
HEAD = "9fceb02d0ae598e95dc970b74767f19372d61af8"

# One run each: the variables that the system sets, and what has to come out of them.
BRANCH_BUILDS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "github": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SHA": SHA,
            "GITHUB_REF": "refs/heads/feature/pay",
            "GITHUB_REF_NAME": "feature/pay",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_WORKFLOW": "CI",
            "GITHUB_JOB": "build",
            "GITHUB_RUN_ID": "1658821493",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_ACTOR": "ada",
            "GITHUB_ACTOR_ID": "12",
            "GITHUB_TRIGGERING_ACTOR": "ada",
            "GITHUB_EVENT_NAME": "push",
            "RUNNER_NAME": "runner-7",
        },
        {
            "instance": "https://github.com",
            "repository": "https://github.com/acme/shop",
            "repository_name": "shop",
            "commit": SHA,
            "ref_name": "feature/pay",
            "ref_type": "branch",
            "pipeline_name": "CI",
            "run_id": "1658821493",
            "run_attempt": 2,
            "run_url": "https://github.com/acme/shop/actions/runs/1658821493/attempts/2",
            "task_name": "build",
            "actor_id": "12",
            "actor_name": "ada",
            "actor_type": "user",
            "trigger": "push",
            "worker_name": "runner-7",
        },
    ),
    "gitlab": (
        {
            "GITLAB_CI": "true",
            "CI_SERVER_URL": "https://git.acme.example",
            "CI_PROJECT_PATH": "acme/shop",
            "CI_PROJECT_URL": "https://git.acme.example/acme/shop",
            "CI_REPOSITORY_URL": "https://gitlab-ci-token:glcbt-64_abc@git.acme.example/acme/shop.git",
            "CI_COMMIT_SHA": SHA,
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_REF_NAME": "main",
            "CI_PIPELINE_ID": "1001",
            "CI_PIPELINE_URL": "https://git.acme.example/acme/shop/-/pipelines/1001",
            "CI_PIPELINE_SOURCE": "push",
            "CI_JOB_ID": "5005",
            "CI_JOB_NAME": "deploy-prod",
            "CI_JOB_URL": "https://git.acme.example/acme/shop/-/jobs/5005",
            "CI_RUNNER_DESCRIPTION": "blue-3",
            "CI_ENVIRONMENT_NAME": "production",
            "GITLAB_USER_ID": "42",
            "GITLAB_USER_LOGIN": "ada",
            "GITLAB_USER_EMAIL": "ada@acme.example",
        },
        {
            "instance": "https://git.acme.example",
            "repository": "https://git.acme.example/acme/shop",
            "commit": SHA,
            "ref_name": "main",
            "run_id": "1001",
            "task_id": "5005",
            "task_url": "https://git.acme.example/acme/shop/-/jobs/5005",
            "worker_name": "blue-3",
            "environment": "production",
            "actor_id": "42",
            "actor_name": "ada",
            "actor_email": "ada@acme.example",
            "actor_type": "user",
        },
    ),
    "jenkins": (
        {
            "JENKINS_URL": "https://ci.acme.example/",
            "JOB_NAME": "acme/shop/feature%2Fpay",
            "BRANCH_NAME": "feature/pay",
            "BUILD_NUMBER": "18",
            "BUILD_TAG": "jenkins-acme-shop-feature%2Fpay-18",
            "BUILD_URL": "https://ci.acme.example/job/acme/job/shop/job/feature%252Fpay/18/",
            "GIT_URL": "git@git.acme.example:acme/shop.git",
            "GIT_COMMIT": SHA,
            "GIT_BRANCH": "origin/feature/pay",
            "STAGE_NAME": "Test",
            "NODE_NAME": "agent-1",
            "BUILD_USER_ID": "ada",
            "BUILD_USER_EMAIL": "ada@acme.example",
        },
        {
            "instance": "https://ci.acme.example/",
            "repository": "https://git.acme.example/acme/shop",
            "commit": SHA,
            "ref_name": "feature/pay",
            "pipeline_name": "acme/shop",
            "run_id": "https://ci.acme.example/job/acme/job/shop/job/feature%252Fpay/18/",
            "task_name": "Test",
            "worker_name": "agent-1",
            "actor_name": "ada",
            "actor_type": "user",
        },
    ),
    "azure": (
        {
            "TF_BUILD": "True",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
            "SYSTEM_TEAMPROJECTID": "p1",
            "SYSTEM_JOBID": "j1",
            "SYSTEM_TASKINSTANCEID": "t1",
            "SYSTEM_JOBATTEMPT": "1",
            "BUILD_BUILDID": "77",
            "BUILD_DEFINITIONNAME": "shop-ci",
            "BUILD_REPOSITORY_URI": "https://acme@dev.azure.com/acme/shop/_git/shop",
            "BUILD_SOURCEBRANCH": "refs/tags/v1.2",
            "BUILD_SOURCEVERSION": SHA,
            "BUILD_REQUESTEDFOR": "Ada Lovelace",
            "BUILD_REQUESTEDFORID": "u1",
            "BUILD_REQUESTEDFOREMAIL": "ada@acme.example",
            "BUILD_REASON": "IndividualCI",
        },
        {
            "repository": "https://dev.azure.com/acme/shop/_git/shop",
            "commit": SHA,
            "ref_name": "v1.2",
            "ref_type": "tag",
            "run_id": "77",
            "run_attempt": 1,
            "run_url": "https://dev.azure.com/acme/p1/_build/results?buildId=77",
            "task_url": "https://dev.azure.com/acme/p1/_build/results?buildId=77&view=logs&j=j1&t=t1",
            "actor_name": "Ada Lovelace",
        },
    ),
    "circleci": (
        {
            "CIRCLECI": "true",
            "CIRCLE_WORKFLOW_ID": "w-1",
            "CIRCLE_BUILD_NUM": "7",
            "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/shop/7",
            "CIRCLE_JOB": "build",
            "CIRCLE_PROJECT_REPONAME": "shop",
            "CIRCLE_REPOSITORY_URL": "git@github.com:acme/shop.git",
            "CIRCLE_SHA1": SHA,
            "CIRCLE_BRANCH": "main",
            "CIRCLE_USERNAME": "ada",
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "w-1",
            "run_url": "https://app.circleci.com/pipelines/workflows/w-1",
            "task_id": "7",
            "actor_name": "ada",
        },
    ),
    "buildkite": (
        {
            "BUILDKITE": "true",
            "BUILDKITE_BUILD_ID": "b-1",
            "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/shop/builds/3",
            "BUILDKITE_JOB_ID": "j-1",
            "BUILDKITE_RETRY_COUNT": "1",
            "BUILDKITE_PIPELINE_SLUG": "shop",
            "BUILDKITE_REPO": "git@github.com:acme/shop.git",
            "BUILDKITE_COMMIT": SHA,
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_PULL_REQUEST": "false",
            "BUILDKITE_BUILD_CREATOR": "Ada Lovelace",
            "BUILDKITE_BUILD_CREATOR_EMAIL": "ada@acme.example",
            "BUILDKITE_AGENT_NAME": "agent-1",
            "BUILDKITE_SOURCE": "ui",
        },
        {
            "commit": SHA,
            "change_id": None,
            "run_id": "b-1",
            "run_attempt": 2,
            "task_url": "https://buildkite.com/acme/shop/builds/3#j-1",
            "actor_email": "ada@acme.example",
            "trigger": "ui",
        },
    ),
    "bitbucket": (
        {
            "BITBUCKET_COMMIT": SHA,
            "BITBUCKET_BUILD_NUMBER": "9",
            "BITBUCKET_REPO_FULL_NAME": "acme/shop",
            "BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.org/acme/shop",
            "BITBUCKET_BRANCH": "main",
            "BITBUCKET_STEP_UUID": "{s-1}",
            "BITBUCKET_STEP_TRIGGERER_UUID": "{u-1}",
            "BITBUCKET_DEPLOYMENT_ENVIRONMENT": "staging",
        },
        {
            "repository": "https://bitbucket.org/acme/shop",
            "commit": SHA,
            "run_id": "9",
            "run_url": "https://bitbucket.org/acme/shop/pipelines/results/9",
            "actor_id": "{u-1}",
            "environment": "staging",
        },
    ),
    "travis": (
        {
            "TRAVIS": "true",
            "TRAVIS_BUILD_ID": "11",
            "TRAVIS_BUILD_WEB_URL": "https://app.travis-ci.com/github/acme/shop/builds/11",
            "TRAVIS_JOB_ID": "12",
            "TRAVIS_REPO_SLUG": "acme/shop",
            "TRAVIS_COMMIT": SHA,
            "TRAVIS_BRANCH": "main",
            "TRAVIS_PULL_REQUEST": "false",
            "TRAVIS_EVENT_TYPE": "push",
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "ref_name": "main",
            "change_id": None,
            "run_id": "11",
            "task_id": "12",
        },
    ),
    "harness": (
        {
            "DRONE": "true",
            "HARNESS_BUILD_ID": "5",
            "HARNESS_EXECUTION_ID": "ex-1",
            "HARNESS_PIPELINE_ID": "shop",
            "HARNESS_STAGE_ID": "build",
            "HARNESS_USER_ID": "u-1",
            "DRONE_REPO_LINK": "https://github.com/acme/shop",
            "DRONE_COMMIT_SHA": SHA,
            "DRONE_COMMIT_BRANCH": "main",
            "DRONE_BUILD_LINK": "https://app.harness.io/ng/account/a/pipelines/shop/executions/ex-1/pipeline",
        },
        {
            "instance": "https://app.harness.io",
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "pipeline_name": "shop",
            "run_id": "ex-1",
            "actor_id": "u-1",
        },
    ),
    "woodpecker": (
        {
            "CI": "woodpecker",
            "CI_REPO": "acme/shop",
            "CI_REPO_URL": "https://codeberg.org/acme/shop",
            "CI_COMMIT_SHA": SHA,
            "CI_COMMIT_BRANCH": "main",
            "CI_PIPELINE_NUMBER": "8",
            "CI_PIPELINE_URL": "https://ci.codeberg.org/repos/7/pipeline/8",
            "CI_PIPELINE_EVENT": "push",
            "CI_PIPELINE_AUTHOR": "ada",
            "CI_WORKFLOW_NAME": "release",
            "CI_STEP_NAME": "build",
        },
        {
            "instance": "https://ci.codeberg.org",
            "repository": "https://codeberg.org/acme/shop",
            "commit": SHA,
            "run_id": "8",
            "actor_name": "ada",
            "pipeline_name": "release",
        },
    ),
    "drone": (
        {
            "DRONE": "true",
            "DRONE_BUILD_NUMBER": "42",
            "DRONE_BUILD_LINK": "https://drone.acme.example/acme/shop/42",
            "DRONE_REPO": "acme/shop",
            "DRONE_REPO_LINK": "https://github.com/acme/shop",
            "DRONE_COMMIT_SHA": SHA,
            "DRONE_COMMIT_BRANCH": "main",
            "DRONE_BUILD_EVENT": "cron",
            "DRONE_BUILD_TRIGGER": "@cron",
        },
        {
            "instance": "https://drone.acme.example",
            "commit": SHA,
            "run_id": "42",
            "actor_name": None,
            "actor_type": None,
            "trigger": "cron",
        },
    ),
    "teamcity": (
        {
            "TEAMCITY_VERSION": "2025.07",
            "BUILD_NUMBER": "31",
            "BUILD_VCS_NUMBER": SHA,
            "BUILD_URL": "https://tc.acme.example/build/900",
            "TEAMCITY_PROJECT_NAME": "Shop",
            "TEAMCITY_BUILDCONF_NAME": "Build",
        },
        {
            "instance": "https://tc.acme.example",
            "commit": SHA,
            "pipeline_name": "Shop",
            "task_name": "Build",
            "run_id": "https://tc.acme.example/build/900",
        },
    ),
    "codebuild": (
        {
            "CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-west-1:123456789012:build/shop:b1",
            "CODEBUILD_BUILD_ID": "shop:b1",
            "CODEBUILD_INITIATOR": "GitHub-Hookshot/1c6af21",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": SHA,
            "CODEBUILD_SOURCE_REPO_URL": "https://github.com/acme/shop.git",
            "CODEBUILD_WEBHOOK_TRIGGER": "branch/main",
            "CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID": "461164",
            "AWS_REGION": "eu-west-1",
        },
        {
            "instance": "https://eu-west-1.console.aws.amazon.com",
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "ref_name": "main",
            "pipeline_name": "shop",
            "run_id": "shop:b1",
            "actor_id": "461164",
            "actor_name": None,
        },
    ),
    "codepipeline": (
        {
            "CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-west-1:123456789012:build/shop:b1",
            "CODEBUILD_BUILD_ID": "shop:b1",
            "CODEBUILD_INITIATOR": "codepipeline/release",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": SHA,
            "CODEBUILD_SOURCE_REPO_URL": "arn:aws:s3:::bucket/release/App/OGgJCVJ.zip",
            "AWS_REGION": "eu-west-1",
        },
        {
            "repository": None,
            "commit": SHA,
            "pipeline_name": "release",
            "task_name": "shop",
            "task_id": "shop:b1",
            "actor_name": None,
        },
    ),
    "appveyor": (
        {
            "APPVEYOR": "True",
            "APPVEYOR_URL": "https://ci.appveyor.com",
            "APPVEYOR_ACCOUNT_NAME": "acme",
            "APPVEYOR_PROJECT_SLUG": "shop",
            "APPVEYOR_PROJECT_NAME": "Shop",
            "APPVEYOR_BUILD_ID": "501",
            "APPVEYOR_JOB_ID": "j1",
            "APPVEYOR_REPO_PROVIDER": "gitHub",
            "APPVEYOR_REPO_NAME": "acme/shop",
            "APPVEYOR_REPO_BRANCH": "main",
            "APPVEYOR_REPO_COMMIT": SHA,
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "501",
            "run_url": "https://ci.appveyor.com/project/acme/shop/builds/501",
            "task_url": "https://ci.appveyor.com/project/acme/shop/builds/501/job/j1",
        },
    ),
    "bitrise": (
        {
            "BITRISE_IO": "true",
            "BITRISE_BUILD_SLUG": "s1",
            "BITRISE_BUILD_URL": "https://app.bitrise.io/build/s1",
            "BITRISE_APP_TITLE": "Shop",
            "BITRISE_TRIGGERED_WORKFLOW_ID": "primary",
            "BITRISE_GIT_BRANCH": "main",
            "GIT_REPOSITORY_URL": "git@github.com:acme/shop.git",
            "GIT_CLONE_COMMIT_HASH": SHA,
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "s1",
            "task_name": "primary",
            "run_url": "https://app.bitrise.io/build/s1",
        },
    ),
    "buddy": (
        {
            "BUDDY": "true",
            "BUDDY_PIPELINE_ID": "3",
            "BUDDY_PIPELINE_NAME": "Release",
            "BUDDY_RUN_ID": "4",
            "BUDDY_RUN_URL": "https://app.buddy.works/acme/shop/pipelines/pipeline/3/execution/68f1",
            "BUDDY_RUN_BRANCH": "main",
            "BUDDY_RUN_COMMIT": SHA,
            "BUDDY_REPO_SSH_URL": "git@github.com:acme/shop",
            "BUDDY_TRIGGERING_ACTOR_NAME": "Ada Lovelace",
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "3/4",
            "actor_name": "Ada Lovelace",
        },
    ),
    "codefresh": (
        {
            "CF_BUILD_ID": "c1",
            "CF_BUILD_URL": "https://g.codefresh.io/build/c1",
            "CF_PIPELINE_NAME": "shop/release",
            "CF_REPO_OWNER": "acme",
            "CF_REPO_NAME": "shop",
            "CF_COMMIT_URL": f"https://github.com/acme/shop/commit/{SHA}",
            "CF_REVISION": SHA,
            "CF_BRANCH": "main",
            "CF_BUILD_INITIATOR": "ada",
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "c1",
            "actor_name": "ada",
        },
    ),
    "semaphore": (
        {
            "SEMAPHORE": "true",
            "SEMAPHORE_ORGANIZATION_URL": "https://acme.semaphoreci.com",
            "SEMAPHORE_WORKFLOW_ID": "w1",
            "SEMAPHORE_JOB_ID": "j1",
            "SEMAPHORE_JOB_NAME": "Unit",
            "SEMAPHORE_PROJECT_NAME": "shop",
            "SEMAPHORE_GIT_URL": "git@github.com:acme/shop.git",
            "SEMAPHORE_GIT_SHA": SHA,
            "SEMAPHORE_GIT_BRANCH": "main",
            "SEMAPHORE_GIT_REF_TYPE": "branch",
        },
        {
            "repository": "https://github.com/acme/shop",
            "commit": SHA,
            "run_id": "w1",
            "run_url": "https://acme.semaphoreci.com/workflows/w1",
            "task_url": "https://acme.semaphoreci.com/jobs/j1",
        },
    ),
}

# Pull requests: the same systems, with what they set in addition. SHA is what was checked out, HEAD the request's own head.
CHANGES: dict[str, tuple[dict[str, str], tuple[str | None, ...]]] = {
    "gitlab merged results": (
        {
            **BRANCH_BUILDS["gitlab"][0],
            "CI_MERGE_REQUEST_IID": "5",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "pay",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        },
        (HEAD, SHA, "5", "pay", "main"),
    ),
    "gitlab detached": (
        {
            **BRANCH_BUILDS["gitlab"][0],
            "CI_COMMIT_SHA": HEAD,
            "CI_MERGE_REQUEST_IID": "5",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "pay",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        },
        (HEAD, None, "5", "pay", "main"),
    ),
    "azure": (
        {
            **BRANCH_BUILDS["azure"][0],
            "BUILD_SOURCEBRANCH": "refs/pull/5/merge",
            "SYSTEM_PULLREQUEST_PULLREQUESTID": "5",
            "SYSTEM_PULLREQUEST_SOURCECOMMITID": HEAD,
            "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/pay",
            "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
        },
        (HEAD, SHA, "5", "pay", "main"),
    ),
    "travis": (
        {
            **BRANCH_BUILDS["travis"][0],
            "TRAVIS_PULL_REQUEST": "5",
            "TRAVIS_PULL_REQUEST_SHA": HEAD,
            "TRAVIS_PULL_REQUEST_BRANCH": "pay",
        },
        (HEAD, SHA, "5", "pay", "main"),
    ),
    "appveyor": (
        {
            **BRANCH_BUILDS["appveyor"][0],
            "APPVEYOR_PULL_REQUEST_NUMBER": "5",
            "APPVEYOR_PULL_REQUEST_HEAD_COMMIT": HEAD,
            "APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH": "pay",
        },
        (HEAD, SHA, "5", "pay", "main"),
    ),
    "semaphore": (
        {
            **BRANCH_BUILDS["semaphore"][0],
            "SEMAPHORE_GIT_REF_TYPE": "pull-request",
            "SEMAPHORE_GIT_PR_NUMBER": "5",
            "SEMAPHORE_GIT_PR_SHA": HEAD,
            "SEMAPHORE_GIT_PR_BRANCH": "pay",
        },
        (HEAD, SHA, "5", "pay", "main"),
    ),
    "woodpecker": (
        {
            **BRANCH_BUILDS["woodpecker"][0],
            "CI_COMMIT_SHA": HEAD,
            "CI_COMMIT_PULL_REQUEST": "5",
            "CI_COMMIT_SOURCE_BRANCH": "pay",
            "CI_COMMIT_TARGET_BRANCH": "main",
        },
        (HEAD, None, "5", "pay", "main"),
    ),
    "drone": (
        {
            **BRANCH_BUILDS["drone"][0],
            "DRONE_COMMIT_SHA": HEAD,
            "DRONE_PULL_REQUEST": "5",
            "DRONE_SOURCE_BRANCH": "pay",
            "DRONE_TARGET_BRANCH": "main",
        },
        (HEAD, None, "5", "pay", "main"),
    ),
    "jenkins that says that it merged": (
        {
            **BRANCH_BUILDS["jenkins"][0],
            "BRANCH_NAME": "PR-5-merge",
            "CHANGE_ID": "5",
            "CHANGE_BRANCH": "pay",
            "CHANGE_TARGET": "main",
        },
        (None, SHA, "5", "pay", "main"),
    ),
}


@pytest.mark.parametrize("system", BRANCH_BUILDS)
def test_a_build_says_who_what_and_where(system: str, tmp_path: Path) -> None:
    """Every system's variables become provider, run, job, repository, commit, ref and actor."""
    env, expected = BRANCH_BUILDS[system]
    context = detect(env, tmp_path)
    assert context.provider == system
    assert expected == {name: getattr(context, name) for name in expected}


@pytest.mark.parametrize("case", CHANGES)
def test_a_temporary_merge_is_never_the_commit(case: str, tmp_path: Path) -> None:
    """On a pull request the commit is the request's head; what a system merged for the test only is told apart."""
    env, expected = CHANGES[case]
    context = detect(env, tmp_path)
    found = (context.commit, context.test_merge_revision, context.change_id, context.ref_name, context.base_ref)
    assert expected == found


@pytest.mark.parametrize("system", BRANCH_BUILDS)
def test_no_credentials_leave_a_repository_url(system: str, tmp_path: Path) -> None:
    """Whatever a system's URLs hold, user and password are in no field of the context."""
    env, _ = BRANCH_BUILDS[system]
    secret = {name: value.replace("https://", "https://robot:s3cr3t@") for name, value in env.items()}
    assert "s3cr3t" not in repr(detect(secret, tmp_path))
    assert "glcbt" not in repr(detect(env, tmp_path))
