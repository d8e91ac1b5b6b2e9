"""Downloads: verified, repeatable, and refused in words."""

import gc
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from pipetrail_deploy.artifacts import Artifact
from pipetrail_deploy.errors import CorruptError, FetchError, NoSpaceError
from pipetrail_deploy.fetch import fetch, missing, path_of, verified
from pipetrail_deploy.ports import free_port
from support import maven
from support.maven import Repository

# jgo leaves the connection of a download that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Such connections end here, not in another test."""
    yield
    gc.collect()


class Usage(NamedTuple):
    """What shutil.disk_usage returns."""

    total: int
    used: int
    free: int


@pytest.fixture
def repository() -> Iterator[Repository]:
    """An empty repository."""
    with maven.serving() as repository:
        yield repository


def _fetch(cache: Path, repository: Repository, *artifacts: Artifact) -> int:
    came: list[int] = []
    fetch(cache, list(artifacts), came.append, repository.settings(cache))
    return sum(came)


def test_what_is_fetched_is_kept_and_not_asked_for_again(tmp_path: Path, repository: Repository) -> None:
    """After a download nothing is missing, and the mirror of the user's settings was asked, not Central."""
    artifacts = [repository.add(f"part-{number}", bytes([number]) * 1000 * number) for number in range(1, 9)]
    assert missing(tmp_path, artifacts) == artifacts[::-1]
    assert _fetch(tmp_path, repository, *artifacts) == sum(artifact.size for artifact in artifacts)
    assert missing(tmp_path, artifacts) == []
    assert {maven.path(artifact) for artifact in artifacts} <= set(repository.asked)
    for number, artifact in enumerate(artifacts, 1):
        assert verified(tmp_path, artifact).read_bytes() == bytes([number]) * 1000 * number
        assert path_of(tmp_path, artifact).stat().st_mode & 0o777 == 0o644


def test_other_contents_than_pinned_are_refused(tmp_path: Path, repository: Repository) -> None:
    """A changed download gets no name in the cache, and the error says which it is."""
    artifact = replace(repository.add("part", b"evil"), sha256="0" * 64)
    with pytest.raises(CorruptError, match=r"org\.example:part:1\.0 came with other contents"):
        _fetch(tmp_path, repository, artifact)
    assert missing(tmp_path, [artifact]) == [artifact]
    assert [path.name for path in tmp_path.rglob("*.jar")] == []


def test_a_torn_download_is_tried_again(tmp_path: Path, repository: Repository) -> None:
    """A connection that breaks once costs a second try, nothing else."""
    artifact = repository.add("part", b"x" * 100_000)
    repository.torn.add(maven.path(artifact))
    _fetch(tmp_path, repository, artifact)
    assert verified(tmp_path, artifact).stat().st_size == 100_000


def test_what_the_repository_lacks_is_named(tmp_path: Path, repository: Repository) -> None:
    """An artifact that is not there is an error that names it."""
    absent = replace(repository.add("part", b"x"), name="absent")
    with pytest.raises(FetchError, match=r"org\.example:absent:1\.0 is not to be had"):
        _fetch(tmp_path, repository, absent)


def test_no_network_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Where nobody listens, the message says what the first start needs."""
    nowhere = Repository(f"http://127.0.0.1:{free_port()}")
    artifact = nowhere.add("part", b"x")
    with pytest.raises(FetchError, match=r"the first start needs Maven Central.*settings\.xml.*prox"):
        _fetch(tmp_path, nowhere, artifact)


def test_a_full_disk_is_found_out_before_the_download(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked for when there is no room for it."""
    artifact = repository.add("part", b"x" * 2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1_000_000))
    with pytest.raises(NoSpaceError, match="has 1 MB of room, and 2 MB are needed"):
        _fetch(tmp_path, repository, artifact)
    assert repository.asked == []


def test_a_damaged_file_of_the_cache_is_removed(tmp_path: Path, repository: Repository) -> None:
    """It is not used, and the next run downloads it anew."""
    artifact = repository.add("part", b"good")
    _fetch(tmp_path, repository, artifact)
    path_of(tmp_path, artifact).write_bytes(b"evil")
    with pytest.raises(CorruptError, match="was damaged and has been removed"):
        verified(tmp_path, artifact)
    assert missing(tmp_path, [artifact]) == [artifact]
