"""Secrets do not leave: the known ones, the ones with a telling shape, the ones that stand where secrets stand."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_producers.redact import Redactor
from pipetrail_producers.secret_shapes import SHAPES, Shape

# Shaped like the issuers' tokens, made up, and put together here so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
GITLAB = "glpat-" + "x1y2z3" * 4
AWS = "AKIA" + "ABCDEFGH12345678"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "c2lnbmF0dXJlLWhlcmU"
PEM_BEGIN, PEM_END = (f"-----{word} RSA PRIVATE " + "KEY-----" for word in ("BEGIN", "END"))

PLAIN = Redactor({})


@pytest.mark.parametrize(
    ("text", "secret", "rule"),
    [
        (f"git push https://x:{GITHUB}@git.acme.example/shop", GITHUB, "github-token"),
        (f"token is {GITLAB}.", GITLAB, "gitlab-token"),
        (f"aws {AWS} end", AWS, "aws-key"),
        (f"curl -H 'Authorization: Bearer {JWT}'", JWT, "jwt"),
        ("curl -H 'Authorization: Basic dXNlcjpwYXNz'", "dXNlcjpwYXNz", "authorization"),
        ("postgres://shop:hunter2@db.acme.example/shop", "hunter2", "url-credentials"),
        ("mysql --password=hunter2 shop", "hunter2", "assignment"),
        ("DB_PASSWORD='correct horse'", "correct horse", "assignment"),
        ('{"api_key": "k3y-value"}', "k3y-value", "assignment"),
        (f"before\n{PEM_BEGIN}\nMIIEow\n{PEM_END}\nafter", "MIIEow", "private-key"),
        (f"before\n{PEM_BEGIN}\nMIIEow", "MIIEow", "private-key"),
        (f"IBAAKC\n{PEM_END}\nafter", "IBAAKC", "private-key"),
    ],
)
def test_a_secret_with_a_telling_shape_or_place_goes(text: str, secret: str, rule: str) -> None:
    """The secret is replaced by a marker that names the rule; nothing of it stays."""
    clean = PLAIN.text(text)
    assert secret not in clean
    assert f"[redacted:{rule}:" in clean


@pytest.mark.parametrize(
    "text",
    [
        "pip install shop==1.2.3",
        "rotate the token: please see the runbook",
        "https://git.acme.example/acme/shop.git",
        "ssh://git@git.acme.example/acme/shop",
        "make test MAX_TOKENS=4096",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """What is no secret is not touched."""
    assert PLAIN.text(text) == text


@given(st.text(alphabet="abcXYZ019_+/=-.!", min_size=8), st.text(), st.text())
def test_the_value_of_a_secret_variable_goes_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it, a value of a variable that is named like a secret does not come through."""
    assert secret not in Redactor({"DEPLOY_TOKEN": secret}).text(before + secret + after)


@pytest.mark.parametrize("name", ["NPM_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY", "SECRET_SAUCE", "GH_PAT", "API_KEY_2"])
def test_names_that_tell_of_secrets(name: str) -> None:
    """Variables that people keep secrets in are known by their names."""
    assert Redactor({name: "open sesame"}).text("say open sesame") != "say open sesame"


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "PATH", "GITHUB_REF_NAME", "SSH_AUTH_SOCK"])
def test_names_that_do_not(name: str) -> None:
    """Variables that hold folders and refs are no secrets."""
    assert Redactor({name: "open sesame"}).text("say open sesame") == "say open sesame"


def test_every_line_of_a_secret_goes() -> None:
    """Of a secret with several lines, each alone is a secret: a log may show any of them."""
    redactor = Redactor({"DEPLOY_KEY": "first-line\nsecond-line"})
    assert "second-line" not in redactor.text("log: second-line")


def test_a_secret_in_a_url_goes_in_its_encoded_form() -> None:
    """A secret that was percent-encoded is the same secret."""
    assert "p%40ss%20word" not in Redactor({"DB_PASSWORD": "p@ss word"}).text("https://db/?p=p%40ss%20word")


def test_a_short_or_ordinary_value_does_not_eat_words() -> None:
    """A value that is too short or an ordinary word is left: it would hit everywhere."""
    assert Redactor({"A_TOKEN": "main", "B_TOKEN": "default"}).text("main default") == "main default"


def test_the_argument_after_a_password_option_goes_whatever_it_is() -> None:
    """`--password VALUE` in two arguments is a secret; the next option is not, nor what follows an ordinary option."""
    clean = PLAIN.argv(["mysql", "--password", "hunter2", "--db-token", "--verbose", "shop"])
    assert clean[0:2] + clean[3:] == ["mysql", "--password", "--db-token", "--verbose", "shop"]
    assert clean[2].startswith("[redacted:option:")


def test_fingerprints_are_equal_for_equal_secrets_and_differ_by_key() -> None:
    """Two uses of one secret show the same fingerprint, two secrets or two keys differ."""
    first, second = (Redactor({"PIPETRAIL_REDACTION_KEY": key}) for key in ("key one", "key two"))
    assert first.text(GITHUB) == first.text(GITHUB) != second.text(GITHUB)
    assert first.text(GITHUB) != first.text(GITHUB + "x")


def test_data_is_redacted_but_for_what_identifies_things() -> None:
    """Every text of an event is redacted, at any depth; commits, digests and repositories stay as they are."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    data = {
        "event": {"reason": f"used {GITHUB}"},
        "vcs": {"ref": {"head": {"revision": commit}}},
        "pipetrail": {"raw": {"list": [GITLAB]}},
        "artifact": {"size": 5},
    }
    clean = Redactor({"CACHE_KEY": commit}).data(data)
    assert clean["vcs"]["ref"]["head"]["revision"] == commit
    assert clean["artifact"]["size"] == 5
    assert GITHUB not in str(clean)
    assert GITLAB not in str(clean)


def test_redacting_twice_changes_nothing() -> None:
    """A marker is no secret."""
    once = PLAIN.text(f"--token={GITHUB} postgres://a:b3@c")
    assert PLAIN.text(once) == once


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.rule)
@given(data=st.data())
def test_no_hint_keeps_a_pattern_from_its_secret(shape: Shape, data: st.DataObject) -> None:
    """Whatever a pattern matches holds one of its rule's hints, so that it is tried."""
    text = data.draw(st.from_regex(re.compile(shape.pattern, shape.flags)))
    assert any(hint in text.lower() for hint in shape.hints)


@pytest.mark.parametrize("unit", ["a.", "eyJ", "://a:", "password=", "a" * 10, PEM_BEGIN])
def test_hostile_output_does_not_hold_it_up(unit: str) -> None:
    """100,000 characters made to be slow to search take less than two seconds of the processor."""
    text = unit * (100_000 // len(unit))
    begin = time.process_time()
    PLAIN.text(text)
    assert time.process_time() - begin < 2
