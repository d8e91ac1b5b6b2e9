"""SLSA provenance: who built it, in which run, of which commit. Pure; standard library only.

Read are the predicates v0.1, v0.2 (slsa.dev/provenance/v0.2) and v1 (slsa.dev/spec/v1.0/provenance). What a build was of is the
one source that its definition names; of several sources among the dependencies none is guessed.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pipetrail_producers.ci import refs
from pipetrail_producers.webhook.payload import at, items, moment, number, text
from pipetrail_producers.webhook.values import full_revision, name, repository

_PREDICATE = re.compile(r"https://slsa\.dev/provenance/v(?:0\.[12]|1(?:\.\d+)?)")
_GITHUB_RUN = re.compile(r"(https?://[^/\s]+/\S+/actions/runs/(\d+))(?:/attempts/(\d{1,9}))?")
# Where a v1 definition names its source; each is an address, or an object with `uri` or `repository`.
_DEFINED_AT = ("workflow", "source", "configSource", "sourceToBuild", "repository")
_SYSTEMS = ("github", "gitlab", "tekton", "jenkins", "buildkite", "circleci")


class Run(NamedTuple):
    """The run that built it; all None where the provenance does not tell."""

    id: str | None = None
    attempt: int | None = None
    url: str | None = None


class Source(NamedTuple):
    """What was built: canonical URL of a repository, its full commit, its ref."""

    repository: str | None = None
    commit: str | None = None
    ref: refs.Ref = refs.NO_REF


class Provenance(NamedTuple):
    """What a provenance says. `system` is the CI system where it shows, `trigger` its event's name."""

    builder: str | None
    build_type: str | None
    run: Run
    source: Source
    started: datetime | None
    finished: datetime | None
    actor_id: str | None
    actor_name: str | None
    trigger: str | None
    pipeline: str | None
    system: str | None


def is_provenance(predicate_type: str) -> bool:
    """Whether a predicate of this type is SLSA provenance that can be read."""
    return _PREDICATE.fullmatch(predicate_type) is not None


def provenance(predicate: Any) -> Provenance:
    """What a predicate says; what it does not say is None."""
    return _v1(predicate) if at(predicate, "buildDefinition") is not None else _v0(predicate)


def _v1(predicate: Any) -> Provenance:
    definition, details = at(predicate, "buildDefinition"), at(predicate, "runDetails")
    outside, inside = at(definition, "externalParameters"), at(definition, "internalParameters")
    builder, build_type = name(details, "builder.id"), name(definition, "buildType")
    named = [found for key in _DEFINED_AT if (found := _address(at(outside, key)))]
    refs_told = (name(outside, f"{key}.ref") for key in _DEFINED_AT)
    return Provenance(
        builder=builder,
        build_type=build_type,
        run=_run(name(details, "metadata.invocationId"), predicate),
        source=_source(named, items(definition, "resolvedDependencies"), next(filter(None, refs_told), None)),
        started=moment(details, "metadata.startedOn"),
        finished=moment(details, "metadata.finishedOn"),
        actor_id=name(inside, "github.actor_id"),
        actor_name=None,
        trigger=name(inside, "github.event_name"),
        pipeline=name(outside, "workflow.path") or name(outside, "entryPoint"),
        system=_system(build_type, builder),
    )


def _v0(predicate: Any) -> Provenance:
    config = at(predicate, "invocation.configSource")
    environment = at(predicate, "invocation.environment")
    materials = items(predicate, "materials")
    defined = number(predicate, "recipe.definedInMaterial")
    if config is None and defined is not None and defined < len(materials):
        config = materials[defined]
    builder, build_type = name(predicate, "builder.id"), name(predicate, "buildType") or name(predicate, "recipe.type")
    found = _address(config)
    invocation = name(predicate, "metadata.buildInvocationId") or name(predicate, "metadata.buildInvocationID")
    return Provenance(
        builder=builder,
        build_type=build_type,
        run=_run(invocation, predicate),
        source=_source([found] if found else [], [config, *materials], name(environment, "github_ref")),
        started=moment(predicate, "metadata.buildStartedOn"),
        finished=moment(predicate, "metadata.buildFinishedOn"),
        actor_id=name(environment, "github_actor_id"),
        actor_name=name(environment, "github_actor"),
        trigger=name(environment, "github_event_name"),
        pipeline=name(config, "entryPoint") or name(predicate, "recipe.entryPoint"),
        system=_system(build_type, builder),
    )


def _run(invocation: str | None, predicate: Any) -> Run:
    match = _GITHUB_RUN.fullmatch(invocation or "")
    if match:
        return Run(match[2], int(match[3]) if match[3] and int(match[3]) else None, match[1])
    environment = at(predicate, "invocation.environment")
    github = name(environment, "github_run_id")
    if github:
        return Run(github, number(environment, "github_run_attempt") or None)
    return Run(invocation, None, invocation if invocation and "://" in invocation else None)


def _source(named: Iterable[str], dependencies: list[Any], ref: str | None) -> Source:
    """The source that the definition names, with the commit that the dependencies resolve it to; else the only one there is."""
    resolved: dict[str, set[str]] = {}
    refs_found: dict[str, str] = {}
    for one in dependencies:
        canonical = repository(_plain(name(one, "uri")))
        commit = full_revision(one, "digest.gitCommit") or full_revision(one, "digest.sha1")
        if canonical and commit:
            resolved.setdefault(canonical, set()).add(commit)
            refs_found.setdefault(canonical, _ref_of(name(one, "uri")))
    wanted = [canonical for found in named if (canonical := repository(_plain(found)))]
    chosen = wanted[0] if wanted else next(iter(resolved)) if len(resolved) == 1 else None
    if chosen is None:
        return Source()
    commits = resolved.get(chosen, set())
    told = ref or refs_found.get(chosen) or ""
    return Source(chosen, next(iter(commits)) if len(commits) == 1 else None, _ref(told))


def _ref(told: str) -> refs.Ref:
    return refs.tag(told) if told.startswith("refs/tags/") else refs.branch(told)


def _address(found: Any) -> str | None:
    return text({"": found}, "") or text(found, "uri") or text(found, "repository")


def _plain(uri: str | None) -> str | None:
    """An SPDX download location (`git+https://host/path@ref`) as a repository's address."""
    scheme, separator, rest = (uri or "").removeprefix("git+").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host}{slash}{path.partition('@')[0]}" if slash else None


def _ref_of(uri: str | None) -> str:
    """The ref of an SPDX download location; empty where it has none, or a commit."""
    ref = (uri or "").partition("://")[2].partition("/")[2].partition("@")[2].partition("#")[0]
    return ref if ref.startswith("refs/") else ""


def _system(*told: str | None) -> str | None:
    return next((system for system in _SYSTEMS if any(system in (one or "").lower() for one in told)), None)
