"""A package in GitHub's registry: what was published, by digest, and of which commit. Pure.

`registry_package` and `package` tell the same; both give the same id. Without a digest there is nothing that a deployment
could be compared with, and nothing is told. The commit is the image's `org.opencontainers.image.revision`, npm's `git_head`,
or the release's; for images `target_oid` is the digest without its algorithm, and no commit.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pipetrail_producers.webhook.github.place import Place
from pipetrail_producers.webhook.github.read import actor, first_moment, part, required, sender
from pipetrail_producers.webhook.payload import at, items, number
from pipetrail_producers.webhook.translation import Translation
from pipetrail_producers.webhook.values import Data, full_revision, merged, name

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_IMAGES = frozenset({"container", "docker"})
_PURL_TYPES = {"npm": "npm", "rubygems": "gem", "nuget": "nuget", "maven": "maven"}
_REVISION_LABEL = "org.opencontainers.image.revision"


def package(payload: Any, place: Place) -> Translation:
    """What a webhook of either kind tells."""
    key = "registry_package" if at(payload, "registry_package") is not None else "package"
    found = part(payload, key, key)
    version = part(found, "package_version", key)
    if required(payload, "action", key) not in {"published", "updated"}:
        return Translation(silent="only what is published counts")
    where = place if place.repository else place.within(name(payload, "repository.full_name"))
    identity = required(version, "id", key)
    time = first_moment(version, "created_at", "updated_at") or first_moment(found, "updated_at", "created_at")
    about = merged(_who(payload, version), {"vcs": {"ref": {"head": {"revision": _commit(version)}}}})
    facts = tuple(
        where.fact(
            "artifact.published",
            time,
            ("package_version", f"{identity} {artifact['hash']}"),
            merged(about, {"artifact": artifact}),
            subject=name(found, "name"),
        )
        for artifact in _artifacts(found, version)
    )
    return Translation(facts) if facts else Translation(silent="the package names no SHA-256 digest to know it by")


def _artifacts(found: Mapping[str, Any], version: Mapping[str, Any]) -> Iterator[Data]:
    type_ = (name(found, "package_type") or name(found, "ecosystem") or "").lower()
    text = name(version, "container_metadata.tag.name") or name(version, "version")
    is_image = type_ in _IMAGES or isinstance(at(version, "container_metadata"), Mapping)
    image = _image_digest(version) if is_image else None
    if image:
        yield {"hash": image, "purl": _image_purl(found, image), "version": text}
        return
    for file in items(version, "package_files"):
        digest = (name(file, "sha256") or "").lower()
        if _HEX.fullmatch(digest):
            purl = _purl(found, type_, name(version, "version"))
            size = number(file, "size")
            yield {"hash": f"sha256:{digest}", "purl": purl, "version": text, "filename": name(file, "name"), "size": size}


def _image_digest(version: Mapping[str, Any]) -> str | None:
    paths = ("container_metadata.manifest.digest", "container_metadata.tag.digest", "version", "name")
    found = ((name(version, path) or "").lower() for path in paths)
    return next((digest for digest in found if _DIGEST.fullmatch(digest)), None)


def _commit(version: Mapping[str, Any]) -> str | None:
    labels = at(version, "container_metadata.labels.all_labels")
    # The label's own name has dots: no path leads to it.
    told = {"": labels.get(_REVISION_LABEL)} if isinstance(labels, Mapping) else {}
    return (
        full_revision(version, "container_metadata.labels.revision")
        or full_revision(told, "")
        or full_revision(version, "npm_metadata.git_head")
        or full_revision(version, "npm_metadata.commit_oid")
        or (None if _image_digest(version) else full_revision(version, "target_oid"))
    )


def _who(payload: Any, version: Mapping[str, Any]) -> Data:
    author = at(version, "author")
    return actor(author) if name(author, "login") else sender(payload)


def _image_purl(found: Mapping[str, Any], digest: str) -> str | None:
    called = name(found, "name")
    return f"pkg:oci/{quote(called.rpartition('/')[2].lower(), safe='')}@{quote(digest, safe='')}" if called else None


def _purl(found: Mapping[str, Any], type_: str, version: str | None) -> str | None:
    kind, called = _PURL_TYPES.get(type_), name(found, "name")
    if kind is None or called is None or version is None:
        return None
    return f"pkg:{kind}/{quote(called, safe='/')}@{quote(version, safe='')}"
