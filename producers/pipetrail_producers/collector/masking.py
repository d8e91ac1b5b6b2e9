"""Takes secrets out of what came, before it is kept. Pure.

A body without a secret is kept byte for byte. In JSON, and in lines of JSON, secrets are found in the values, where escapes are
undone, by what they look like (`redact`) and by the name that they stand under; the body is then written anew around them. In
anything else they are found in the text as it is. docs/adr says why this is done before the store and not behind it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import orjson

from pipetrail_producers.redact import Redactor

# Deeper JSON than any system sends; far below where the interpreter's stack ends.
MAX_DEPTH = 200
NDJSON = "application/x-ndjson"
_FORM = "application/x-www-form-urlencoded"
# Headers that translators look at. What else comes, tokens and signatures among it, is not kept.
_KEPT = re.compile(
    r"(?:ce-|x-github-|x-gitlab-|x-hook-|x-event-|x-request-|x-attempt-|x-argocd-|x-jenkins-|webhook-|svix-).*"
    r"|content-type|user-agent|idempotency-key|traceparent"
)
_NEVER_KEPT = re.compile(r"(?!ce-|idempotency-).*(?:token|signature|secret|auth|cookie|password|key).*")
_SECRET_NAME = re.compile(
    r".*(?:password|passwd|passphrase|secret|token|credentials?|(?:api|access|secret|private)[_-]?key)", re.IGNORECASE
)
_NAMES = ("name", "key")
# What is remembered as holding no secret: some 10 MB at most.
_MOST_CLEAN, _LONGEST_CLEAN = 40_000, 200
# What is shorter says something rather than hides it.
_MIN_SECRET_CHARACTERS = 6


class TooDeepError(ValueError):
    """Raised for JSON that is nested deeper than MAX_DEPTH."""


class QuickRedactor(Redactor):
    """Redacts as `Redactor` does, after one look at all texts together: most deliveries hold no secret.

    Texts that were found to hold none are remembered: a repository's deliveries have most of theirs in common.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(env)
        self._clean: set[str] = set()

    def data(self, value: Any, path: str = "") -> Any:
        """A JSON value with every text in it redacted; the very same one where there is nothing to redact."""
        if not path and isinstance(value, dict) and not self.finds_in(_contents(value)[0]):
            return value
        return super().data(value, path)

    def finds_in(self, texts: set[str]) -> bool:
        """Whether there may be a secret in any of the texts."""
        fresh = texts - self._clean
        if not fresh:
            return False
        if self.finds("\n".join(fresh)):
            return True
        if len(self._clean) > _MOST_CLEAN:
            self._clean = set()
        self._clean.update(text for text in fresh if len(text) <= _LONGEST_CLEAN)
        return False


def kept_headers(headers: Mapping[str, str], also: frozenset[str], redactor: Redactor) -> dict[str, str]:
    """The headers that are kept, without secrets; `also` names those that a source's settings ask for."""
    kept = {name: value for name, value in headers.items() if name in also or _is_kept(name)}
    if not redactor.finds("\n".join(kept.values())):
        return kept
    return {name: redactor.text(value) for name, value in kept.items()}


@lru_cache(maxsize=1024)
def _is_kept(name: str) -> bool:
    return _KEPT.fullmatch(name) is not None and not _NEVER_KEPT.fullmatch(name)


def unwrapped(body: bytes, content_type: str) -> bytes:
    """The JSON that a form carries in its field `payload`, as GitHub sends it on request; the body itself otherwise."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return body
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100) if body.count(b"&") < 100 else {}  # noqa: PLR2004
    return fields["payload"][0].encode() if "payload" in fields else body


def payload_of(body: bytes) -> Any:
    """The JSON of a body; of lines of JSON, a list of them.

    Raises:
        ValueError: it is neither, or nested too deep; the message says what.
    """
    payload = _parsed(body)
    _contents(payload)
    return payload


def masked(body: bytes, redactor: QuickRedactor) -> bytes:
    """The body without secrets; the very same bytes where it holds none."""
    try:
        payload = _parsed(body)
        texts, names = _contents(payload)
    except ValueError:
        return _masked_text(body, redactor)
    # One look at all texts together: what holds no secret, as most bodies do not, is done with.
    if not any(map(_is_secret, names)) and not redactor.finds_in(texts):
        return body
    clean = _clean(payload, redactor)
    if clean == payload:
        return body
    lines = isinstance(payload, list) and not body.lstrip().startswith(b"[")
    return b"\n".join(map(orjson.dumps, clean)) if lines else orjson.dumps(clean)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004
            raise ValueError(f"the body is no JSON: {exc}") from exc
        try:
            return [orjson.loads(line) for line in lines]
        except orjson.JSONDecodeError as again:
            raise ValueError(f"the body is neither JSON nor lines of JSON: {exc}") from again


def _masked_text(body: bytes, redactor: Redactor) -> bytes:
    # Latin-1 has a character for every byte: whatever it is comes out as it went in, but for the secrets.
    text = body.decode("latin-1")
    clean = redactor.text(text)
    return body if clean == text else clean.encode("latin-1")


# The same names come again and again; a stranger's many new ones push each other out.
@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    """Whether what stands under a name is a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def _clean(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [_clean(one, redactor) for one in value]
    if isinstance(value, dict):
        named = any(isinstance(value.get(name), str) and _is_secret(value[name]) for name in _NAMES)
        return {
            name: _hidden(one, redactor) if _is_secret(name) or (named and name == "value") else _clean(one, redactor)
            for name, one in value.items()
        }
    return value


def _hidden(value: Any, redactor: Redactor) -> Any:
    if not isinstance(value, str):
        return _clean(value, redactor)
    if len(value) < _MIN_SECRET_CHARACTERS or not value.strip("*"):
        return value
    clean = redactor.text(value)
    # The way a secret on a command line is told: its fingerprint stays.
    return clean if clean != value else redactor.argv(["--password", value])[1]


def _contents(payload: Any) -> tuple[set[str], set[str]]:
    """Every text, and every name that a text may stand under, without recursion: the payload is a stranger's.

    Raises:
        TooDeepError: it is nested too deep.
    """
    texts: set[str] = set()
    names: set[str] = set()
    level = [payload]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                texts.add(value)
            elif isinstance(value, list):
                below += value
            elif isinstance(value, dict):
                names.update(value)
                if "value" in value:
                    names.update(value[name] for name in _NAMES if isinstance(value.get(name), str))
                below += value.values()
        if not below:
            return texts, names
        level = below
    raise TooDeepError(f"the body is nested deeper than {MAX_DEPTH}")
