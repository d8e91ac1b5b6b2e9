"""The ticket that a text names, found conservatively: a wrong ticket on an audit trail is worse than none.

Two forms count: `PAY-17`, a project key in capitals and a number, and `Fixes #17`, a number with a word that says what it is.
A bare `#17` does not: on a squashed commit it is the pull request.
"""

import re
from collections.abc import Collection, Iterable

# Not in the middle of a word, path segment, version or e-mail address; a URL's `/browse/PAY-17` is meant.
_KEY = re.compile(r"(?<![A-Za-z0-9_.@-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9_]|[.-][0-9])")
_ANY_CASE_KEY = re.compile(_KEY.pattern, re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|refs?|references|see|part of|ticket|issue):?\s+#([1-9][0-9]{0,6})\b",
    re.IGNORECASE,
)

# Look like a project key and are none: standards, encodings, ciphers, licences, vulnerability lists.
NOT_A_PROJECT = frozenset(
    [
        "AES",
        "AGPL",
        "APACHE",
        "ARM",
        "ASCII",
        "BASE",
        "BSD",
        "COVID",
        "CP",
        "CVE",
        "CWE",
        "CVSS",
        "DES",
        "DSA",
        "EC",
        "ECMA",
        "ED",
        "EN",
        "FIPS",
        "GB",
        "GHSA",
        "GPL",
        "HMAC",
        "HTTP",
        "IE",
        "IEC",
        "IEEE",
        "IP",
        "IPV",
        "ISO",
        "KOI",
        "LGPL",
        "LTO",
        "MD",
        "MIPS",
        "MIT",
        "MPL",
        "NFC",
        "NFD",
        "NIST",
        "OSI",
        "PEP",
        "PGP",
        "PKCS",
        "POSIX",
        "PY",
        "PYTHON",
        "RC",
        "RFC",
        "RISC",
        "RSA",
        "SHA",
        "SM",
        "SQL",
        "SSL",
        "TLS",
        "UCS",
        "UTF",
        "V",
        "WCAG",
        "WIN",
        "X",
    ]
)


def find_ticket(texts: Iterable[str | None], projects: Collection[str] = ()) -> str | None:
    """The first ticket that the texts name, in their order; None where there is none.

    Args:
        texts: commit message, title of the change, name of the branch …, the most telling first.
        projects: the project keys that there are. With it nothing else counts as a key, and lower case (`feature/pay-17`) does.
    """
    for text in texts:
        if text and (found := _in_text(text, projects)):
            return found
    return None


def _in_text(text: str, projects: Collection[str]) -> str | None:
    if "-" in text:
        for match in (_ANY_CASE_KEY if projects else _KEY).finditer(text):
            key = match[1].upper()
            if key in projects or (not projects and key not in NOT_A_PROJECT):
                return f"{key}-{match[2]}"
    if "#" in text and (number := _NUMBER.search(text)):
        return f"#{number[1]}"
    return None
