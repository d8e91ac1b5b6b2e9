"""A package URL's digest and version (purl specification, "Rules for each purl component"). Pure."""

import re
from urllib.parse import parse_qsl, unquote

from pipetrail_producers.webhook.values import MAX_NAME, Data, cut

_PURL = re.compile(r"pkg:[a-z][^\x00-\x20\x7f]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


def artifact(text: str | None) -> Data:
    """The `artifact` of an event out of a package URL, or of a bare digest; empty where the text is neither.

    The digest is the version (type `oci`) or the qualifier `checksum`; without one there is no `hash`.
    """
    given = cut(text, MAX_NAME) or ""
    if _DIGEST.fullmatch(given.lower()):
        return {"hash": given.lower()}
    if not _PURL.fullmatch(given):
        return {}
    path, _, rest = given.partition("#")[0].partition("?")
    qualifiers = dict(parse_qsl(rest))
    place, _, version = path.rpartition("@") if "@" in path else (path, "", "")
    told = [unquote(version), *qualifiers.get("checksum", "").split(",")]
    digest = next((one.lower() for one in told if _DIGEST.fullmatch(one.lower())), None)
    shown = qualifiers.get("tag") or (None if digest and unquote(version).lower() == digest else unquote(version))
    return {"hash": digest, "purl": given, "version": cut(shown), "filename": cut(unquote(place.rpartition("/")[2]))}
