"""The ticket that a text names, found conservatively: on an audit trail a wrong ticket is worse than none.

Whoever looks for a ticket (importers, the commit gate, the processors) looks here, so that what the gate accepts is what the
trail shows. Standard library only. What counts:

- `PAY-17`, a project key in capitals and a number, also at the end of an address (`/browse/PAY-17`);
- `Fixes #17`, a number after a word that says what it is, and `#17` or `gh-17` at the very beginning: the ticket is `#17`.

What does not: a bare `#17` (on a squashed commit it is the pull request), words in lower case (`note-1`), and what looks like a
key but is a standard (`CVE-2024-1`, `UTF-8`), unless the projects that there are are given: then those alone count.
"""

import re
from collections.abc import Collection, Iterable

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


def find_ticket(texts: Iterable[str | None], projects: Collection[str] = ()) -> str | None:
    """The first ticket that the texts name, in their order; None where there is none.

    Args:
        texts: commit message, title of the change, name of the branch …, the most telling first.
        projects: the project keys that there are, in capitals. With it nothing else counts as a key, and lower case
            (`feature/pay-17`) does.
    """
    for text in texts:
        if text and _HINT.search(text) and (found := _in_text(text, projects)):
            return found
    return None


def _in_text(text: str, projects: Collection[str]) -> str | None:
    if leading := _LEADING_NUMBER.match(text):
        return f"#{leading[1]}"
    for match in (_ANY_CASE_KEY if projects else _KEY).finditer(text):
        key = match[1].upper()
        if key in projects or (not projects and key not in NOT_A_PROJECT):
            return f"{key}-{match[2]}"
    if "#" in text and (number := _NUMBER.search(text)):
        return f"#{number[1]}"
    return None
