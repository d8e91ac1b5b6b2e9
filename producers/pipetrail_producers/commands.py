"""The agent's commands. click and wiring only: what an event is stands in `build_event`, how it is sent in `recorder`.

Exit codes: 0 delivered, 75 spooled (EX_TEMPFAIL), 2 wrong usage, anything else not recorded. `run` has the child's code.
"""

import json
import os
import sys
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from pipetrail_schemas.types import Result

from pipetrail_producers import artifact as artifacts
from pipetrail_producers.annotate import warn
from pipetrail_producers.options import Common, gathered, printing, read_data
from pipetrail_producers.outcome import event_of, record, record_events, record_whole
from pipetrail_producers.patience import until_signalled
from pipetrail_producers.recorder import EXIT_SPOOLED, Recorder

# A record was found damaged: it is kept, but somebody has to look at it.
_EXIT_DAMAGED = 65  # EX_DATAERR of sysexits.h


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.option("--data", metavar="JSON", help="The event's data as JSON, @FILE, or - for standard input.")
@click.option("--result", type=click.Choice([result.value for result in Result]), help="How it ended.")
@click.option("--stage", metavar="NAME", help="The stage of the policy that it is about.")
@printing
def emit(type_name: str, data: str | None, result: str | None, stage: str | None, **given: Any) -> None:
    """Send one event of TYPE, like build.finished or dev.pipetrail.build.finished.v1.

    Prints the event's id. With TYPE - a whole CloudEvent is read from standard input.
    """
    said_here = gathered(given)
    if type_name == "-":
        record_whole(click.get_binary_stream("stdin").read(), said_here)
        return
    values = {**said_here.values, "pipetrail.result": result, "pipetrail.stage": stage}
    record(said_here, type_name, values, read_data(data))


@click.command()
@click.argument("control")
@click.option("--stage", metavar="NAME", help="The stage that was passed over, where the control is one.")
@printing
def override(control: str, stage: str | None, **given: Any) -> None:
    """Record that CONTROL (a gate, a check, a freeze …) was passed over. --reason is required."""
    said_here = gathered(given)
    if not (given["reason"] or "").strip():
        raise click.UsageError("--reason is required: an override without a reason is what pipetrail is there to find")
    values = {**said_here.values, "pipetrail.control": control, "pipetrail.stage": stage}
    record(said_here, "policy.bypassed", values)


@click.command()
@click.option("--decision", type=click.Choice(["approved", "rejected"]), default="approved", show_default=True)
@click.option("--change", metavar="ID", help="The pull or merge request that is approved.")
@printing
def approve(decision: str, change: str | None, **given: Any) -> None:
    """Record that somebody approved a commit, a change or a deployment."""
    said_here = gathered(given)
    values = {**said_here.values, "pipetrail.decision": decision, "vcs.change.id": change}
    record(said_here, "approval.decided", values)


@click.command()
@click.argument("action")
@click.option("--run", "run_id", metavar="ID", help="The pipeline run that was stepped into; else the one that this runs in.")
@click.option("--job", metavar="NAME", help="The job of the run.")
@printing
def intervention(action: str, run_id: str | None, job: str | None, **given: Any) -> None:
    """Record that somebody stepped in by hand.

    ACTION says how: rerun, cancel, dispatch, manual-job, shell-session or a word of your own. --reason is required.
    """
    said_here = gathered(given)
    if not (given["reason"] or "").strip():
        raise click.UsageError("--reason is required: who steps in by hand says why")
    values = {**said_here.values, "event.action": action, "cicd.pipeline.task.name": job}
    record(replace(said_here, context={**said_here.context, "run_id": run_id}), "intervention.recorded", values)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--digest", metavar="DIGEST", help="Its digest, sha256:…, where it is no file here: an image in a registry.")
@click.option("--published", is_flag=True, help="It was put where others get it, not made.")
@click.option("--purl", metavar="PURL", help="Its package URL, like pkg:pypi/shop@1.2.")
@click.option("--version", metavar="TEXT", help="Its version.")
@click.option("--provenance", type=click.Path(path_type=Path), help="A file of SLSA provenance or in-toto statements about it.")
@printing
def artifact(
    file: Path | None,
    digest: str | None,
    purl: str | None,
    version: str | None,
    provenance: Path | None,
    *,
    published: bool,
    **given: Any,
) -> None:
    """Record an artifact by its digest: that of FILE, which is computed, or the one that is given.

    What the statements of --provenance say of it is recorded as well, as what their signers claim.
    """
    said_here = gathered(given)
    described = _artifact(file, digest)
    if described is None:
        raise click.UsageError("name a FILE, or give its --digest")
    values = {**said_here.values, "artifact.purl": purl, "artifact.version": version}
    name = "artifact.published" if published else "artifact.packaged"
    data = {"artifact": described}
    if provenance is None:
        record(said_here, name, values, data)
        return
    from pipetrail_producers.attested import attested  # noqa: PLC0415  # who has no statement does not wait for its readers

    statements = attested(provenance, described["hash"])
    record_events(lambda: [event_of(said_here, name, values, data), *statements], said_here)


@click.group()
def deploy() -> None:
    """Record the start or the end of a deployment."""


@deploy.command()
@click.option("--artifact", "file", type=click.Path(path_type=Path), help="The file that is deployed.")
@click.option("--digest", metavar="DIGEST", help="The digest, sha256:…, of what is deployed and no file here.")
@click.option("--name", metavar="TEXT", help="What is deployed.")
@printing
def start(file: Path | None, digest: str | None, name: str | None, **given: Any) -> None:
    """Record that a deployment to --environment started.

    With --json the deployment's id is printed: hand it to `deploy finish --id`, so that both are known to be one.
    """
    record_deployment("deployment.started", gathered(given), {"deployment.name": name}, _artifact(file, digest))


@deploy.command()
@click.option(
    "--result",
    type=click.Choice([result.value for result in Result]),
    default="success",
    show_default=True,
    help="How it ended.",
)
@click.option("--artifact", "file", type=click.Path(path_type=Path), help="The file that was deployed.")
@click.option("--digest", metavar="DIGEST", help="The digest, sha256:…, of what was deployed and is no file here.")
@click.option("--name", metavar="TEXT", help="What was deployed.")
@printing
def finish(result: str, file: Path | None, digest: str | None, name: str | None, **given: Any) -> None:
    """Record that a deployment to --environment ended."""
    values = {"deployment.name": name, "pipetrail.result": result}
    record_deployment("deployment.finished", gathered(given), values, _artifact(file, digest))


@click.command()
@click.option("--collector", metavar="URL", help="Deliver to this collector, not to Kafka.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def flush(*, collector: str | None, as_json: bool) -> None:
    """Deliver what is spooled, oldest first. Exit code 0: the spool is empty; 75: something is left; 65: damage was found."""
    recorder = Recorder(os.environ, collector=collector)
    with until_signalled() as cancelled:
        done = recorder.flush(cancelled=cancelled)
    if as_json:
        damaged = [{"file": str(one.path), "reason": one.reason} for one in done.damaged]
        click.echo(json.dumps({**asdict(done), "damaged": damaged, "spool": str(recorder.spool.folder)}))
    else:
        rest = f", {done.left} left ({done.problem})" if done.left else ""
        click.echo(f"{done.delivered} delivered{rest}")
    for one in done.damaged:
        warn(os.environ, f"a damaged record was set aside: {one.path}: {one.reason}")
    if done.left:
        sys.exit(EXIT_SPOOLED)
    if done.damaged:
        sys.exit(_EXIT_DAMAGED)


def record_deployment(name: str, said_here: Common, values: dict[str, Any], deployed: dict[str, Any] | None) -> None:
    """Record one end of a deployment. Its id is the caller's, else one of its own."""
    deployment = said_here.native_id or uuid.uuid4().hex
    data = {"artifact": deployed} if deployed else {}
    # The same key: told twice, it is the same event.
    record(replace(said_here, native_id=deployment), name, {**said_here.values, "deployment.id": deployment, **values}, data)


def _artifact(file: Path | None, digest: str | None) -> dict[str, Any] | None:
    if file and digest:
        raise click.UsageError("a file has the digest that it has: give the file or --digest, not both")
    return artifacts.describe(file) if file else artifacts.known_by(digest) if digest else None
