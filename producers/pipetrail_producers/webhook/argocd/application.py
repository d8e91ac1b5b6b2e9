"""What an Argo CD Application says of itself: where it deploys to, what, and in which operation. Pure.

The object is the one that `kubectl get application -o json` gives (argoproj.io/v1alpha1). Its revision is not what runs: it is
a commit of the repository that configures it, or the version of a Helm chart, or a list of both where there are several
sources. What runs are the images; only a digest among them says which artifact that is.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from pipetrail_producers.webhook.cloudevent import required
from pipetrail_producers.webhook.delivery import Delivery
from pipetrail_producers.webhook.image import Image, image
from pipetrail_producers.webhook.payload import at, items, moment
from pipetrail_producers.webhook.values import Data, address, full_revision, name, repository, vcs_repository

NO_INSTANCE = "urn:argocd"
# Argo CD's own name of the cluster that it runs in, and that cluster's address.
_OWN_CLUSTER = ("in-cluster", "https://kubernetes.default.svc")
# Labels by which people say what an application's environment is.
_ENVIRONMENT_LABELS = ("environment", "env", "app.kubernetes.io/environment")
_OPERATION = "status.operationState"


class Application(NamedTuple):
    """An application, and what came with it: the instance's base URL, the settings' and the notification's environments."""

    object: Any
    instance: str
    environments: Any
    context: Any

    @property
    def key(self) -> str:
        """The application's own key; its name where templates leave the uid out."""
        return name(self.object, "metadata.uid") or f"{name(self.object, 'metadata.namespace') or ''}/{self.name}"

    @property
    def name(self) -> str:
        """The application's name."""
        return required(name(self.object, "metadata.name"), "argocd", "notification", "app.metadata.name")

    @property
    def phase(self) -> str | None:
        """Running, Terminating, Succeeded, Failed or Error; None where no operation ever ran."""
        return name(self.object, f"{_OPERATION}.phase")

    @property
    def started(self) -> datetime | None:
        """When the last operation began."""
        return moment(self.object, f"{_OPERATION}.startedAt")

    @property
    def operation(self) -> Any:
        """The last operation's state."""
        return at(self.object, _OPERATION)

    @property
    def destination(self) -> str:
        """Cluster and namespace, like `in-cluster/pay`."""
        server = name(self.object, "spec.destination.server")
        cluster = name(self.object, "spec.destination.name")
        if cluster is None and server and server.rstrip("/") == _OWN_CLUSTER[1]:
            cluster = _OWN_CLUSTER[0]
        return f"{cluster or _host(server) or 'unknown'}/{name(self.object, 'spec.destination.namespace') or 'default'}"

    @property
    def environment(self) -> str:
        """The environment's name.

        The settings say it for a destination or its namespace, else a label of the application does, else the notification's
        context, else it is called by its destination.
        """
        namespace = self.destination.partition("/")[2]
        told = _plain(self.environments, self.destination) or _plain(self.environments, namespace)
        labels = at(self.object, "metadata.labels")
        labelled = next((found for label in _ENVIRONMENT_LABELS if (found := _plain(labels, label))), None)
        return told or labelled or name(self.context, "environment") or self.destination

    @property
    def page(self) -> str | None:
        """The application's page; None where the instance's address is not known."""
        place = f"{name(self.object, 'metadata.namespace') or 'argocd'}/{self.name}"
        return None if self.instance == NO_INSTANCE else address(f"{self.instance}/applications/{quote(place)}")


def settings_problem(settings: Mapping[str, Any]) -> str:
    """What is wrong with a source's settings; empty where nothing is."""
    unknown = [one for one in settings if one != "environments"]
    if unknown:
        return f"{', '.join(map(repr, unknown))} is not known; there is: environments"
    told = settings.get("environments", {})
    if not isinstance(told, Mapping) or not all(isinstance(one, str) and one for pair in told.items() for one in pair):
        return "environments must be names by destination, like {in-cluster/pay: prod}"
    return ""


def application(delivery: Delivery) -> Application:
    """The application of a delivery: its member `app`, or the whole body.

    Raises:
        UntranslatableError: there is none with a name.
    """
    payload = delivery.payload
    found = at(payload, "app") or payload
    context = at(payload, "context")
    instance = (address(delivery.instance) or address(name(context, "argocdUrl")) or NO_INSTANCE).rstrip("/")
    told = Application(found, instance, delivery.settings.get("environments"), context)
    required(name(found, "metadata.name"), "argocd", "notification", "app.metadata.name")
    return told


def revisions(app: Application) -> list[str]:
    """What the sources were at in the last operation: commits, versions of charts; one for each source."""
    for path in (f"{_OPERATION}.syncResult", f"{_OPERATION}.operation.sync"):
        several = [found for one in items(app.object, f"{path}.revisions") if (found := name({"": one}, ""))]
        alone = name(app.object, f"{path}.revision")
        if several or alone:
            return several or [str(alone)]
    return []


def commits(app: Application) -> list[Data]:
    """`vcs` of each source that is a git repository, at the commit it was synced to. Helm charts' versions are none."""
    found: dict[str, Data] = {}
    for source, revision in zip(_sources(app), revisions(app), strict=False):
        canonical = repository(name(source, "repoURL"))
        commit = full_revision({"": revision}, "")
        if canonical and commit and not at(source, "chart"):
            branch = name(source, "targetRevision")
            head = {"revision": commit, "name": None if branch in {None, "HEAD", commit} else branch}
            found.setdefault(f"{canonical} {commit}", {"repository": vcs_repository(canonical), "ref": {"head": head}})
    return list(found.values())


def images(app: Application, *, is_healthy: bool) -> list[Image]:
    """The images that the last operation brought.

    Those of the operation's own result where it tells them, else all that run, once the application is healthy: before that the
    former ones still run beside them. Where one name runs with two references, neither is taken: one of them is the former.
    """
    resources = items(app.object, f"{_OPERATION}.syncResult.resources")
    told = [one for resource in resources for one in items(resource, "images")]
    if not told and is_healthy:
        told = items(app.object, "status.summary.images")
    by_name: dict[str, set[Image]] = defaultdict(set)
    for one in told:
        if isinstance(one, str) and (found := image(one)):
            by_name[found.name].add(found)
    return [next(iter(found)) for _, found in sorted(by_name.items()) if len(found) == 1]


def is_rollback(app: Application) -> bool:
    """Whether the last deployment put back what had been deployed before the one that it replaced (by `status.history`)."""
    history = [found for entry in items(app.object, "status.history") if (found := _deployed(entry))]
    last, *before = history[::-1] or [[]]
    return bool(last) and last == revisions(app) and before[:1] != [last] and last in before[1:]


def _deployed(entry: Any) -> list[str]:
    several = [found for one in items(entry, "revisions") if (found := name({"": one}, ""))]
    alone = name(entry, "revision")
    return several or ([alone] if alone else [])


def _sources(app: Application) -> list[Any]:
    """The sources, in the order of their revisions."""
    for path in (f"{_OPERATION}.syncResult", f"{_OPERATION}.operation.sync", "spec"):
        several = items(app.object, f"{path}.sources")
        alone = at(app.object, f"{path}.source")
        if several or name(alone, "repoURL"):
            return several or [alone]
    return []


def _plain(found: Any, key: str) -> str | None:
    """A value whose key has dots in it."""
    return name({"": found.get(key)}, "") if isinstance(found, Mapping) else None


def _host(server: str | None) -> str | None:
    clean = address(server)
    return urlsplit(clean).netloc or None if clean else None
