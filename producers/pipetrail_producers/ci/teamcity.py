"""TeamCity: few environment variables, and a file of properties that says the rest.

https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html
"""

from collections.abc import Mapping
from pathlib import Path

from pipetrail_producers.ci import refs
from pipetrail_producers.ci.context import Context, origin, without_credentials

# The file of a build holds its password, too: only these are looked at.
_WANTED = frozenset(
    {
        "teamcity.build.id",
        "teamcity.serverUrl",
        "teamcity.build.branch",
        "teamcity.build.triggeredBy.username",
        "teamcity.pullRequest.number",
        "teamcity.pullRequest.source.branch",
        "teamcity.pullRequest.target.branch",
        "teamcity.agent.name",
        "vcsroot.url",
    }
)
_FURTHER_FILE = "teamcity.configuration.properties.file"
# Real files have some hundred short lines.
_MAX_FILE_BYTES = 4 * 1024 * 1024
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def context(env: Mapping[str, str]) -> Context:
    """What TeamCity says. Without the file of properties the run's id is BUILD_URL, else project, configuration and number."""
    told = _told(env)
    change = told.get("teamcity.pullRequest.number") or env.get("TEAMCITY_PULLREQUEST_NUMBER")
    branch = told.get("teamcity.pullRequest.source.branch") or told.get("teamcity.build.branch")
    # "<default>" stands for the main branch, whose name is not told.
    ref = refs.branch(None if branch and branch.startswith("<") else branch)
    sha, actor = env.get("BUILD_VCS_NUMBER"), told.get("teamcity.build.triggeredBy.username")
    target = told.get("teamcity.pullRequest.target.branch") or env.get("TEAMCITY_PULLREQUEST_TARGET_BRANCH")
    return Context(
        provider="teamcity",
        instance=told.get("teamcity.serverUrl") or origin(env.get("BUILD_URL")) or "urn:teamcity",
        repository=told.get("vcsroot.url"),
        commit=sha,
        ref_name=ref.name,
        ref_type=ref.type,
        base_ref=refs.branch(target).name,
        change_id=change,
        change_head_revision=sha if change else None,
        pipeline_name=env.get("TEAMCITY_PROJECT_NAME"),
        run_id=told.get("teamcity.build.id") or without_credentials(env.get("BUILD_URL")) or _name(env),
        run_url=env.get("BUILD_URL"),
        task_name=env.get("TEAMCITY_BUILDCONF_NAME"),
        worker_name=told.get("teamcity.agent.name"),
        actor_name=actor,
        actor_type="user" if actor else None,
    )


def _name(env: Mapping[str, str]) -> str:
    names = ("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER")
    return "/".join(env[name] for name in names if env.get(name))


def _told(env: Mapping[str, str]) -> dict[str, str]:
    build = _properties(env.get("TEAMCITY_BUILD_PROPERTIES_FILE"))
    return {**build, **_properties(build.get(_FURTHER_FILE))}


def _properties(path: str | None) -> dict[str, str]:
    """What is wanted of a Java properties file; nothing where it cannot be read."""
    try:
        with Path(path or "/nonexistent").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MAX_FILE_BYTES).splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key: _unescaped(value) for key, _, value in pairs if key in _WANTED or key == _FURTHER_FILE}


def _unescaped(value: str) -> str:
    r"""The value without the escapes that java.util.Properties writes (`https\://host`)."""
    text, characters = "", iter(value)
    for character in characters:
        if character != "\\":
            text += character
            continue
        escaped = next(characters, "")
        if escaped == "u":
            digits = "".join(next(characters, "") for _ in range(4))
            text += chr(int(digits, 16)) if all(digit in "0123456789abcdefABCDEF" for digit in digits) and digits else ""
        else:
            text += _ESCAPES.get(escaped, escaped)
    return text
