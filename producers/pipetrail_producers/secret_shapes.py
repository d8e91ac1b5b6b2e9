"""What secrets look like, and where they stand: the rules of `redact`. Standard library only.

Each issuer documents how its tokens begin, so that leaks can be found. Compiling all patterns takes longer than most events
do; so a rule names hints, one of which a text must hold (in lower case) before its pattern is compiled and tried.
"""

import re
from functools import cache
from typing import NamedTuple

_WORDS = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|auth[_-]?key"
_OPTION = rf"-{{1,2}}(?:[\w-]*[-_])?(?:{_WORDS})"
# Without ASCII, the long s of old prints would match an s, which no hint knows.
_ANY_CASE = re.IGNORECASE | re.ASCII
_WORD_HINTS = ("pass", "pwd", "secret", "token", "key", "credential")


class Shape(NamedTuple):
    """One rule. The text of the pattern's group `secret` is the secret, the whole match where there is no such group.

    `needs` is a pattern that a text (in lower case) must hold, too, and that is quicker to look for.
    """

    rule: str
    hints: tuple[str, ...]
    pattern: str
    flags: re.RegexFlag = re.NOFLAG
    needs: str = ""

    def pattern_for(self, lowered: str) -> re.Pattern[str] | None:
        """The compiled pattern, None where a text (given in lower case) cannot hold such a secret."""
        return _compiled(self.pattern, self.flags) if any(hint in lowered for hint in self.hints) else None

    def is_in(self, text: str, lowered: str) -> bool:
        """Whether a text (and the same in lower case) holds such a secret.

        A pattern for any case is tried on the lower case: the compiled form is quicker by far where it need not fold cases.
        """
        if not any(hint in lowered for hint in self.hints):
            return False
        if self.needs and not _compiled(self.needs, re.NOFLAG).search(lowered):
            return False
        if re.IGNORECASE in self.flags:
            return _compiled(self.pattern, self.flags & ~re.IGNORECASE).search(lowered) is not None
        return _compiled(self.pattern, self.flags).search(text) is not None


SHAPES = (
    Shape(
        "private-key",
        ("private key-----",),
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
        # the end of one whose beginning was cut off
        r"|\A(?:(?!-----BEGIN ).)*-----END [A-Z ]*PRIVATE KEY-----",
        re.DOTALL,
    ),
    Shape(
        "github-token",
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
        r"\b(?:gh[opsur]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    ),
    Shape("gitlab-token", ("gl",), r"\bgl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-[A-Za-z0-9_.-]{20,}"),
    Shape("aws-key", ("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    Shape("slack-token", ("xox", "xapp-"), r"\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10,}"),
    Shape("jwt", ("eyj",), r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    Shape("npm-token", ("npm_",), r"\bnpm_[A-Za-z0-9]{30,}"),
    Shape("pypi-token", ("pypi-",), r"\bpypi-[A-Za-z0-9_-]{50,}"),
    Shape("docker-token", ("dckr_",), r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    Shape("google-key", ("aiza",), r"\bAIza[A-Za-z0-9_-]{35}"),
    Shape("stripe-key", ("k_live_", "k_test_"), r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    Shape("vault-token", ("hvb.", "hvs.", "hvr."), r"\bhv[bsr]\.[A-Za-z0-9_-]{20,}"),
    Shape("sendgrid-key", ("sg.",), r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    Shape("sk-key", ("sk-",), r"\bsk-[A-Za-z0-9_-]{20,}"),
    Shape("url-credentials", ("@",), r"://[^/\s:@\[]*:(?P<secret>[^/\s@]+)@"),
    Shape(
        "authorization",
        ("bearer", "basic"),
        r"\b(?:bearer|basic)\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})",
        _ANY_CASE,
    ),
    # Prose has colons, too ("token: see below"): after one, only what looks unlike a word is taken for a secret.
    Shape(
        "assignment",
        _WORD_HINTS,
        rf"(?:{_WORDS})[\"']?\s*(?:=|:(?!//)(?=\s*[\"']?[^\s\"',;&]*[\d_+/=-]))\s*"
        r"(?P<secret>\"[^\"]+\"|'[^']+'|[^\s\"',;&]+)",
        _ANY_CASE,
        # In large texts most words of _WORDS are parts of addresses, and most colons of times and addresses.
        r"(?:=|:(?!//))(?<=[a-z\"'\s][=:])",
    ),
)


def takes_a_secret(option: str) -> bool:
    """Whether a command's argument is an option whose value, the next argument, is a secret (`--db-password`)."""
    return option.startswith("-") and _compiled(_OPTION, _ANY_CASE).fullmatch(option) is not None


@cache
def _compiled(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile(pattern, flags)
