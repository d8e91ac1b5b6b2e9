"""Which addresses a channel may be sent to (CWE-918). What decides is pure; looking a name up is the caller's.

Rules: https only; no user in the address; the host is named in the allow-list; every address that its name leads to is a public
one; the connection goes to an address that was checked, not to what the name means a moment later; redirects are not followed.
With `loopback`, which is for trying things out on one machine, http to a literal 127.0.0.1 or ::1 is allowed as well.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from pipetrail_sinks.notify.errors import TargetForbiddenError

# Hosts of the services that channels are made for.
KNOWN_HOSTS = (
    "hooks.slack.com",
    "slack.com",
    "events.pagerduty.com",
    "events.eu.pagerduty.com",
    "*.logic.azure.com",
    "*.api.powerplatform.com",
    "*.webhook.office.com",
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
LOOPBACK = frozenset({"127.0.0.1", "::1"})
# RFC 6052: an IPv4 address in an IPv6 one, for translators; RFC 3056 and 4380 have the same in 6to4 and Teredo.
_TRANSLATED = IPv6Network("64:ff9b::/96")
_TRANSLATED_LOCALLY = IPv6Network("64:ff9b:1::/48")


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called once the host's addresses are checked."""

    scheme: str
    host: str
    port: int
    path: str


def parse_target(url: str, *, allow: Collection[str], loopback: bool = False) -> Target:
    """The address in its parts.

    Raises:
        TargetForbiddenError: it may not be called. The message has the host and nothing behind it, which may be a secret.
    """
    # A fragment is sent to nobody, and programs differ in where it begins.
    if not url.isascii() or any(character <= " " or character in "\\#\x7f" for character in url):
        raise TargetForbiddenError("the address has characters in it that no address has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise TargetForbiddenError("the address is none") from exc
    if parts.username is not None or parts.password is not None:
        raise TargetForbiddenError(f"{host}: the address names a user")
    local = loopback and host in LOOPBACK
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise TargetForbiddenError(f"{host or 'the address'}: only https is allowed")
    if not local:
        _check_name(host, allow)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def check_addresses(target: Target, addresses: Iterable[str], *, loopback: bool = False) -> list[str]:
    """The addresses that the host's name led to, when every one of them may be connected to.

    Raises:
        TargetForbiddenError: one of them is no public address, or there is none.
    """
    found = list(dict.fromkeys(addresses))
    if loopback and target.host in LOOPBACK:
        return [target.host]
    for address in found:
        if not is_public(address):
            raise TargetForbiddenError(f"{target.host} leads to {address}, which is no public address")
    if not found:
        raise TargetForbiddenError(f"{target.host} leads nowhere")
    return found


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, however it is dressed up."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return "%" not in address and all(_is_public(one) for one in _meanings(parsed))


def _meanings(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, and those in it that a router or translator may send a packet to."""
    if isinstance(address, IPv4Address):
        return [address]
    inner: list[IPv4Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    # A mapped address is the inner one and nothing else.
    outer = [] if address.ipv4_mapped else [address]
    return [*outer, *(one for one in inner if one is not None)]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address in _TRANSLATED_LOCALLY or address.is_site_local):
        return False
    if isinstance(address, IPv6Address) and address in _TRANSLATED:
        return True  # as public as the address in it
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _check_name(host: str, allow: Collection[str]) -> None:
    labels = host.split(".")
    # A name with letters in its last part: no number in any of the spellings that C libraries take for an address.
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or not labels[-1].isalpha():  # noqa: PLR2004
        raise TargetForbiddenError(f"{host or 'the address'}: only names of hosts are allowed, no addresses")
    if not any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in allow):
        raise TargetForbiddenError(f"{host} is not among the hosts that may be called; `allow` in the routes file names more")
