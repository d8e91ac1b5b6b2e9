"""Download pinned artifacts into the cache: a few at a time, each verified before it gets its name there.

A file in the cache under its name has been verified; it is verified again when it is used (`verified`). jgo does the talking:
it knows Maven Central's address and takes a mirror's.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from pipetrail_deploy.artifacts import Artifact
from pipetrail_deploy.errors import CorruptError, FetchError
from pipetrail_deploy.places import make_folder, require_space
from pipetrail_deploy.repository import CENTRAL, mirror_url

_AT_A_TIME = 6  # most of the time goes into round trips of small jars; more gains nothing and looks like an attack
_TRIES = 3  # a broken connection or a torn file is common enough on a slow line
_TIMEOUT_S = 30  # between two bytes, not for a whole file
_FILE_MODE = 0o644


def missing(cache: Path, artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Those artifacts that are not in the cache, biggest first, so that the last to arrive is a small one."""
    absent = {artifact for artifact in artifacts if not path_of(cache, artifact).is_file()}
    return sorted(absent, key=lambda artifact: (-artifact.size, str(artifact)))


def path_of(cache: Path, artifact: Artifact) -> Path:
    """Where an artifact is kept."""
    return cache / "artifacts" / artifact.group / artifact.filename


def fetch(cache: Path, artifacts: list[Artifact], advance: Callable[[int], None], settings: Path | None = None) -> None:
    """Download artifacts into the cache.

    Args:
        cache: the cache folder.
        artifacts: what to download.
        advance: called with the number of bytes of each part that came, from several threads.
        settings: the user's Maven settings; ~/.m2/settings.xml by default.

    Raises:
        FetchError: one cannot be had.
        CorruptError: one is not what is pinned, again and again.
        NoSpaceError: the disk has no room for them.
        SettingError: the Maven settings cannot be read.
    """
    require_space(cache, sum(artifact.size for artifact in artifacts))
    mirror = mirror_url(settings or Path.home() / ".m2" / "settings.xml")
    make_folder(cache / "artifacts")
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as incoming:
        context = MavenContext(
            PythonResolver(progress_callback=_progress(advance)),
            repo_cache=Path(incoming),
            remote_repos={CENTRAL: mirror} if mirror else None,
            timeout=_TIMEOUT_S,
        )
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            futures = [pool.submit(_fetch_one, context, cache, artifact) for artifact in artifacts]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def verified(cache: Path, artifact: Artifact) -> Path:
    """The path of an artifact in the cache.

    Raises:
        CorruptError: it is not what is pinned any more; it has been removed, so that the next run downloads it anew.
    """
    path = path_of(cache, artifact)
    if _sha256(path) != artifact.sha256:
        path.unlink()
        raise CorruptError(f"{path} was damaged and has been removed: run the command again to download {artifact} anew")
    return path


def _fetch_one(context: MavenContext, cache: Path, artifact: Artifact) -> None:
    for remaining in reversed(range(_TRIES)):
        try:
            _download(context, cache, artifact)
        except FetchError:
            if not remaining:
                raise
        else:
            return


def _download(context: MavenContext, cache: Path, artifact: Artifact) -> None:
    wanted = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        path = wanted.artifact(packaging=artifact.packaging).resolve()
    except requests.RequestException as exc:
        raise FetchError(
            f"{artifact} cannot be downloaded ({type(exc).__name__}): the first start needs Maven Central, or the mirror of it "
            "that ~/.m2/settings.xml names; proxies are taken from the environment"
        ) from exc
    except RuntimeError as exc:  # jgo's word for any answer but 200
        raise FetchError(f"{artifact} is not to be had: the Maven repository refuses it or does not have it") from exc
    if _sha256(path) != artifact.sha256:
        path.unlink()
        raise CorruptError(f"{artifact} came with other contents than are pinned: a proxy or mirror may have changed it")
    path.chmod(_FILE_MODE)
    target = path_of(cache, artifact)
    make_folder(target.parent)
    shutil.move(path, target)


def _progress(advance: Callable[[int], None]) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    @contextmanager
    def start(_filename: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield advance

    return start


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
