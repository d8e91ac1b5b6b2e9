"""Have the servers and a Java to run them on this machine: downloaded and assembled once, then found in the cache."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipetrail_deploy import artifacts, trees
from pipetrail_deploy.account import Account
from pipetrail_deploy.fetch import fetch, missing
from pipetrail_deploy.places import cache_folder, locked, make_folder
from pipetrail_deploy.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Installed:
    """Where everything is: the `java` program and the folder of each server; `opensearch` None where it was not wanted."""

    java: Path
    kafka: Path
    opensearch: Path | None


def ensure(account: Account | None, reporter: Reporter, *, opensearch: bool = True) -> Installed:
    """Download and assemble what is missing. Needs no network when nothing is; several may call it at a time.

    Args:
        account: who must be able to run it; None for us.
        reporter: who is told of a download.
        opensearch: False when Kafka is enough.

    Raises:
        FetchError: what is missing cannot be downloaded.
        NoSpaceError: the disk has too little room.
        LockedError: somebody else has been downloading for too long.
    """
    parts = artifacts.load()
    cache = make_folder(cache_folder(os.environ, account))
    with locked(cache / "lock"):
        wanted = [*parts.kafka.artifacts(), *(parts.opensearch.artifacts() if opensearch else ())]
        names = f"Kafka {parts.kafka.version}" + (f", OpenSearch {parts.opensearch.version}" if opensearch else "")
        absent = missing(cache, wanted)
        if absent:
            total = sum(artifact.size for artifact in absent)
            with reporter.progress("Fetching", f"{names} (kept for next time)", total) as advance:
                fetch(cache, absent, advance)
        return Installed(
            trees.java_home(cache, account) / "bin" / "java",
            trees.kafka_tree(cache, parts.kafka, parts.digest),
            trees.opensearch_tree(cache, parts.opensearch, parts.digest) if opensearch else None,
        )
