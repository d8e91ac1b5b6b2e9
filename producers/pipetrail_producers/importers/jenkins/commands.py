"""`pipetrail import jenkins`: click only; which jobs there are and how builds are read stands in `jobs`."""

import base64
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from pipetrail_producers.importers.jenkins.jobs import Builds, Descriptions, Job, SavedBuilds, jobs
from pipetrail_producers.importers.rest.backfill import Reader, Step
from pipetrail_producers.importers.rest.client import Client, Say
from pipetrail_producers.importers.rest.options import Options, import_all, shared, token
from pipetrail_producers.importers.rest.saved import SavedAnswers
from pipetrail_producers.importers.rest.source import Source
from pipetrail_producers.webhook.fact import Fact
from pipetrail_producers.webhook.jenkins import rest
from pipetrail_producers.webhook.jenkins.place import instance
from pipetrail_producers.webhook.payload import moment

# Names that Jenkins' own command line reads, too.
_TOKEN = "JENKINS_API_TOKEN"  # noqa: S105 - a variable's name
_USER = "JENKINS_USER_ID"


@click.command(name="jenkins")
@click.argument("url")
@click.option("--user", metavar="NAME", envvar=_USER, help=f"Whose API token it is; {_USER} unless given.")
@shared
def import_jenkins(url: str, user: str | None, **shared_options: Any) -> None:
    """Import the builds of all jobs below URL, with their stages: a Jenkins, a folder, a multibranch project, or a job.

    The API token is taken from JENKINS_API_TOKEN, together with --user; a Jenkins that everybody may read needs none.
    """
    options = Options(**shared_options)
    base = instance(url)
    if base is None or not base.startswith(("https://", "http://")):
        raise click.BadParameter(f"{url!r} is no address, like https://ci.example", param_hint="URL")
    headers = _headers(user, token(options, os.environ, _TOKEN))

    def opened(say: Say) -> Source:
        return SavedBuilds(SavedAnswers(options.from_dir)) if options.from_dir else Builds(Client(base, headers, say=say))

    found = jobs(opened(lambda sentence: click.echo(f"pipetrail: {sentence}", err=True)))
    descriptions = Descriptions()
    import_all(base, [_step(job, base, options.since, descriptions) for job in found], opened, options, "jenkins")


def _step(job: Job, base: str, since: datetime | None, descriptions: Descriptions) -> Step:
    def is_older(member: Any) -> bool:
        time = moment(member, "timestamp")
        return since is not None and time is not None and time < since

    def facts(reader: Reader, member: Any) -> Iterator[Fact]:
        build = rest.build(member)
        return rest.facts(build, descriptions.of(reader, job, member))

    return Step(job.name or base, job.api, facts, members="allBuilds", is_older=is_older)


def _headers(user: str | None, secret: str | None) -> dict[str, str]:
    """HTTP Basic authentication (RFC 7617), which Jenkins wants for API tokens.

    Raises:
        click.UsageError: there is a token and nobody whose it is.
    """
    if secret is None:
        return {}
    if not user:
        raise click.UsageError(f"an API token is of a user: --user, or {_USER} in the environment, says of whom")
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
