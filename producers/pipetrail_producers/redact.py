"""Takes secrets out of texts before they are sent or spooled.

Two grounds: the value of an environment variable whose name says that it is secret, and well-known shapes of tokens. What
is taken out is replaced by `[redacted:RULE:FINGERPRINT]`: the rule that found it, and a fingerprint keyed per process, by
which two places in one event can be seen to hold the same secret and nobody can guess it. Standard library only.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH", re.IGNORECASE)
# Shorter values ("1", "true") stand everywhere and are no secrets.
_MIN_SECRET_CHARACTERS = 8
_FINGERPRINT_BYTES = 4
_KEY = secrets.token_bytes(16)

# The shapes that the issuers document. Each pattern's group `s`, else the whole match, is the secret.
_SHAPES = (
    ("github-token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})")),
    ("gitlab-token", re.compile(r"\bgl[a-z]{2,5}-[A-Za-z0-9_-]{20,}")),
    ("aws-key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("slack-token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("jwt", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")),
    ("private-key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)),
    ("url-credentials", re.compile(r"(?<=://)(?P<s>[^/\s@:]*:[^/\s@]+)(?=@)")),
    ("bearer", re.compile(r"(?i:\b(?:bearer|basic)\s+)(?P<s>[A-Za-z0-9._~+/=-]{16,})")),
    (
        "option",
        re.compile(r"(?i:--?[a-z-]*(?:password|passwd|token|secret|api-?key)[a-z-]*[= ])(?P<s>[^\s\[]\S*)"),
    ),
)


class Redactor:
    """Redacts texts; knows the secrets of one environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        values = {value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= _MIN_SECRET_CHARACTERS}
        # The longest first: one secret may hold another.
        self._values = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, _marker("environment", value))
        for rule, shape in _SHAPES:
            text = shape.sub(lambda match, rule=rule: _replaced(rule, match), text)  # type: ignore[misc]  # str, as sub wants
        return text

    def argv(self, argv: list[str]) -> list[str]:
        """A command's arguments without secrets, `--token VALUE` in two arguments included."""
        clean: list[str] = []
        for position, argument in enumerate(argv):
            named = position > 0 and re.fullmatch(
                r"(?i)--?[a-z-]*(password|passwd|token|secret|api-?key)[a-z-]*", argv[position - 1]
            )
            clean.append(_marker("option", argument) if named else self.text(argument))
        return clean


def _replaced(rule: str, match: re.Match[str]) -> str:
    secret = match.groupdict().get("s") or match.group()
    return match.group().replace(secret, _marker(rule, secret))


def _marker(rule: str, secret: str) -> str:
    fingerprint = hashlib.blake2s(secret.encode("utf-8", "replace"), key=_KEY, digest_size=_FINGERPRINT_BYTES).hexdigest()
    return f"[redacted:{rule}:{fingerprint}]"
