"""`pipetrail import gitlab`: click only; what is read stands in `steps`."""

import os
from typing import Any
from urllib.parse import quote, urlsplit

import click
from pipetrail_schemas.times import now

from pipetrail_producers.importers.gitlab.steps import steps
from pipetrail_producers.importers.rest.options import Options, import_all, shared, source_of, token
from pipetrail_producers.webhook.gitlab.place import Place, below, canonical_instance

_DEFAULT_URL = "https://gitlab.com"
_TOKEN = "GITLAB_TOKEN"  # noqa: S105  # a variable's name


@click.command(name="gitlab")
@click.argument("project")
@click.option("--url", default=_DEFAULT_URL, show_default=True, help="The GitLab instance.")
@shared
def import_gitlab(project: str, url: str, **shared_options: Any) -> None:
    """Import merge requests, approvals, pipelines, jobs, deployments and releases of PROJECT, like group/shop.

    PROJECT may also be the project's address. The API token is taken from GITLAB_TOKEN; public projects need none.
    """
    options = Options(**shared_options)
    place = _place(project, url)
    secret = token(options, os.environ, _TOKEN)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    base = f"{place.instance}/api/v4/projects/{quote(place.path or '', safe='')}"
    import_all(
        place.repository or place.instance,
        steps(place, options.since),
        lambda say: source_of(options, base, headers, say),
        options,
        "gitlab",
    )


def _place(project: str, url: str) -> Place:
    """The project that was named, by its path or its address."""
    if "://" in project:
        # The address of a project on an instance below a path (https://host/gitlab) says where it is together with --url.
        parts = urlsplit(project)
        url = url if project.startswith(f"{url.rstrip('/')}/") else f"{parts.scheme}://{parts.netloc}"
        project = project.removeprefix(url.rstrip("/"))
    instance, path = canonical_instance(url), project.strip("/").removesuffix(".git")
    if instance is None or not instance.startswith(("https://", "http://")):
        raise click.BadParameter(f"{url!r} is no address, like {_DEFAULT_URL}", param_hint="--url")
    repository = below(instance, path)
    if repository is None or "/" not in path:
        raise click.BadParameter(f"{project!r} is no path with its group, like group/shop", param_hint="PROJECT")
    return Place(instance, repository, now(), path)
