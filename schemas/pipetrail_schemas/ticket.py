"""The ticket that a text names, found conservatively: on an audit trail a wrong ticket is worse than none.

Whoever looks for a ticket (importers, the commit gate, the processors) looks here, so that what the gate accepts is what the
trail shows. Standard library only. What counts:

- `PAY-17`, a project key in capitals and a number, also at the end of an address (`/browse/PAY-17`);
- `Fixes #17`, a number after a word that says what it is, and `#17` or `gh-17` at the very beginning: the ticket is `#17`.

What does not: a bare `#17` (on a squashed commit it is the pull request), words in lower case (`note-1`), and what looks like a
key but is a standard (`CVE-2024-1`, `UTF-8`), unless the projects that there are are given: then those alone count.

Trackers that write their tickets otherwise have patterns: text with one `<number>` in it (`AB#<number>`). They are no regular
expressions, so none can take long. Where there are patterns, keys count for the projects that are given alone.
"""

import re
from collections.abc import Collection, Iterable, Sequence

# Not in the middle of a word, a version or an e-mail address; a URL's `/browse/PAY-17` is meant.
_KEY = re.compile(r"(?<![A-Za-z0-9_.@-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9_]|[.-][0-9])")
_ANY_CASE_KEY = re.compile(_KEY.pattern, re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|ref(?:s|erences)?|see|part of|tickets?|issues?|bugs?):?\s+"
    r"#([1-9][0-9]{0,8})\b",
    re.IGNORECASE,
)
_LEADING_NUMBER = re.compile(r"\W*(?:#|gh-)([1-9][0-9]{0,8})\b", re.IGNORECASE)
# What all of the above have in common: most texts have none of it, and a history has many texts.
_HINT = re.compile(r"[-#][1-9]")

_PLACE = "<number>"
# What may stand around it. Nothing that a regular expression means something by: who writes one is told.
_LITERAL = re.compile(r"[A-Za-z0-9#_./:!~-]*")
_MAX_PATTERN_CHARACTERS = 64
# Numbers as trackers count; some write them with leading zeros (INC0012345).
_DIGITS = "[0-9]{1,12}"

# Look like a project key and are none: standards, encodings, ciphers, licences, vulnerability lists, machines.
# fmt: off
NOT_A_PROJECT = frozenset({
    "AES", "AGPL", "AMD", "ANSI", "APACHE", "ARM", "ASCII", "BASE", "BIG", "BSD", "COVID", "CP", "CRC", "CVE", "CVSS", "CWE",
    "DES", "DIN", "DSA", "EC", "ECMA", "ED", "EN", "ES", "EUC", "FIPS", "FLOAT", "GB", "GHSA", "GPL", "GPT", "HMAC", "HTTP",
    "IBM", "IE", "IEC", "IEEE", "INT", "IP", "IPV", "ISO", "JDK", "JEP", "JIS", "JSR", "KOI", "LATIN", "LGPL", "LTO", "LZ",
    "MD", "MIPS", "MIT", "MPL", "MR", "MS", "MT", "NFC", "NFD", "NIST", "OCI", "OSI", "PEP", "PGP", "PKCS", "POSIX", "PR",
    "PY", "PYTHON", "RC", "RFC", "RIPEMD", "RISC", "RSA", "SHA", "SM", "SQL", "SSE", "SSL", "TC39", "TLS", "UCS", "UINT",
    "UTF", "W3C", "WCAG", "WIN", "WINDOWS", "X86", "XHTML", "XML",
})
# fmt: on


def find_ticket(
    texts: Iterable[str | None], projects: Collection[str] = (), patterns: Sequence[re.Pattern[str]] = ()
) -> str | None:
    """The first ticket that the texts name, in their order; None where there is none.

    Args:
        texts: commit message, title of the change, name of the branch …, the most telling first.
        projects: the project keys that there are, in capitals. With it nothing else counts as a key, and lower case
            (`feature/pay-17`) does.
        patterns: how else tickets are written (`ticket_pattern`). In one text they come before all others.
    """
    for text in texts:
        if not text:
            continue
        if found := next((match[0] for pattern in patterns if (match := pattern.search(text))), None):
            return found
        if _HINT.search(text) and (found := _in_text(text, projects, guess=not patterns)):
            return found
    return None


def ticket_pattern(text: str) -> re.Pattern[str]:
    """What finds the tickets that are written like the text, with a number in the place of `<number>`.

    Raises:
        ValueError: it is no such text; the message says what is allowed.
    """
    before, place, after = text.partition(_PLACE)
    if not place:
        raise ValueError(f"has no {_PLACE}, the place of the ticket's number: AB#{_PLACE}")
    if len(text) > _MAX_PATTERN_CHARACTERS:
        raise ValueError(f"is longer than {_MAX_PATTERN_CHARACTERS} characters")
    if not before:
        raise ValueError(f"begins with {_PLACE}: it would find every number")
    if not (_LITERAL.fullmatch(before) and _LITERAL.fullmatch(after)):
        raise ValueError(f"is text with one {_PLACE} in it; beside letters and digits # _ . / : ! ~ - are allowed")
    word_before = r"(?<![A-Za-z0-9_])" if before[0].isalnum() else r"(?<![A-Za-z0-9_&/#])"
    return re.compile(f"{word_before}{re.escape(before)}{_DIGITS}{re.escape(after)}(?![A-Za-z0-9_]|[.-][0-9])")


def example_of(pattern: str) -> str:
    """A ticket that is written like the text, for people."""
    return pattern.replace(_PLACE, "123")


def _in_text(text: str, projects: Collection[str], *, guess: bool) -> str | None:
    if leading := _LEADING_NUMBER.match(text):
        return f"#{leading[1]}"
    for match in (_ANY_CASE_KEY if projects else _KEY).finditer(text):
        key = match[1].upper()
        if key in projects or (guess and not projects and key not in NOT_A_PROJECT):
            return f"{key}-{match[2]}"
    if "#" in text and (number := _NUMBER.search(text)):
        return f"#{number[1]}"
    return None
