"""SLSA provenance and in-toto statements as facts."""

import base64
import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from pipetrail_producers import provenance
from pipetrail_producers.errors import UnreadableInputError
from pipetrail_producers.webhook.fact import event
from support import translator
from support.translator import RECEIVED, short_types

COMMIT = "ab" * 20
HEX = "5e" * 32
DIGEST = f"sha256:{HEX}"
RUN = "https://github.com/pay/shop/actions/runs/1536/attempts/2"


def statement(predicate_type: str, predicate: Any, *, version: str = "v1", subject: str = "shop.whl") -> dict[str, Any]:
    """A statement about one artifact."""
    return {
        "_type": f"https://in-toto.io/Statement/{version}",
        "subject": [{"name": subject, "digest": {"sha256": HEX}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


V1 = statement(
    "https://slsa.dev/provenance/v1",
    {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {
                "workflow": {
                    "ref": "refs/tags/v1.4",
                    "repository": "https://github.com/pay/shop",
                    "path": ".github/workflows/release.yml",
                }
            },
            "internalParameters": {"github": {"actor_id": "1234", "event_name": "push"}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/pay/library@refs/heads/main", "digest": {"gitCommit": "cd" * 20}},
                {"uri": "git+https://github.com/pay/shop@refs/tags/v1.4", "digest": {"gitCommit": COMMIT}},
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": RUN, "startedOn": "2026-11-23T09:00:00Z", "finishedOn": "2026-11-23T09:02:11Z"},
        },
    },
)
V02 = statement(
    "https://slsa.dev/provenance/v0.2",
    {
        "builder": {"id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generic.yml@refs/tags/v1"},
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
        "invocation": {
            "configSource": {
                "uri": "git+https://github.com/pay/shop@refs/heads/main",
                "digest": {"sha1": COMMIT},
                "entryPoint": ".github/workflows/release.yml",
            },
            "environment": {"github_run_id": "1536", "github_run_attempt": "2", "github_actor": "ann"},
        },
        "metadata": {"buildInvocationId": "1536-2", "buildFinishedOn": "2026-11-23T09:02:11Z"},
        "materials": [{"uri": "git+https://github.com/pay/shop@refs/heads/main", "digest": {"sha1": COMMIT}}],
    },
    version="v0.1",
)
VERDICT = statement(
    "https://slsa.dev/verification_summary/v1",
    {
        "verifier": {"id": "https://verifier.example"},
        "timeVerified": "2026-11-23T09:05:00Z",
        "policy": {"uri": "https://policy.example/release"},
        "verificationResult": "FAILED",
    },
)


def enveloped(document: Any) -> dict[str, Any]:
    """The document in a DSSE envelope."""
    payload = base64.b64encode(json.dumps(document, indent=1).encode()).decode()
    return {"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "MEUC", "keyid": ""}]}


def told(document: Any, **more: Any) -> list[dict[str, Any]]:
    """The events of a document."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [event(fact, recorded=RECEIVED) for fact in provenance.facts(content, recorded=RECEIVED, **more)]


@pytest.mark.parametrize("document", [V1, V02], ids=["v1", "v0.2"])
def test_provenance_says_who_built_it_in_which_run_of_which_commit(document: dict[str, Any]) -> None:
    """Both versions of the predicate name digest, run with its attempt, repository, commit and time."""
    made = told(document)
    assert short_types(made) == ["artifact.packaged", "artifact.attested"]
    data = made[0]["data"]
    assert data["artifact"] == {"hash": DIGEST, "filename": "shop.whl"}
    assert data["cicd"]["pipeline"]["run"]["id"] == "1536"
    assert data["cicd"]["system"] == "github"
    assert data["pipetrail"]["run"]["attempt"] == 2
    assert data["vcs"]["repository"]["url"]["full"] == "https://github.com/pay/shop"
    assert data["vcs"]["ref"]["head"]["revision"] == COMMIT
    assert made[0]["time"] == "2026-11-23T09:02:11.000Z"
    assert "authtype" not in made[0]


def test_the_commit_is_that_of_the_named_source_and_of_no_other_dependency() -> None:
    """Among several sources the definition's own is taken; where it names none, nothing is guessed."""
    assert told(V1)[0]["data"]["vcs"]["ref"]["head"] == {"revision": COMMIT, "name": "v1.4", "type": "tag"}
    unnamed = copy.deepcopy(V1)
    unnamed["predicate"]["buildDefinition"]["externalParameters"] = {}
    assert "vcs" not in told(unnamed)[0]["data"]
    unnamed["predicate"]["buildDefinition"]["resolvedDependencies"].pop(0)
    assert told(unnamed)[0]["data"]["vcs"]["ref"]["head"]["revision"] == COMMIT


def test_trap_artifact_a_digest_is_told_with_its_run() -> None:
    """Many runs can give one digest: two provenances of one digest are two facts, each with its own run."""
    other = copy.deepcopy(V1)
    other["predicate"]["runDetails"]["metadata"]["invocationId"] = RUN.replace("1536", "1537")
    first, second = told(V1)[0], told(other)[0]
    assert first["id"] != second["id"]
    assert first["data"]["artifact"]["hash"] == second["data"]["artifact"]["hash"]
    assert first["data"]["cicd"]["pipeline"]["run"]["id"] != second["data"]["cicd"]["pipeline"]["run"]["id"]


def test_all_wrappings_of_a_statement_give_the_same_ids() -> None:
    """A statement as it is, in an envelope, in a bundle, in GitHub's answers, and among others in JSON Lines is one fact."""
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": enveloped(V1)}
    wrappings: list[Any] = [
        V1,
        enveloped(V1),
        bundle,
        {"attestations": [{"bundle": bundle, "repository_id": 1}]},
        [{"attestation": {"bundle": bundle}, "verificationResult": {}}],
        "\n".join(json.dumps(one) for one in (enveloped(V1),)).encode() + b"\n",
    ]
    assert len({tuple(one["id"] for one in told(wrapping)) for wrapping in wrappings}) == 1
    lines = b"\n".join(json.dumps(enveloped(one)).encode() for one in (V1, VERDICT))
    assert short_types(told(lines)) == ["artifact.packaged", "artifact.attested", "artifact.attested"]


def test_a_signature_is_counted_and_not_called_checked() -> None:
    """The label says whether it is signed, and that nobody checked that here."""
    assert told(V1)[1]["data"]["pipetrail"]["labels"]["signatures"] == "no"
    assert told(enveloped(V1))[1]["data"]["pipetrail"]["labels"]["signatures"] == "1, not checked"


def test_a_verdict_is_no_build() -> None:
    """A verification summary is attested with its result; it does not say that the artifact was made."""
    (made,) = told(VERDICT)
    assert short_types([made]) == ["artifact.attested"]
    assert made["data"]["pipetrail"]["result"] == "failure"
    assert made["data"]["pipetrail"]["labels"]["policy"] == "https://policy.example/release"
    assert made["time"] == "2026-11-23T09:05:00.000Z"


def test_a_gitlab_invocation_is_a_job() -> None:
    """GitLab's runner names the job, which is no pipeline's run."""
    document = copy.deepcopy(V1)
    document["predicate"]["buildDefinition"]["buildType"] = "https://docs.gitlab.com/ci/runners/provenance"
    document["predicate"]["runDetails"] |= {"builder": {"id": "https://gitlab.example/pay/shop/-/runners/7"}}
    document["predicate"]["runDetails"]["metadata"]["invocationId"] = "10007"
    pipeline = told(document)[0]["data"]["cicd"]["pipeline"]
    assert pipeline["task"]["run"]["id"] == "10007"
    assert "run" not in pipeline


@pytest.mark.parametrize(
    ("subject", "purl"),
    [
        ("pkg:pypi/shop@1.4", "pkg:pypi/shop@1.4"),
        ("ghcr.io/pay/shop", f"pkg:oci/shop@sha256%3A{HEX}?repository_url=ghcr.io/pay/shop"),
        ("dist/shop.whl", None),
        ("_", None),
    ],
)
def test_subjects_are_called_by_what_their_name_is(subject: str, purl: str | None) -> None:
    """A package URL is kept, an image's name becomes one, a path and a placeholder do not."""
    made = told({**V1, "subject": [{"name": subject, "digest": {"sha256": HEX}}]})
    assert made[0]["data"]["artifact"].get("purl") == purl
    assert made[0]["data"]["artifact"]["hash"] == DIGEST


def test_only_the_artifact_at_hand_is_taken() -> None:
    """With a digest, statements about other artifacts in the same file are left out; about it there must be one."""
    both = {**V1, "subject": [*V1["subject"], {"name": "other", "digest": {"sha256": "0a" * 32}}]}
    assert len(told(both)) == 4
    assert len(told(both, digest=DIGEST)) == 2
    with pytest.raises(UnreadableInputError, match=r"no statement in it is about the artifact sha256:ff"):
        told(both, digest="sha256:" + "ff" * 32)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not json", "neither JSON nor JSON Lines"),
        (b"\xff\xfe", "neither JSON nor JSON Lines"),
        (b"{}", "no in-toto statement"),
        (json.dumps({**enveloped(V1), "payloadType": "text/plain"}).encode(), "payloadType is 'text/plain'"),
        (json.dumps({**enveloped(V1), "payload": "bm8="}).encode(), "payload is no JSON"),
        (json.dumps({**V1, "predicateType": None}).encode(), "no predicateType"),
        (
            json.dumps({**V1, "subject": [{"name": "x", "digest": {"sha1": "ab" * 20}}]}).encode(),
            "about an artifact with a SHA",
        ),
        (b'{"bundle":' * 900 + b"{}" + b"}" * 900, "no in-toto statement"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, why: str) -> None:
    """A file that holds no provenance is refused with the reason."""
    with pytest.raises(UnreadableInputError, match=why):
        told(content)


@given(translator.damaged([V1, V02, VERDICT, enveloped(V1)]))
def test_any_damage_is_taken(document: Any) -> None:
    """Whatever stands in whatever place, a document becomes valid events or an UnreadableInputError."""
    try:
        made = told(json.dumps(document).encode())
    except UnreadableInputError:
        return
    assert made


def test_the_saved_statement() -> None:
    """GitHub's own example of a provenance is read."""
    for file in translator.saved("slsa"):
        data = told(file.read_bytes())[0]["data"]
        assert data["vcs"]["repository"]["url"]["full"] == "https://github.com/octocat/hello-world"
        assert data["user"]["id"] == "1234567"


def test_reading_provenance_needs_the_standard_library_only() -> None:
    """The agent reads provenance: nothing heavy is imported for it."""
    code = "import sys; from pipetrail_producers import provenance; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydantic", "orjson", "requests", "rich", "confluent_kafka", "yaml"}.isdisjoint(loaded)
