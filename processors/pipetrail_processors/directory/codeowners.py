"""CODEOWNERS files: who owns a path, as GitHub and GitLab read them. Pure.

https://docs.github.com/articles/about-code-owners: the last pattern that matches decides; patterns are those of gitignore
without `!` and `[]`. GitLab's section headings (`[Backend][2] @group`) are passed over, with their patterns kept.
"""

import re
from typing import NamedTuple

from pipetrail_schemas.errors import SettingError

# The role of whom CODEOWNERS names.
CODE_OWNER = "code_owner"
_SECTION = re.compile(r"^\^?\[[^\]]+\](\[\d+\])?(\s|$)")
_OWNER = re.compile(r"^(@[\w.-]+(/[\w./-]+)?|@@[\w-]+|[^@\s]+@[^@\s]+)$")


class _Line(NamedTuple):
    """One pattern with its owners; none: nobody owns what matches."""

    pattern: re.Pattern[str]
    owners: tuple[str, ...]


class CodeOwners(NamedTuple):
    """One file."""

    lines: tuple[_Line, ...]

    def owners(self, path: str) -> tuple[str, ...]:
        """Who owns the file or folder at the path from the repository's root; "" is the root itself."""
        told = f"{path.strip('/')}/*" if path.strip("/") else "*"
        return next((line.owners for line in reversed(self.lines) if line.pattern.fullmatch(told)), ())


def parse_codeowners(text: str, *, setting: str, name: str) -> CodeOwners:
    """Read a file.

    Raises:
        SettingError: names file and line of an owner that is none, or a pattern that is not allowed.
    """
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not content or _SECTION.match(content):
            continue
        pattern, *owners = re.split(r"(?<!\\)\s+", content)
        wrong = next((owner for owner in owners if not _OWNER.match(owner)), None)
        if wrong:
            raise SettingError(setting, f"{name}:{number}: {wrong!r} is no owner; allowed: @user, @org/team, an e-mail address")
        if pattern.startswith("!") or "[" in pattern:
            raise SettingError(setting, f"{name}:{number}: {pattern!r}: CODEOWNERS has neither ! nor [ ]")
        lines.append(_Line(_regex(pattern), tuple(owners)))
    return CodeOwners(tuple(lines))


def _regex(pattern: str) -> re.Pattern[str]:
    """The expression that paths of files must match in full."""
    anchored = "/" in pattern.rstrip("/")
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", pattern.replace("\\ ", " ").strip("/") if pattern.strip("/") else "*")
    words = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(words.get(part) or re.escape(part) for part in parts)
    # What names a folder owns all below it; `/docs/*` owns only what is directly in it.
    below = "" if pattern.endswith("/*") else "/.+" if pattern.endswith("/") else "(?:/.*)?"
    return re.compile(f"{'' if anchored else '(?:.*/)?'}{body}{below}")
