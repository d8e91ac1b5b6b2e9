"""Finds the ticket that a commit message names. Pure, standard library only.

Better none than a wrong one: a ticket answers "why", so what merely looks like a key must not. What counts:

- a key like `PAY-17` in the first line, or on a line that begins with a word of reference (`Fixes: PAY-17`, `Refs PAY-17`);
- `#17` after a word of reference (`fixes #17`), and `#17` or `gh-17` that begins the first line: the id is `#17`.

What does not: `(#17)` at the end of the first line and `Merge pull request #17`, which name the change and not its reason;
lower-case words (`note-1`); names that look like keys (`CVE-2024-1`, `UTF-8`). Where the keys that exist are given, they alone
count.
"""

import re
from collections.abc import Collection

# Standards, algorithms, products: upper-case word, dash, number, and no ticket.
# fmt: off
NOT_KEYS = frozenset({
    "AES", "AMD", "ANSI", "ARM", "ASCII", "BASE", "BIG", "COVID", "CP", "CRC", "CVE", "CWE", "DES", "DIN", "ECMA", "EN", "ES",
    "EUC", "FIPS", "FLOAT", "GB", "GHSA", "GPT", "HTTP", "IBM", "IEEE", "INT", "IP", "IPV", "ISO", "JDK", "JEP", "JIS", "JSR",
    "KOI", "LATIN", "LZ", "MD", "MR", "MS", "MT", "NIST", "OCI", "OSI", "PEP", "PKCS", "PR", "RC", "RFC", "RIPEMD", "RSA",
    "SHA", "SM", "SSE", "SSL", "TC39", "TLS", "UCS", "UINT", "UTF", "W3C", "WIN", "WINDOWS", "X86", "XHTML", "XML",
})
# fmt: on

_KEY = re.compile(r"(?<![\w./-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![\w-])")
_WORD = r"(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|ref(?:s|erences)?|issues?|tickets?|bugs?|jira|part of|see)"
_REFERENCE = re.compile(rf"\W*{_WORD}\b", re.IGNORECASE)
_NUMBER = re.compile(rf"\b{_WORD}\b[:\s]+#([1-9][0-9]{{0,8}})\b", re.IGNORECASE)
_LEADING_NUMBER = re.compile(r"\W*(?:#|gh-)([1-9][0-9]{0,8})\b", re.IGNORECASE)
# Lines that can hold any of it: most messages have none, and a history has many messages.
_HINT = re.compile(r"[-#][1-9]")


def find_ticket(message: str, keys: Collection[str] | None = None) -> str | None:
    """The first ticket that a commit message names: `PAY-17`, or `#17` of the repository's own tracker; None for none.

    Args:
        message: the whole commit message.
        keys: the project keys that exist; any other key is none. None takes every key but those that are known not to be one.
    """
    if not _HINT.search(message):
        return None
    for number, line in enumerate(message.split("\n")):
        if _HINT.search(line):
            found = _in_subject(line, keys) if number == 0 else _in_body(line, keys)
            if found:
                return found
    return None


def _in_subject(line: str, keys: Collection[str] | None) -> str | None:
    number = _LEADING_NUMBER.match(line)
    return _key_in(line, keys) or (f"#{number[1]}" if number else _number_in(line))


def _in_body(line: str, keys: Collection[str] | None) -> str | None:
    return _number_in(line) or (_key_in(line, keys) if _REFERENCE.match(line) else None)


def _key_in(line: str, keys: Collection[str] | None) -> str | None:
    for match in _KEY.finditer(line):
        if match[1] in keys if keys is not None else match[1] not in NOT_KEYS:
            return match[0]
    return None


def _number_in(line: str) -> str | None:
    match = _NUMBER.search(line) if "#" in line else None
    return f"#{match[1]}" if match else None
