"""Where a GitLab payload comes from: which instance, which project. Pure.

The instance is part of every id, so hook and importer must agree on it: the one that the settings name, else the beginning of
the project's web address before its path, else the header `X-Gitlab-Instance`. Group and system hooks of older versions name
none; their events then stand under `urn:gitlab`, which is enough as long as there is one GitLab.
"""

from dataclasses import dataclass

from pipetrail_producers.ci.context import origin
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.forge import ForgePlace
from pipetrail_producers.webhook.gitlab.read import FORGE
from pipetrail_producers.webhook.values import address, name, repository, url

NO_INSTANCE = "urn:gitlab"
_INSTANCE_HEADER = "x-gitlab-instance"
# Where a project's address stands, the most reliable first; older hooks have no `project`.
_ADDRESSES = (
    "project.web_url",
    "project.homepage",
    "repository.homepage",
    "project.git_http_url",
    "repository.git_http_url",
    "object_attributes.target.web_url",
)


@dataclass(frozen=True, slots=True)
class Place(ForgePlace):
    """The place of a delivery.

    Args:
        path: of the project, with its groups.
    """

    forge = FORGE
    address = "project.web_url"

    path: str | None


def place(delivery: Delivery) -> Place:
    """The place of a delivery."""
    payload = delivery.payload
    path = name(payload, "project.path_with_namespace")
    found = next((found for spelling in _ADDRESSES if (found := repository(url(payload, spelling)))), None)
    named = delivery.instance or _before(found, path) or delivery.headers.get(_INSTANCE_HEADER) or origin(found)
    instance = canonical_instance(named)
    if path is None and found and instance:
        path = found.removeprefix(instance).strip("/")
    return Place(instance or NO_INSTANCE, found, delivery.received, path or None)


def canonical_instance(base: str | None) -> str | None:
    """One spelling of an instance's base URL: no trailing slash, the host in lower case; None for what is no address."""
    clean = address(base)
    host = origin(clean)
    if clean is None or host is None:
        return None
    return host.lower() + clean[len(host) :].partition("?")[0].partition("#")[0].rstrip("/")


def below(instance: str, path: str | None) -> str | None:
    """The repository of a project that only its path is known of; None where the instance is not known."""
    return repository(f"{instance}/{path}") if path and instance != NO_INSTANCE else None


def _before(found: str | None, path: str | None) -> str | None:
    ending = f"/{path}"
    return found.removesuffix(ending) if found and path and found.endswith(ending) else None
