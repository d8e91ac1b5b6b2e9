"""A container image's reference taken apart: `registry/name:tag@sha256:…` (OCI distribution specification). Pure.

A tag can be moved and says what was asked for; a digest says what it is.
"""

import re
from typing import NamedTuple
from urllib.parse import quote

from pipetrail_producers.webhook.values import MAX_NAME, Data

_REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*(?::\d{1,5}(?=/))?)(?:/[A-Za-z0-9._-]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})))?",
    re.ASCII,
)


class Image(NamedTuple):
    """A reference: `name` with its registry."""

    name: str
    tag: str | None
    digest: str | None

    @property
    def purl(self) -> str | None:
        """The package URL (purl specification, type `oci`, which needs a digest)."""
        if self.digest is None:
            return None
        place, _, last = self.name.rpartition("/")
        where = quote(f"{place}/{last}" if place else last, safe="/:._-").lower()
        tag = f"&tag={self.tag}" if self.tag else ""
        return f"pkg:oci/{last.lower()}@{quote(self.digest, safe='')}?repository_url={where}{tag}"

    @property
    def artifact(self) -> Data:
        """The `artifact` of an event."""
        return {"hash": self.digest, "purl": self.purl, "version": self.tag, "filename": self.name}

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def image(text: str | None) -> Image | None:
    """The reference that a text is; None where it is none."""
    bare = (text or "").strip().removeprefix("docker://").removeprefix("docker-pullable://").removeprefix("https://")
    match = _REFERENCE.fullmatch(bare) if len(bare) <= MAX_NAME else None
    return Image(match["name"], match["tag"], match["digest"]) if match else None
