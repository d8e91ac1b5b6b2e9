"""The pinned list of what the local stack is made of."""

import re
from collections import Counter

from pipetrail_deploy import artifacts

PARTS = artifacts.load()
EVERY = [*PARTS.kafka.artifacts(), *PARTS.opensearch.artifacts()]


def test_every_artifact_is_pinned() -> None:
    """Each has an exact version, a size and a SHA-256 sum."""
    assert EVERY
    for one in EVERY:
        assert re.fullmatch(r"[0-9a-f]{64}", one.sha256), one
        assert one.size > 0, one
        assert not re.search(r"SNAPSHOT|LATEST|RELEASE|[\[(,]", one.version), one


def test_no_jar_of_kafka_comes_in_two_versions() -> None:
    """On a class path the first of two would win, by chance."""
    names = Counter((jar.group, jar.name) for jar in PARTS.kafka.jars)
    assert {name for name, count in names.items() if count > 1} == set()


def test_kafka_is_of_one_version() -> None:
    """All parts of the project are of the version that the stack says it runs."""
    versions = {jar.version for jar in PARTS.kafka.jars if jar.group == "org.apache.kafka"}
    assert versions == {PARTS.kafka.version}


def test_what_an_addon_extends_is_there() -> None:
    """OpenSearch refuses to start with a module whose base is missing."""
    names = {addon.name for addon in PARTS.opensearch.addons}
    assert {base for addon in PARTS.opensearch.addons for base in addon.extends} <= names


def test_the_digest_follows_the_text() -> None:
    """Another list makes another tree; the same list the same."""
    row = f'{{ maven = "g:a:1", bytes = 1, sha256 = "{"0" * 64}" }}'
    server = f"server = {row}\nleave_out = []\nlib = []\naddons = []\n"
    text = f'[kafka]\nversion = "1"\njars = [{row}]\n[opensearch]\nversion = "1"\n{server}'
    assert artifacts.parse(text).digest == artifacts.parse(text).digest
    assert artifacts.parse(text).digest != artifacts.parse(text.replace('"g:a:1"', '"g:a:2"')).digest


def test_coordinates_are_read_as_maven_writes_them() -> None:
    """group:name:version, and a packaging where it is no jar."""
    assert {one.packaging for one in EVERY} == {"jar", "zip"}
    server = PARTS.opensearch.server
    assert (server.filename, str(server)) == (
        f"opensearch-{PARTS.opensearch.version}.zip",
        f"org.opensearch.distribution.integ-test-zip:opensearch:{PARTS.opensearch.version}",
    )
