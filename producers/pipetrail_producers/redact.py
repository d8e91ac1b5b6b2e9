"""Takes secrets out of texts before anything is written or sent. Pure; standard library only.

A secret is found by where it came from (the value of an environment variable with a telling name), by its shape (tokens that
say whose they are), or by what stands before it (a password option, credentials in a URL). What stays is a marker,
`[redacted:RULE:FINGERPRINT]`: the rule that found it, and 8 digits of its HMAC-SHA-256, so that two uses of one secret can be
seen to be the same, and nobody without the key can try out guesses. The key is random for each process unless
PIPETRAIL_REDACTION_KEY is set, with which fingerprints can be compared between runs.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from pipetrail_producers.secret_shapes import SHAPES, takes_a_secret

# Shorter values are too likely to be ordinary words of a command line.
MIN_SECRET_CHARACTERS = 6
_FINGERPRINT_DIGITS = 8
KEY_VARIABLE = "PIPETRAIL_REDACTION_KEY"
_PROCESS_KEY = os.urandom(32)
_NO_SECRETS = frozenset({"true", "false", "none", "null", "enabled", "disabled", "default", "always", "never"})
# How an event's parts know each other. They are checked by their form, and where a variable holds one of them it is no secret.
IDENTITIES = frozenset({"vcs.ref.head.revision", "vcs.ref.base.revision", "vcs.repository.url.full", "artifact.hash"})

_SECRET_NAME = re.compile(
    r"(?:PASS(?:WORD|WD|PHRASE)?|TOKEN|SECRET|CREDENTIALS?|COOKIE|CONNECTION_STRING|_PWD|_PAT|_AUTH|_?KEY)(?:_\d+)?$"
    r"|SECRET_|PASSWORD_",
    re.IGNORECASE,
)
_MARKER = re.compile(r"\[redacted:[a-z-]+:[0-9a-f]+\]")


class Redactor:
    """Redacts with the secrets of one environment; PIPETRAIL_REDACTION_KEY in it is the key of the fingerprints."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._key = env.get(KEY_VARIABLE, "").encode("utf-8", "replace") or _PROCESS_KEY
        found = {form for name, value in env.items() if _SECRET_NAME.search(name) for form in _forms(value)}
        # The longest first: one secret may be a part of another.
        longest_first = sorted(found, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text with every secret that is found replaced by a marker."""
        if self._values is not None:
            text = self._values.sub(lambda match: self._marker("environment", match[0]), text)
        lowered = text.lower()
        for shape in SHAPES:
            if pattern := shape.pattern_for(lowered):
                text = pattern.sub(partial(self._replace, shape.rule), text)
        return text

    def finds(self, text: str) -> bool:
        """Whether there may be a secret in a text: quicker than `text`, for large ones that mostly hold none."""
        lowered = text.lower()
        return bool(self._values and self._values.search(text)) or any(shape.is_in(text, lowered) for shape in SHAPES)

    def argv(self, argv: Sequence[str]) -> list[str]:
        """A command's arguments redacted one by one; an argument that follows a password option goes whatever it is."""
        redacted = [self.text(argument) for argument in argv]
        for index in range(1, len(argv)):
            if takes_a_secret(argv[index - 1]) and not argv[index].startswith("-"):
                redacted[index] = self._marker("option", argv[index])
        return redacted

    def data(self, value: Any, path: str = "") -> Any:
        """A JSON value with every text in it redacted, but for IDENTITIES; keys stay as they are."""
        if isinstance(value, str):
            return value if path in IDENTITIES else self.text(value)
        if isinstance(value, Mapping):
            return {name: self.data(item, f"{path}.{name}" if path else name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item, path) for item in value]
        return value

    def _replace(self, rule: str, match: re.Match[str]) -> str:
        group = "secret" if "secret" in match.re.groupindex else 0
        secret = match[group]
        if _MARKER.search(secret) or _is_in_marker(match.string, match.start()):
            return match[0]
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match[0][:start] + self._marker(rule, secret) + match[0][end:]

    def _marker(self, rule: str, secret: str) -> str:
        import hmac  # noqa: PLC0415  # few events hold a secret

        digest = hmac.new(self._key, secret.encode("utf-8", "replace"), "sha256").hexdigest()
        return f"[redacted:{rule}:{digest[:_FINGERPRINT_DIGITS]}]"


def _is_in_marker(text: str, position: int) -> bool:
    """Whether a position is within a marker, whose rule's name (`github-token:`) looks like what stands before a secret."""
    start = text.rfind("[redacted:", 0, position)
    return start >= 0 and "]" not in text[start:position]


def _forms(value: str) -> set[str]:
    """A secret as it may be printed: as it is, line by line, and as part of a URL."""
    lines = {value, *value.splitlines()}
    texts = {line.strip() for line in lines} | {quote(line.strip(), safe="") for line in lines}
    return {text for text in texts if len(text) >= MIN_SECRET_CHARACTERS and text.lower() not in _NO_SECRETS}
