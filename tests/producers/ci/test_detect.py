"""How the place that a command runs in is found: traps of single systems, git in the working folder, the shared fixtures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipetrail_producers.ci.context import Context, repository_url
from pipetrail_producers.ci.detect import detect

SHA = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
HEAD = "9fceb02d0ae598e95dc970b74767f19372d61af8"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_SHA": SHA,
}
FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "ci-env"


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, away from the settings of whoever runs the tests."""
    settings = ("-c", "user.name=Ada Lovelace", "-c", "user.email=ada@acme.example", "-c", "init.defaultBranch=main")
    return subprocess.run(("git", *settings, *arguments), cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit, a user and a remote with a token in its URL."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Ada Lovelace")
    git(tmp_path, "config", "user.email", "ada@acme.example")
    git(tmp_path, "remote", "add", "origin", "https://oauth2:t0ken@git.acme.example/acme/shop.git")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "one")
    return tmp_path


def with_payload(folder: Path, payload: Any, **env: str) -> dict[str, str]:
    """GitHub's variables, with an event payload in a file."""
    file = folder / "event.json"
    file.write_text(json.dumps(payload), encoding="utf-8")
    return {**GITHUB, "GITHUB_EVENT_PATH": str(file), **env}


def test_the_head_of_a_github_pull_request_comes_from_the_payload(tmp_path: Path) -> None:
    """GITHUB_SHA on refs/pull/N/merge is the temporary merge; the payload names the head, and both are kept."""
    payload = {"pull_request": {"number": 7, "head": {"sha": HEAD}}}
    env = with_payload(tmp_path, payload, GITHUB_REF="refs/pull/7/merge", GITHUB_HEAD_REF="pay", GITHUB_BASE_REF="main")
    context = detect(env, tmp_path)
    assert (context.commit, context.change_head_revision, context.test_merge_revision) == (HEAD, HEAD, SHA)
    assert (context.change_id, context.ref_name, context.ref_type, context.base_ref) == ("7", "pay", "branch", "main")


def test_pull_request_target_runs_on_the_base(tmp_path: Path) -> None:
    """With pull_request_target the base branch is checked out: its commit is built, the head is only known."""
    payload = {"pull_request": {"number": 7, "head": {"sha": HEAD}}}
    env = with_payload(tmp_path, payload, GITHUB_REF="refs/heads/main", GITHUB_HEAD_REF="pay")
    context = detect(env, tmp_path)
    assert (context.commit, context.change_head_revision, context.test_merge_revision) == (SHA, HEAD, None)


@pytest.mark.parametrize("payload", [[], {"pull_request": None}, {"pull_request": {"head": "x"}}, "text"])
def test_an_odd_payload_leaves_the_commit_unknown(payload: Any, tmp_path: Path) -> None:
    """Where the head of a pull request cannot be read, no commit is claimed, least of all the temporary merge."""
    context = detect(with_payload(tmp_path, payload, GITHUB_REF="refs/pull/7/merge"), tmp_path)
    assert (context.commit, context.test_merge_revision, context.change_id) == (None, SHA, "7")


def test_who_re_ran_a_github_run_is_its_actor(tmp_path: Path) -> None:
    """A re-run's actor is who asked for it, without the id of who asked for the first attempt."""
    env = {**GITHUB, "GITHUB_ACTOR": "ada", "GITHUB_ACTOR_ID": "12", "GITHUB_TRIGGERING_ACTOR": "grace"}
    context = detect(env, tmp_path)
    assert (context.actor_name, context.actor_id, context.actor_type) == ("grace", None, "user")


def test_bots_are_not_users(tmp_path: Path) -> None:
    """GitHub's [bot] accounts are apps, GitLab's token users are service accounts."""
    assert detect({**GITHUB, "GITHUB_ACTOR": "renovate[bot]"}, tmp_path).actor_type == "app"
    gitlab = {"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "project_81_bot_4f2a"}
    assert detect(gitlab, tmp_path).actor_type == "service_account"


def test_two_jenkins_jobs_never_share_a_run(tmp_path: Path) -> None:
    """Jobs a/b and a-b have one BUILD_TAG and two runs."""
    runs = [
        detect({"JENKINS_URL": "https://ci/", "BUILD_TAG": "jenkins-a-b-1", "BUILD_URL": f"https://ci/job/{path}/1/"}, tmp_path)
        for path in ("a/job/b", "a-b")
    ]
    assert runs[0].run_id != runs[1].run_id


def test_teamcity_reads_only_what_it_wants_of_its_files(tmp_path: Path) -> None:
    """The build's properties give id, server, repository and person; the password that stands among them is not read."""
    further = tmp_path / "config.properties"
    further.write_text(
        "#Mon\nteamcity.serverUrl=https\\://tc.acme.example\nvcsroot.url=https\\://git.acme.example/acme/shop.git\n"
        "teamcity.build.branch=<default>\nteamcity.build.triggeredBy.username=ada\\u00e9\n",
        encoding="utf-8",
    )
    file = tmp_path / "build.properties"
    file.write_text(
        f"teamcity.build.id=900\nteamcity.auth.password=s3cr3t\nteamcity.configuration.properties.file={further}\n",
        encoding="utf-8",
    )
    context = detect({"TEAMCITY_VERSION": "2025", "TEAMCITY_BUILD_PROPERTIES_FILE": str(file)}, tmp_path)
    assert (context.run_id, context.instance, context.actor_name) == ("900", "https://tc.acme.example", "adaé")
    assert (context.repository, context.ref_name) == ("https://git.acme.example/acme/shop", None)
    assert "s3cr3t" not in repr(context)


def test_outside_ci_git_says_it(checkout: Path) -> None:
    """On a person's machine repository, commit, branch and actor come from git, the token of the remote does not."""
    inside = checkout / "deep" / "down"
    inside.mkdir(parents=True)
    context = detect({"PATH": os.environ["PATH"]}, inside)
    assert (context.provider, context.repository) == ("local", "https://git.acme.example/acme/shop")
    assert (context.commit, context.ref_name, context.ref_type) == (git(checkout, "rev-parse", "HEAD"), "main", "branch")
    assert (context.actor_name, context.actor_email) == ("Ada Lovelace", "ada@acme.example")
    assert "t0ken" not in repr(context)


def test_a_detached_head_has_no_branch_and_a_new_repository_no_commit(checkout: Path, tmp_path: Path) -> None:
    """What git does not know is None, not the word HEAD."""
    git(checkout, "checkout", "--quiet", "--detach")
    detached = detect({"PATH": os.environ["PATH"]}, checkout)
    assert (detached.commit is not None, detached.ref_name, detached.ref_type) == (True, None, None)
    empty = tmp_path / "new"
    empty.mkdir()
    git(empty, "init", "--quiet")
    fresh = detect({"PATH": os.environ["PATH"]}, empty)
    assert (fresh.commit, fresh.ref_name) == (None, None)
    assert fresh.repository == repository_url(fresh.instance + str(empty.resolve()))


def test_shorthands_of_urls_are_expanded(checkout: Path) -> None:
    """`url.BASE.insteadOf` is applied as git does it, the longest match first."""
    git(checkout, "remote", "set-url", "origin", "acme:tools/shop")
    git(checkout, "config", "url.https://wrong.example/.insteadOf", "ac")
    git(checkout, "config", "url.ssh://git@git.acme.example/.insteadOf", "acme:")
    assert detect({"PATH": os.environ["PATH"]}, checkout).repository == "https://git.acme.example/tools/shop"


def test_without_git_nothing_breaks(tmp_path: Path) -> None:
    """Where there is no git, or no repository, the context says what it can."""
    no_git = detect({"PATH": str(tmp_path), "USER": "ada"}, tmp_path)
    assert (no_git.provider, no_git.repository, no_git.commit, no_git.actor_name) == ("local", None, None, "ada")
    assert detect({"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, tmp_path).repository is None


def test_git_fills_what_ci_leaves_out(checkout: Path) -> None:
    """A Jenkins job without the git plugin's variables is about the folder that it runs in."""
    context = detect({"PATH": os.environ["PATH"], "JENKINS_URL": "https://ci/"}, checkout)
    assert context.repository == "https://git.acme.example/acme/shop"
    assert context.commit == git(checkout, "rev-parse", "HEAD")


def test_a_folder_of_another_repository_fills_nothing(checkout: Path) -> None:
    """A commit of a checked-out helper repository is not taken for the commit of the run's own."""
    env = {"PATH": os.environ["PATH"], "JENKINS_URL": "https://ci/", "GIT_URL": "https://git.acme.example/acme/other"}
    assert detect(env, checkout).commit is None


def test_a_commit_that_is_none_is_dropped(tmp_path: Path) -> None:
    """Buildkite says HEAD where nobody named a commit."""
    env = {"BUILDKITE": "true", "BUILDKITE_COMMIT": "HEAD", "BUILDKITE_REPO": "git@github.com:acme/shop.git"}
    assert detect(env, tmp_path).commit is None


def test_detection_imports_the_standard_library_only() -> None:
    """In CI, finding the context costs no third-party import and no subprocess module."""
    code = (
        "import sys; from pathlib import Path; before = set(sys.modules)\n"
        "from pipetrail_producers.ci.detect import detect\n"
        f"detect({ ({**GITHUB, 'GITHUB_REF': 'refs/heads/main'})!r}, Path('.'))\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    run = subprocess.run((sys.executable, "-c", code), check=True, capture_output=True, text=True)
    imported = set(run.stdout.split())
    assert imported - {"pipetrail_producers", "pipetrail_schemas"} <= set(sys.stdlib_module_names)
    assert "subprocess" not in imported


# What the fixtures call things, and what we do.
PROVIDERS = {"azurepipelines": "azure"}
TAGS = {
    "ci.pipeline.id": "run_id",
    "ci.pipeline.name": "pipeline_name",
    "ci.pipeline.url": "run_url",
    "ci.job.id": "task_id",
    "ci.job.name": "task_name",
    "ci.job.url": "task_url",
    "ci.node.name": "worker_name",
    "git.commit.sha": "commit",
    "git.pull_request.base_branch": "base_ref",
    "pr.number": "change_id",
}


def expected_of(env: dict[str, str], tags: dict[str, str]) -> dict[str, str | None]:
    """The fields that a case of the fixtures settles. Values that its user supplied by other variables are left out."""
    expected: dict[str, str | None] = {field: tags[tag] for tag, field in TAGS.items() if tag in tags}
    expected["provider"] = PROVIDERS.get(tags["ci.provider.name"], tags["ci.provider.name"])
    if expected["provider"] == "jenkins":
        # BUILD_TAG is shared by different jobs; see the test on that.
        expected["run_id"] = env["BUILD_URL"]
    if not any(name.startswith("DD_GIT") for name in env):
        expected["repository"] = repository_url(tags.get("git.repository_url"))
        expected["ref_name"] = tags.get("git.tag") or tags.get("git.branch")
        expected["ref_type"] = "tag" if "git.tag" in tags else "branch" if "git.branch" in tags else None
    else:
        expected.pop("commit", None)
    if "SYSTEM_PULLREQUEST_SOURCEREPOSITORYURI" in env:
        # The fork is not the repository whose trail this is: approvals and merges are in the one that was forked.
        expected["repository"] = repository_url(env["BUILD_REPOSITORY_URI"])
    return expected


@pytest.mark.parametrize("system", ["azurepipelines", "buildkite", "circleci", "github", "gitlab", "jenkins"])
def test_real_environments_are_understood(system: str, tmp_path: Path) -> None:
    """The environments that other tools are tested with give what those tools find in them."""
    file = FIXTURES / f"{system}.json"
    if not file.is_file():
        pytest.skip(f"no {file}: the shared fixtures are not part of the repository")
    for env, tags in json.loads(file.read_text(encoding="utf-8")):
        context: Context = detect(env, tmp_path)
        expected = expected_of(env, tags)
        assert expected == {name: getattr(context, name) for name in expected}, env
