"""`pipetrail collect`: the command line of the collector. The server is imported when it runs, so that `--help` is quick."""

import os
from pathlib import Path

import click
from pipetrail_schemas import connection
from pipetrail_schemas.errors import SettingError


@click.command()
@click.option("--check", is_flag=True, help="Check the settings and the sources, show who may send where, and end.")
@click.option(
    "--ready-file",
    "ready_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written with the port once connections are taken; removed at the end.",
)
def collect(ready_path: Path | None, *, check: bool) -> None:
    """Take webhooks and events over HTTP until SIGTERM or Ctrl-C, and bring them to Kafka.

    What is answered with 2xx is safe on disk. Settings are environment variables, PIPETRAIL_COLLECT_*; of them, _SOURCES names
    the file that says who may send what. A wrong setting stops the program and says what is allowed.
    """
    try:
        from pipetrail_schemas.service import lifecycle, log  # noqa: PLC0415 - see above

        from pipetrail_producers.collector import app, places, server, settings, sources  # noqa: PLC0415 - see above
    except ModuleNotFoundError as exc:
        raise SettingError("collect", f"needs {exc.name}: pip install 'pipetrail-producers[collector]'") from exc

    loaded = settings.CollectSettings.load()
    allowed = sources.load(loaded.sources, os.environ)
    services = connection.load()
    if check:
        for path, source in sorted(allowed.hooks.items()):
            proof = "unsigned: anybody" if source.unsigned else source.scheme
            click.echo(f"POST {path:40}{source.name:24}{proof}")
        senders = [*dict.fromkeys(name for name, _ in allowed.tokens), *allowed.issuers]
        click.echo(f"POST {'/v1/events':40}{', '.join(senders) or ('anybody' if allowed.open_events else 'nobody')}")
        return
    services.require_kafka()
    log.configure(loaded.log_level, loaded.log_format)
    folder = places.folder(services.home, loaded.store)
    with lifecycle.ready_file(ready_path) as mark:

        def ready(port: int) -> None:
            click.echo(f"listening on {loaded.host}:{port}", err=True)
            mark.write(str(port))

        server.serve(app.build(loaded, allowed, folder), loaded, ready=ready)
