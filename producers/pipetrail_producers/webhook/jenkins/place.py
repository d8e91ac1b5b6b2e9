"""Which instance, job and build an address of Jenkins names. Pure.

`https://ci.example/jenkins/job/pay/job/shop/job/PR-17/3/` is build 3 of the job `pay/shop/PR-17` at `https://ci.example/jenkins`.
Plugins also send the part from `job/` on alone.
"""

from typing import NamedTuple
from urllib.parse import quote, unquote

from pipetrail_producers.webhook.values import MAX_NAME, address, cut

NO_INSTANCE = "urn:jenkins"
_LONGEST_NUMBER = 18


class Place(NamedTuple):
    """What an address names; None for what it does not."""

    instance: str | None
    job: str | None
    number: int | None


def place(text: str | None) -> Place:
    """The place that an address names, absolute or from `job/` on."""
    given = f"/{cut(text, MAX_NAME) or ''}".replace("//job/", "/job/") if text and "://" not in text else text or ""
    before, found, after = given.partition("/job/")
    if not found:
        return Place(instance(given), None, None)
    parts = [part for part in f"job/{after}".split("/") if part]
    names: list[str] = []
    while len(parts) >= len(("job", "name")) and parts[0] == "job":
        names.append(unquote(parts[1]))
        parts = parts[2:]
    is_number = bool(parts) and parts[0].isascii() and parts[0].isdigit() and len(parts[0]) <= _LONGEST_NUMBER
    return Place(instance(before), cut("/".join(names)), int(parts[0]) if is_number else None)


def instance(base: str | None) -> str | None:
    """The base URL in its one spelling; None where the text is no absolute one."""
    clean = address(base)
    return clean.rstrip("/") if clean and "://" in clean else None


def page(base: str, job: str, number: int) -> str | None:
    """The address of a build's page; None where the instance's is not known."""
    if base == NO_INSTANCE:
        return None
    path = "/".join(f"job/{quote(name, safe='')}" for name in job.split("/"))
    return address(f"{base}/{path}/{number}/")
