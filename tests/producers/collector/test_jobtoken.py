"""Job tokens: who is let in by one, and everybody who is not. The issuer is a real HTTP server with real keys."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pipetrail_producers.collector import keys
from pipetrail_producers.collector.making import make
from pipetrail_producers.redact import Redactor
from pipetrail_schemas import codec
from support.collector import Collector, listening

AUDIENCE = "https://collector.acme.example"
EVENT = (Path(__file__).parents[3] / "schemas/samples/v1/build.finished.json").read_bytes()
OTHER_EVENT = (Path(__file__).parents[3] / "schemas/samples/v1/build.started.json").read_bytes()
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NEXT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it is refused
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass(slots=True)
class Issuer:
    """A CI system that makes out tokens: what it answers, and how often it was asked."""

    url: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    broken: bool = False

    def page(self, path: str) -> bytes | None:
        """What stands at a path."""
        if path == "/.well-known/openid-configuration":
            self.asked += 1
            return json.dumps(self.pages or {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            return json.dumps({"keys": list(self.keys.values())}).encode()
        if path == "/large":
            return b'{"keys": [' + b" " * (keys.MAX_ANSWER_BYTES + 1) + b"]}"
        return None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A job's claims, as GitHub has them; None takes one out."""
        now = int(time())
        told = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:pay/shop:ref:refs/heads/main",
            "jti": f"job-{time()}",
            "iat": now,
            "nbf": now - 10,
            "exp": now + 300,
            "repository": "pay/shop",
            "repository_id": "74",
            "repository_owner_id": "1234",
            "run_id": "18",
            "run_attempt": "2",
            "workflow_ref": "pay/shop/.github/workflows/ci.yml@refs/heads/main",
            "actor_id": "5",
            **changes,
        }
        return {name: value for name, value in told.items() if value is not None}

    def token(self, *, key: Any = KEY, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token with some claims changed."""
        content = json.dumps(self.claims(**changes)).encode()
        return jwt.PyJWS().encode(content, key, algorithm=algorithm, headers={"kid": "one", **(headers or {})})


def public(key: Any, name: str, **more: Any) -> dict[str, Any]:
    """A key as its issuer publishes it."""
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": name, "use": "sig", **more}


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """An issuer that listens on the loopback, with one key; however slow the machine, its answer is waited for."""
    monkeypatch.setattr(keys, "TIMEOUT_S", 120.0)
    told = Issuer(keys={"one": public(KEY, "one", alg="RS256")})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = told.page(self.path)
            status = 500 if told.broken else 302 if self.path == "/elsewhere" else 200 if page is not None else 404
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/keys")
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def sources(issuer: Issuer, more: str = "") -> str:
    """The sources file that allows the jobs of one owner."""
    allow = 'allow: {repository_owner_id: ["1234"]}'
    return f"events:\n  audience: {AUDIENCE}\n  issuers:\n    - {{issuer: '{issuer.url}', {allow}{more}}}\n"


@pytest.fixture
def collector(tmp_path: Path, issuer: Issuer) -> Iterator[Collector]:
    """A collector that trusts the issuer."""
    with listening(tmp_path, sources(issuer)) as found:
        yield found


def send(collector: Collector, token: str, body: bytes = EVENT) -> tuple[int, str]:
    """Send an event with a token: the status, and what is said."""
    headers = {"content-type": "application/cloudevents+json", "authorization": f"Bearer {token}"}
    answer = collector.post("/v1/events", body, headers)
    return answer.status_code, answer.json().get("detail", "")


def test_a_jobs_token_proves_who_it_is(collector: Collector, issuer: Issuer) -> None:
    """The event says that its sender was proven, by ids that nobody else can ever have; the token itself is not kept."""
    token = issuer.token()
    assert send(collector, token) == (202, "")
    (entry,) = collector.entries()
    event = codec.decode(make(entry, 0, None, Redactor({})).messages[0].value)
    assert event.authtype == "oidc"
    assert event.authid == (
        f"{issuer.url}/repository_id/74/workflow_ref/pay/shop/.github/workflows/ci.yml@refs/heads/main"
        "/run_id/18/run_attempt/2/actor_id/5"
    )
    assert event.extra.labels is not None
    assert event.extra.labels["oidc_repository"] == "pay/shop"
    kept = b"".join(path.read_bytes() for path in collector.folder.iterdir())
    assert token.encode() not in kept
    assert token.rpartition(".")[2].encode() not in kept


def test_claims_cannot_be_claimed(collector: Collector, issuer: Issuer) -> None:
    """What an event says of its own sender counts for nothing."""
    event = json.loads(EVENT)
    event["authid"] = "me"
    event["data"].setdefault("pipetrail", {})["labels"] = {"oidc_repository": "not/mine", "oidc_other": "x", "team": "pay"}
    assert send(collector, issuer.token(), json.dumps(event).encode())[0] == 202
    made = codec.decode(make(collector.entries()[0], 0, None, Redactor({})).messages[0].value)
    labels = made.extra.labels or {}
    assert (labels["oidc_repository"], labels["team"], "oidc_other" in labels) == ("pay/shop", "pay", False)


def test_claims_cannot_be_claimed_without_a_token_either(tmp_path: Path) -> None:
    """Labels that look like claims come from tokens alone, whoever else is allowed to send."""
    event = json.loads(EVENT)
    event["data"].setdefault("pipetrail", {})["labels"] = {"oidc_user_access_level": "owner", "team": "pay"}
    with listening(tmp_path, "events: {unsigned: true}\n") as collector:
        headers = {"content-type": "application/cloudevents+json"}
        assert collector.post("/v1/events", json.dumps(event).encode(), headers).status_code == 202
        made = codec.decode(make(collector.entries()[0], 0, None, Redactor({})).messages[0].value)
    assert (made.authtype, made.extra.labels) == ("unauthenticated", {"team": "pay"})


Forge = Callable[[Issuer], str]


def _unsigned(issuer: Issuer) -> str:
    return f"{_part({'alg': 'none', 'kid': 'one'})}.{_part(issuer.claims())}."


def _stripped(issuer: Issuer) -> str:
    head, body, _ = issuer.token().split(".")
    return f"{head}.{body}."


def _none_in(case: str) -> Forge:
    def forged(issuer: Issuer) -> str:
        _, body, _ = issuer.token().split(".")
        return f"{_part({'alg': case, 'kid': 'one'})}.{body}."

    return forged


def _confused(issuer: Issuer) -> str:
    """The public key taken for a shared secret."""
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(issuer.claims())}"
    return f"{signed}.{_text(hmac.digest(pem, signed.encode(), 'sha256'))}"


def _part(value: Any) -> str:
    return _text(json.dumps(value).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _altered(place: int) -> Forge:
    def forged(issuer: Issuer) -> str:
        parts = issuer.token().split(".")
        middle = len(parts[place]) // 2
        parts[place] = parts[place][:middle] + ("A" if parts[place][middle] != "A" else "B") + parts[place][middle + 1 :]
        return ".".join(parts)

    return forged


def _with(**changes: Any) -> Forge:
    return lambda issuer: issuer.token(**changes)


def refused(now: int) -> dict[str, tuple[Forge, str]]:
    """Tokens that are refused at this time (seconds since 1970), by name, and what is said of each."""
    return {
        "alg none": (_unsigned, "algorithm"),
        "alg None": (_none_in("None"), "algorithm"),
        "alg NONE": (_none_in("NONE"), "algorithm"),
        "alg empty": (_none_in(""), "algorithm"),
        "no signature": (_stripped, "signature"),
        "public key as secret": (_confused, "algorithm"),
        "HS256": (_with(key="a secret that is long enough for it", algorithm="HS256"), "algorithm"),
        "another algorithm": (_with(algorithm="RS512"), "algorithm"),
        "a curve": (_with(key=CURVE_KEY, algorithm="ES256"), "algorithm"),
        "foreign key": (_with(key=FOREIGN_KEY), "signature"),
        "foreign key in its header": (_with(key=FOREIGN_KEY, headers={"jwk": public(FOREIGN_KEY, "one")}), "signature"),
        "key by URL": (_with(key=FOREIGN_KEY, headers={"jku": "http://127.0.0.1:1/keys"}), "signature"),
        "unknown key": (_with(headers={"kid": "two"}), "key is not one of its issuer's"),
        "no key named": (_with(headers={"kid": ""}), "names no key"),
        "critical extension": (_with(headers={"crit": ["b64"], "b64": False}), ""),
        "header altered": (_altered(0), ""),
        "claims altered": (_altered(1), ""),
        "signature altered": (_altered(2), "signature"),
        "no token": (lambda _: "x.y.z", "JSON Web Token"),
        "two parts": (lambda issuer: issuer.token().rpartition(".")[0], "JSON Web Token"),
        "five parts": (lambda issuer: issuer.token() + ".x.y", "JSON Web Token"),
        "claims are a list": (lambda _: f"{_part({'alg': 'RS256', 'kid': 'one'})}.{_part([])}.x", "JSON Web Token"),
        "too long": (_with(padding="x" * 20_000), "characters"),
        "wrong audience": (_with(aud="https://other.example"), "audience"),
        "audiences without ours": (_with(aud=["https://other.example", "x"]), "audience"),
        "a part of our audience": (_with(aud=AUDIENCE[:-1]), "audience"),
        "no audience": (_with(aud=None), "audience"),
        "audience is a number": (_with(aud=7), "audience"),
        "wrong issuer": (_with(iss="https://issuer.example"), "issuer is not allowed"),
        "issuer with a slash": (lambda issuer: issuer.token(iss=issuer.url + "/"), "issuer is not allowed"),
        "no issuer": (_with(iss=None), "issuer is not allowed"),
        "issuer is a list": (lambda issuer: issuer.token(iss=[issuer.url]), ""),
        "expired": (_with(iat=now - 900, nbf=None, exp=now - 300), "expired"),
        "expires at the beginning": (_with(exp=0), "expired"),
        "no expiry": (_with(exp=None), "iat or exp is missing"),
        "expiry is text": (_with(exp=str(now + 300)), "exp"),
        "expiry is true": (_with(exp=True), "exp is no number"),
        "lives too long": (_with(exp=now + 10**6), "24 hours"),
        "not valid yet": (_with(nbf=now + 30_000), "not valid yet"),
        "begin is text": (_with(nbf="now"), "nbf"),
        "issued in the future": (_with(iat=now + 30_000), "not valid yet"),
        "no time of issue": (_with(iat=None), "iat or exp is missing"),
        "no id": (_with(jti=None), "jti is missing"),
        "an empty id": (_with(jti=""), "jti is missing"),
        "id is a number": (_with(jti=7), "jti is missing"),
        "a long id": (_with(jti="x" * 2000), "jti is missing"),
        "no subject": (_with(sub=None), "sub is missing"),
        "another owner": (_with(repository_owner_id="666"), "repository_owner_id is not allowed"),
        "no owner": (_with(repository_owner_id=None), "repository_owner_id is not allowed"),
        "owners in a list": (_with(repository_owner_id=["1234"]), "repository_owner_id is not allowed"),
        "weak key": (_with(key=FOREIGN_KEY, headers={"kid": "weak"}), "key is not one of its issuer's"),
        "key for encryption": (_with(key=FOREIGN_KEY, headers={"kid": "for-encryption"}), "key is not one of its issuer's"),
    }


def test_every_forged_token_is_refused(tmp_path: Path, issuer: Issuer) -> None:
    """Fifty tokens that somebody could make up or find: each is refused by the check that is meant to, and leaves nothing."""
    issuer.keys |= {"weak": public(WEAK_KEY, "weak"), "for-encryption": public(FOREIGN_KEY, "for-encryption", use="enc")}
    wrong = {}
    tokens = refused(int(time()))
    with listening(tmp_path, sources(issuer)) as collector:
        assert send(collector, issuer.token())[0] == 202
        for name, (forge, told) in tokens.items():
            status, detail = send(collector, forge(issuer))
            if status != 401 or told not in detail:
                wrong[name] = (status, detail)
        assert len(collector.entries()) == 1
    assert wrong == {}
    assert len(tokens) >= 50


def test_a_token_is_used_once(tmp_path: Path, issuer: Issuer) -> None:
    """With another body it was stolen: refused, also after a restart. The same request again is a retry, and accepted."""
    token = issuer.token()
    with listening(tmp_path, sources(issuer)) as collector:
        assert send(collector, token)[0] == 202
        assert send(collector, token)[0] == 202
        assert send(collector, token, OTHER_EVENT) == (401, "the token was used before: ask for a new one for each request")
    with listening(tmp_path, sources(issuer)) as collector:
        assert send(collector, token, OTHER_EVENT)[0] == 401
        assert send(collector, token)[0] == 202


def test_an_issuer_with_one_token_a_job_may_use_it_again(tmp_path: Path, issuer: Issuer) -> None:
    """GitLab gives a job one token: `single_use: false` lets it be used for all that the job sends."""
    token = issuer.token()
    with listening(tmp_path, sources(issuer, ", single_use: false")) as collector:
        assert [send(collector, token, body)[0] for body in (EVENT, OTHER_EVENT)] == [202, 202]


def test_an_audience_of_several_is_ours_too(collector: Collector, issuer: Issuer) -> None:
    """A token may be made out for several, of which we are one."""
    assert send(collector, issuer.token(aud=["https://other.example", AUDIENCE]))[0] == 202


def test_a_rotated_key_is_fetched(collector: Collector, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the issuer made meanwhile is good at once; one that it took back is not once its keys were fetched again."""
    assert send(collector, issuer.token())[0] == 202
    monkeypatch.setattr(keys, "RETRY_S", 0.0)
    issuer.keys = {"two": public(NEXT_KEY, "two")}
    assert send(collector, issuer.token(key=NEXT_KEY, headers={"kid": "two"}))[0] == 202
    assert send(collector, issuer.token())[0] == 401


def test_made_up_keys_do_not_wear_out_the_issuer(collector: Collector, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many unknown keys are named, the issuer is asked once in a while only."""
    monkeypatch.setattr(keys, "RETRY_S", 3600.0)
    for number in range(50):
        assert send(collector, issuer.token(headers={"kid": f"made-up-{number}"}))[0] == 401
    assert issuer.asked == 1


def test_an_issuer_that_is_away_is_no_refusal(tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys the token can be neither refused nor accepted: 503; with keys that are held, it is accepted all the same."""
    monkeypatch.setattr(keys, "RETRY_S", 0.0)
    with listening(tmp_path, sources(issuer)) as collector:
        issuer.broken = True
        assert send(collector, issuer.token())[0] == 503
        issuer.broken = False
        assert send(collector, issuer.token())[0] == 202
        issuer.broken = True
        monkeypatch.setattr(keys, "FRESH_S", 0.0)
        assert send(collector, issuer.token())[0] == 202
        monkeypatch.setattr(keys, "STALE_S", 0.0)
        assert send(collector, issuer.token())[0] == 503


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ({"issuer": "https://other.example", "jwks_uri": "{url}/keys"}, "another issuer's"),
        ({"issuer": "{url}", "jwks_uri": "{url}/elsewhere"}, "302"),
        ({"issuer": "{url}", "jwks_uri": "{url}/large"}, "bytes"),
        ({"issuer": "{url}", "jwks_uri": "{url}/nothing"}, "404"),
        ({"issuer": "{url}", "jwks_uri": "http://169.254.169.254/keys"}, "https://"),
        ({"issuer": "{url}", "jwks_uri": "file:///etc/passwd"}, "https://"),
        ({"issuer": "{url}"}, "https://"),
        ({"issuer": "{url}", "jwks_uri": "{url}/.well-known/openid-configuration"}, "no list"),
    ],
)
def test_keys_come_only_from_where_they_may(collector: Collector, issuer: Issuer, pages: dict[str, str], told: str) -> None:
    """Redirects, other issuers' documents, plain http, files, and answers without end are no source of keys."""
    issuer.pages = {name: value.replace("{url}", issuer.url) for name, value in pages.items()}
    status, detail = send(collector, issuer.token())
    assert status == 503
    assert told in detail


def test_a_curves_key_is_good_where_it_is_allowed(tmp_path: Path, issuer: Issuer) -> None:
    """The algorithms are the settings' choice, from those that are safe."""
    issuer.keys = {"one": public(CURVE_KEY, "one")}
    with listening(tmp_path, sources(issuer, ", algorithms: [ES256]")) as collector:
        assert send(collector, issuer.token(key=CURVE_KEY, algorithm="ES256"))[0] == 202
        assert send(collector, issuer.token())[0] == 401
