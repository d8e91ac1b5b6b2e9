"""What is secret does not leave the build machine."""

import pytest
from pipetrail_producers.redact import Redactor

# Put together here, so that no scanner takes this file for a leak.
GITHUB = "ghp_" + "a1B2" * 9
AWS = "AKIA" + "ABCDEFGHIJKLMNOP"
JWT = "eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + ".c2ln"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"curl -H 'Authorization: Bearer {JWT}'", JWT),
        (f"push {GITHUB} done", GITHUB),
        (f"key={AWS}", AWS),
        ("clone https://ada:hunter22@git.example/shop", "hunter22"),
        ("login --password=hunter22", "hunter22"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "abc"),
    ],
)
def test_a_token_of_a_known_shape_is_taken_out(text: str, secret: str) -> None:
    """Wherever it stands in a text, and something says that it was there."""
    clean = Redactor({}).text(text)
    assert secret not in clean
    assert "[redacted:" in clean


def test_the_value_of_a_secret_variable_is_taken_out() -> None:
    """A variable whose name says so is secret, whatever its value looks like; others are not."""
    redactor = Redactor({"DEPLOY_TOKEN": "correct-horse", "GREETING": "hello-world", "SHORT_TOKEN": "1"})
    assert "correct-horse" not in redactor.text("use correct-horse, hello-world, 1")
    assert redactor.text("hello-world 1") == "hello-world 1"


def test_an_option_that_takes_a_secret_hides_the_next_argument() -> None:
    """`--token VALUE` in two arguments is as secret as in one."""
    assert "s3" not in " ".join(Redactor({}).argv(["deploy", "--token", "s3"]))
    assert Redactor({}).argv(["deploy", "--name", "shop"]) == ["deploy", "--name", "shop"]


def test_the_same_secret_has_the_same_mark() -> None:
    """Two places with one secret can be told from two secrets."""
    redactor = Redactor({"A_TOKEN": "first-secret", "B_TOKEN": "second-secret"})
    first, again, second = redactor.text("first-secret first-secret second-secret").split()
    assert first == again
    assert first != second
