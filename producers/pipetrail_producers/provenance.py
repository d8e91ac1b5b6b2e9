"""in-toto attestations as facts: an artifact was built, by whom, of which commit; something was attested. Stdlib only.

An attestation is what its producer claims. Its signatures are counted and not checked, and the events say so: they carry no
`authtype`, and `attested` means that there is a statement, not that it is true.
"""

from collections.abc import Iterator
from datetime import datetime

from pipetrail_schemas.times import format_time
from pipetrail_schemas.types import Result

from pipetrail_producers import intoto, slsa
from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.intoto import Statement, Subject
from pipetrail_producers.slsa import Provenance
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.image import image
from pipetrail_producers.webhook.payload import at, moment
from pipetrail_producers.webhook.purl import artifact
from pipetrail_producers.webhook.values import Data, address, cut, merged, name, vcs_repository

_NO_BUILDER = "urn:in-toto"
# Predicates that hold a verdict: where it stands. SLSA Verification Summary; in-toto Test Result.
_VERDICTS = ("verificationResult", "result")
_RESULTS = {"PASSED": Result.SUCCESS, "FAILED": Result.FAILURE}
# What a statement's subject is called where only its digest matters (slsa-github-generator, gh attestation).
_NAMELESS = frozenset({"_", "-"})


def facts(content: bytes, *, recorded: datetime, digest: str | None = None) -> list[Fact]:
    """The facts of a file of attestations: `artifact.attested` of every statement, `artifact.packaged` of SLSA provenance, too.

    Args:
        content: the file: JSON or JSON Lines, statements as they are, in DSSE envelopes or Sigstore bundles.
        recorded: the time of what names none.
        digest: `sha256:…` of the artifact that the file is for: only its facts.

    Raises:
        UnreadableInputError: the file holds no statement, or none about an artifact with a digest, or not about this one.
    """
    found = [
        fact
        for statement in intoto.statements(content)
        for subject in statement.subjects
        if digest is None or subject.digest == digest
        for fact in _facts(statement, subject, recorded)
    ]
    if not found:
        about = f"the artifact {digest}" if digest else "an artifact with a SHA-256, SHA-384 or SHA-512 digest"
        raise UnreadableInputError(f"provenance: no statement in it is about {about}")
    return found


def _facts(statement: Statement, subject: Subject, recorded: datetime) -> Iterator[Fact]:
    own = merged({"artifact": _artifact(subject)}, _labels(statement))
    if slsa.is_provenance(statement.predicate_type):
        built = slsa.provenance(statement.predicate)
        time = built.finished or built.started or recorded
        own = merged(own, _built(built))
        instance = address(built.builder) or _NO_BUILDER
        yield _fact("artifact.packaged", statement, subject, (instance, time), own)
    else:
        time = moment(statement.predicate, "timeVerified") or moment(statement.predicate, "metadata.scanFinishedOn") or recorded
        instance = address(name(statement.predicate, "verifier.id")) or _NO_BUILDER
        own = merged(own, _verdict(statement))
    yield _fact("artifact.attested", statement, subject, (instance, time), own)


def _built(built: Provenance) -> Data:
    head = {"revision": built.source.commit, "name": cut(built.source.ref.name), "type": built.source.ref.type}
    source = {"repository": vcs_repository(built.source.repository), "ref": {"head": head}} if built.source.repository else None
    run = {"id": cut(built.run.id), "url": {"full": address(built.run.url)}}
    # A GitLab runner's invocation is the job, not its pipeline.
    pipeline = {"task": {"run": run}} if built.system == "gitlab" else {"run": run}
    return {
        "user": {"id": built.actor_id, "name": built.actor_name},
        "event": {
            "start": format_time(built.started) if built.started else None,
            "end": format_time(built.finished) if built.finished else None,
        },
        "vcs": source,
        "cicd": {"system": built.system, "pipeline": {"name": built.pipeline, **pipeline}},
        "pipetrail": {
            "actor": {"type": "user" if built.actor_id or built.actor_name else None},
            "trigger": built.trigger,
            "run": {"attempt": built.run.attempt} if built.run.attempt else None,
            "labels": {"builder": built.builder, "build_type": built.build_type},
        },
    }


def _artifact(subject: Subject) -> Data:
    named = cut(subject.name) if subject.name not in _NAMELESS else None
    if named and named.startswith("pkg:"):
        return {**artifact(named), "hash": subject.digest}
    found = image(f"{named}@{subject.digest}") if named and "/" in named and "." in named.partition("/")[0] else None
    return found.artifact if found else {"hash": subject.digest, "filename": named}


def _labels(statement: Statement) -> Data:
    signed = f"{statement.signatures}, not checked" if statement.signatures else "no"
    return {"pipetrail": {"labels": {"predicate_type": cut(statement.predicate_type), "signatures": signed}}}


def _verdict(statement: Statement) -> Data:
    told = next((found for path in _VERDICTS if (found := name(statement.predicate, path))), None)
    result = _RESULTS.get(told or "")
    return {
        "pipetrail": {
            "result": result.value if result else None,
            "result_raw": told,
            "labels": {
                "policy": name(at(statement.predicate, "policy"), "uri"),
                "verifier": name(statement.predicate, "verifier.id"),
            },
        }
    }


def _fact(type_: str, statement: Statement, subject: Subject, where: tuple[str, datetime], data: Data) -> Fact:
    """A fact; `where` is its instance and time. The statement's bytes and the subject are its key, whoever hands it over."""
    instance, time = where
    return Fact(
        type=type_,
        time=time,
        provider="in-toto",
        instance=instance,
        kind="statement",
        native_id=f"{statement.key} {subject.digest}",
        state=type_.partition(".")[2],
        data=data,
        subject=subject.digest,
    )
