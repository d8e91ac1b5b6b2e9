"""`pipetrail import github`: click only; what is read stands in `steps`."""

import os
from typing import Any

import click
from pipetrail_schemas.times import now

from pipetrail_producers.ci.context import origin
from pipetrail_producers.importers.github import deliveries
from pipetrail_producers.importers.github.steps import steps
from pipetrail_producers.importers.rest.options import Options, import_all, shared, source_of, token
from pipetrail_producers.webhook.github.place import PUBLIC, Place
from pipetrail_producers.webhook.values import repository

_TOKEN = "GITHUB_TOKEN"  # noqa: S105  # a variable's name
_PUBLIC_API = "https://api.github.com"
# What GitHub asks of every client: the media type, and the version of the API that was written for.
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_PARTS = 2


@click.command(name="github")
@click.argument("name", metavar="OWNER/REPO")
@click.option("--url", default=PUBLIC, show_default=True, help="GitHub, or a GitHub Enterprise Server.")
@click.option("--api-url", help="Its REST API, where it is not at the usual address.")
@click.option("--hook", metavar="ID", help="Also import what this webhook of the repository failed to deliver lately.")
@shared
def import_github(name: str, url: str, api_url: str | None, hook: str | None, **shared_options: Any) -> None:
    """Import pull requests, reviews, checks, workflow runs, jobs, deployments and releases of OWNER/REPO.

    The API token is taken from GITHUB_TOKEN; without one, GitHub answers 60 requests an hour. A token needs to read the
    repository's contents, pull requests, actions, checks and deployments.

    With --from-dir, the answer to /repos/OWNER/REPO/pulls/17/reviews is read from pulls/17/reviews.json, several pages from
    reviews.1.json, reviews.2.json … or one after the other, as `gh api --paginate` writes them.
    """
    options = Options(**shared_options)
    place = _place(name, url)
    secret = token(options, os.environ, _TOKEN)
    headers = {**_HEADERS, "Authorization": f"Bearer {secret}"} if secret else _HEADERS
    api = api_url or (_PUBLIC_API if place.instance == PUBLIC else f"{place.instance}/api/v3")
    base = f"{api.rstrip('/')}/repos/{name.strip('/')}"
    wanted = steps(place, options.since)
    if hook is not None:
        if not (hook.isascii() and hook.isdigit()):
            raise click.BadParameter(
                f"{hook!r} is no webhook's number, as its settings page has it at its end", param_hint="--hook"
            )
        wanted.append(deliveries.step(hook, place))
    import_all(
        place.repository or place.instance,
        wanted,
        lambda say: source_of(options, base, headers, say),
        options,
        "github",
    )


def _place(name: str, url: str) -> Place:
    instance = (origin(url) or "").lower()
    if not instance.startswith(("https://", "http://")):
        raise click.BadParameter(f"{url!r} is no address, like {PUBLIC}", param_hint="--url")
    found = repository(f"{instance}/{name.strip('/')}")
    if found is None or len([part for part in name.strip("/").split("/") if part]) != _PARTS:
        raise click.BadParameter(f"{name!r} is no repository with its owner, like octo-org/octo-repo", param_hint="OWNER/REPO")
    return Place(instance, found, now())
