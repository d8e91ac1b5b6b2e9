"""The artifacts that a Tekton task says it made, by the names of its results that Tekton Chains reads, too. Pure.

Tekton Chains, "Type hinting": `IMAGE_URL` and `IMAGE_DIGEST`, also with a prefix (`web_IMAGE_URL`); `IMAGES`, a list of
references with digests; `*_ARTIFACT_URI` and `*_ARTIFACT_DIGEST`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipetrail_producers.webhook.image import Image, image

_PAIRS = (("IMAGE_URL", "IMAGE_DIGEST"), ("ARTIFACT_URI", "ARTIFACT_DIGEST"))
_SEPARATORS = re.compile(r"[,\s]+")


class Made(NamedTuple):
    """An artifact: its digest, and the reference that was told with it."""

    digest: str
    image: Image


def made(values: Mapping[str, str]) -> list[Made]:
    """The artifacts that a task's results name, each digest once."""
    found = {one.digest: one for one in _named(values)}
    return list(found.values())


def _named(values: Mapping[str, str]) -> Iterator[Made]:
    for place, mark in _PAIRS:
        for key, reference in values.items():
            if key.endswith(place) and (digest := values.get(f"{key.removesuffix(place)}{mark}")):
                yield from _complete(f"{reference.partition('@')[0]}@{digest}")
    for reference in _SEPARATORS.split(values.get("IMAGES", "")):
        yield from _complete(reference)


def _complete(reference: str) -> Iterator[Made]:
    found = image(reference)
    if found and found.digest:
        yield Made(found.digest, found)
