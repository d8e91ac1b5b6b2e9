"""How deliveries prove their sender: published vectors are accepted, and everything else is refused."""

import base64
import hmac
import random
import string
from collections.abc import Iterator

import pytest
from pipetrail_producers.webhook.signature import SCHEMES, TOLERANCE_S, UnprovenError, check_secret, prove
from pipetrail_producers.webhook.systems import PLACES

SEED = 20261123
SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
# docs.github.com, "Validating webhook deliveries", section "Testing the webhook payload validation".
GITHUB = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
# standardwebhooks.com's libraries: the test vector that all of them share.
SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = b'{"test": 2432232314}'
SENT = 1614265330.0
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
TOKEN = "a token of enough length"

Proof = tuple[str, dict[str, str], bytes, list[str], float]
GOOD: dict[str, Proof] = {
    "github": ("github", GITHUB, BODY, [SECRET], SENT),
    "bitbucket": ("bitbucket", {"x-hub-signature": GITHUB["x-hub-signature-256"]}, BODY, [SECRET], SENT),
    "standard": ("standard-webhooks", STANDARD, SIGNED, [SIGNING_KEY], SENT),
    "gitlab-signed": ("gitlab", STANDARD, SIGNED, [SIGNING_KEY], SENT),
    "gitlab-token": ("gitlab", {"x-gitlab-token": TOKEN}, BODY, [TOKEN], SENT),
    "gitlab-stream": ("gitlab", {"x-gitlab-event-streaming-token": TOKEN}, BODY, [TOKEN], SENT),
    "bearer": ("bearer", {"authorization": f"Bearer {TOKEN}"}, BODY, [TOKEN], SENT),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_proof_is_accepted(name: str) -> None:
    """Published vectors and plain tokens are accepted, and it is said which of the two proved it."""
    assert prove(*GOOD[name]) == ("token" if name in {"gitlab-token", "gitlab-stream", "bearer"} else "hmac")


@pytest.mark.parametrize("name", GOOD)
def test_any_of_several_secrets_is_good(name: str) -> None:
    """While secrets are rotated, the old and the new one are both accepted."""
    scheme, headers, body, secrets, now = GOOD[name]
    other = "whsec_" + base64.b64encode(b"o" * 24).decode() if secrets[0] == SIGNING_KEY else "another one, long enough"
    assert prove(scheme, headers, body, [other, *secrets], now)
    with pytest.raises(UnprovenError):
        prove(scheme, headers, body, [other], now)


def test_a_token_in_the_address_is_a_token() -> None:
    """Senders that can only put credentials into the address send HTTP Basic: its password is the token, whatever the user."""

    def basic(text: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert prove("bearer", basic(f"jenkins:{TOKEN}"), BODY, ["another one, long enough", TOKEN], SENT) == "token"
    assert prove("bearer", basic(f":{TOKEN}"), BODY, [TOKEN], SENT) == "token"
    assert prove("bearer", basic("jenkins:a:b, and more of it"), BODY, ["a:b, and more of it"], SENT) == "token"
    sloppy = {"authorization": basic(f"u:{TOKEN}")["authorization"] + "="}
    for forged in (basic(TOKEN), basic(f"{TOKEN}:"), basic(f"u:{TOKEN[1:]}"), basic(""), {"authorization": "Basic !"}, sloppy):
        with pytest.raises(UnprovenError):
            prove("bearer", forged, BODY, [TOKEN], SENT)


def test_several_signatures_are_looked_at() -> None:
    """Standard Webhooks: a sender between two keys sends both signatures, of other versions, too; one good one is enough."""
    several = {**STANDARD, "webhook-signature": f"v1a,AAAA v1,BBBB {STANDARD['webhook-signature']}"}
    assert prove("standard-webhooks", several, SIGNED, [SIGNING_KEY], SENT) == "hmac"


def test_svix_headers_are_the_same_scheme() -> None:
    """Svix, with which hoop sends, has the same scheme and another prefix."""
    svix = {name.replace("webhook", "svix"): value for name, value in STANDARD.items()}
    assert prove("standard-webhooks", svix, SIGNED, [SIGNING_KEY], SENT) == "hmac"


@pytest.mark.parametrize("away", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 86_400])
def test_an_old_delivery_is_refused(away: float) -> None:
    """Standard Webhooks sign the time: a delivery that is replayed outside five minutes is refused, inside it is accepted."""
    assert prove("standard-webhooks", STANDARD, SIGNED, [SIGNING_KEY], SENT + TOLERANCE_S)
    with pytest.raises(UnprovenError, match="replayed"):
        prove("standard-webhooks", STANDARD, SIGNED, [SIGNING_KEY], SENT + away)


def test_githubs_sha1_header_is_no_proof() -> None:
    """GitHub's X-Hub-Signature is SHA-1, and Bitbucket's header of that name SHA-256: neither is taken for the other."""
    sha1 = {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), BODY, "sha1").hexdigest()}
    for scheme, headers in (("github", sha1), ("bitbucket", sha1), ("github", GOOD["bitbucket"][1]), ("bitbucket", GITHUB)):
        with pytest.raises(UnprovenError):
            prove(scheme, headers, BODY, [SECRET], SENT)


def test_a_signing_key_is_no_token() -> None:
    """A GitLab source with a signing key alone accepts no plain token, least of all the key itself or an empty one."""
    for token in (SIGNING_KEY, "", TOKEN):
        with pytest.raises(UnprovenError):
            prove("gitlab", {"x-gitlab-token": token}, SIGNED, [SIGNING_KEY], SENT)
        with pytest.raises(UnprovenError):
            prove("gitlab", {"x-gitlab-event-streaming-token": token}, SIGNED, [SIGNING_KEY], SENT)


def test_no_secret_proves_nothing() -> None:
    """Without secrets nothing is accepted, whatever is sent."""
    for scheme, headers, body, _, now in GOOD.values():
        with pytest.raises(UnprovenError):
            prove(scheme, headers, body, [], now)


def test_ten_thousand_forgeries_are_refused() -> None:
    """One byte changed in body or proof, a proof that is missing, cut, doubled or another's: 10,000 of them, none accepted."""
    refused = 0
    for scheme, headers, body, secrets, now in _forgeries(random.Random(SEED), 10_000):  # noqa: S311 - seeded, so that it can be repeated
        with pytest.raises(UnprovenError):
            prove(scheme, headers, body, secrets, now)
        refused += 1
    assert refused == 10_000, f"seed {SEED}"


def _forgeries(chance: random.Random, count: int) -> Iterator[Proof]:
    for number in range(count):
        scheme, headers, body, secrets, now = list(GOOD.values())[number % len(GOOD)]
        proof = "webhook-signature" if "webhook-signature" in headers else next(iter(headers))
        forged = dict(headers)
        signed = scheme in {"github", "bitbucket"} or "webhook-signature" in headers
        match chance.choice(
            ["body", "proof", "missing", "cut", "longer", "secret"] if signed else ["proof", "missing", "cut", "longer"]
        ):
            case "body":
                at = chance.randrange(len(body))
                body = body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
            case "proof":
                text = headers[proof]
                at = chance.randrange(text.index(" ") + 1 if scheme == "bearer" else 0, len(text))
                forged[proof] = text[:at] + chance.choice(sorted(set(string.ascii_letters) - {text[at]})) + text[at + 1 :]
            case "missing":
                del forged[proof]
            case "cut":
                forged[proof] = headers[proof][: chance.randrange(len(headers[proof]))]
            case "longer":
                forged[proof] = headers[proof] + chance.choice(string.ascii_letters)
            case _:
                forged[proof] = headers[proof].replace(headers[proof][-20:], "A" * 20)
        yield scheme, forged, body, secrets, now


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [
        ("github", ""),
        ("github", "short"),
        ("bearer", "0123456789abcde"),
        ("standard-webhooks", TOKEN),
        ("gitlab", "whsec_AAAA"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(scheme: str, secret: str) -> None:
    """A short secret, or one that is no signing key where one is needed, is refused at the start, and not printed."""
    with pytest.raises(ValueError, match=r"has|is no signing key") as refused:
        check_secret(scheme, secret)
    assert not secret or secret not in str(refused.value)


def test_every_system_has_a_scheme() -> None:
    """No system is without a way to prove its deliveries."""
    assert {place.scheme for place in PLACES.values()} <= SCHEMES.keys()
