"""Tests of how the reader fails: every way has its own error, says what to do, and lets no library's exception through."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pipetrail_deploy.ports import free_port
from pipetrail_review.client import Client
from pipetrail_review.documents import entry_of, finding_of, trail_of
from pipetrail_review.errors import BadDocumentError, BadQueryError, NothingIndexedError, RefusedError, UnreachableError
from pipetrail_review.kinds import EVENTS, KINDS, TRAILS, Kind
from pipetrail_review.query import EVERYTHING, words
from pipetrail_schemas.connection import OpenSearchConnection
from pipetrail_schemas.errors import SettingError
from support.library import Library


def test_a_closed_port_is_unreachable() -> None:
    """Nobody listening: the error names the address and the commands that help."""
    url = f"http://127.0.0.1:{free_port()}"
    with (
        Client(OpenSearchConnection(url)) as client,
        pytest.raises(UnreachableError, match=f"{url} cannot be reached; .*`pipetrail up`"),
    ):
        client.count(EVENTS, EVERYTHING)


def test_a_server_that_never_answers_is_given_up() -> None:
    """Silence ends after the timeout, which the error names."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        connection = OpenSearchConnection(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with (
            Client(connection, timeout_s=0.2) as client,
            pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"),
        ):
            client.count(EVENTS, EVERYTHING)


def test_an_authority_file_that_is_not_there_is_a_setting_error(tmp_path: Path) -> None:
    """The setting is named before anything is asked."""
    with pytest.raises(SettingError, match="PIPETRAIL_OPENSEARCH_CA_FILE"):
        Client(OpenSearchConnection("https://127.0.0.1:1", ca_file=tmp_path / "ca.pem"))


def test_an_unreachable_opensearch_is_one_line_on_the_terminal(tmp_path: Path) -> None:
    """No traceback, no log line of a library: one sentence, exit code 1."""
    env = {"PIPETRAIL_OPENSEARCH_URL": f"http://127.0.0.1:{free_port()}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "pipetrail", "findings"]
    found = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (1, "", 1)
    assert found.stderr.startswith("pipetrail: OpenSearch at http://127.0.0.1:")


@pytest.mark.parametrize("read", [trail_of, finding_of, entry_of])
def test_a_document_of_another_kind_is_named(read: object) -> None:
    """What pipetrail did not write is refused with its id and the field that is wrong."""
    assert callable(read)
    with pytest.raises(BadDocumentError, match=r"^document some\\x1bid is no (trail|finding|event) of pipetrail: "):
        read({"event": {"id": "some\x1bid"}})


@pytest.mark.stack
def test_an_index_that_is_not_there_says_nothing_was_indexed(library: Library) -> None:
    """The error names the commands that make and fill it."""
    absent = Kind("nothing", "pipetrail-nothing-v1", "event.id")
    with Client(library.connection) as client, pytest.raises(NothingIndexedError, match="`pipetrail indices apply`"):
        client.search(absent, EVERYTHING, limit=1)


@pytest.mark.stack
def test_a_pattern_without_an_index_is_empty(library: Library) -> None:
    """Before the first event there is no index of events, and no error."""
    absent = Kind("nothing", "pipetrail-nothing-v1-*", "event.id")
    with Client(library.connection) as client:
        assert client.search(absent, EVERYTHING, limit=1).total == 0
        assert list(client.scan(absent, EVERYTHING)) == []
        assert client.fields(absent) == []


@pytest.mark.stack
def test_a_bad_query_gives_the_parsers_reason(library: Library) -> None:
    """One line: what is wrong and where."""
    with (
        Client(library.connection) as client,
        pytest.raises(BadQueryError, match=r'Encountered "<EOF>" at line 1, column 3\.$'),
    ):
        client.search(EVENTS, words("a:("), limit=1)


@pytest.mark.stack
@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_documents_are_ordered_by_fields_that_exist(library: Library, kind: Kind) -> None:
    """Each kind's index has the time and the unique field that its order rests on, so that paging is sound."""
    with Client(library.connection) as client:
        assert {"@timestamp", kind.tie_break} <= set(client.fields(kind))


@pytest.mark.stack
def test_a_wrong_password_is_refused(library: Library) -> None:
    """The error names the user, and not the password."""
    if library.connection.user is None:
        pytest.skip("the stack runs without its security plugin")
    wrong = replace(library.connection.as_user("auditor"), credentials={"auditor": "not-the-password"})
    with Client(wrong) as client, pytest.raises(RefusedError, match="credentials of user auditor") as caught:
        client.count(TRAILS, EVERYTHING)
    assert "not-the-password" not in str(caught.value)


@pytest.mark.stack
def test_the_auditor_reads_nothing_but_pipetrails_indices(library: Library) -> None:
    """Another index is refused, and the error says by whom."""
    if library.connection.user is None:
        pytest.skip("the stack runs without its security plugin")
    other = Kind("other", "somebody-elses", "event.id")
    with (
        Client(library.connection) as client,
        pytest.raises(RefusedError, match="does not let user auditor read this: no permissions"),
    ):
        client.count(other, EVERYTHING)


@pytest.mark.stack
def test_a_server_with_another_certificate_is_not_trusted(library: Library) -> None:
    """Without the stack's own authority its certificate is refused."""
    if library.connection.ca_file is None:
        pytest.skip("the stack runs without TLS")
    with (
        Client(replace(library.connection, ca_file=None)) as client,
        pytest.raises(UnreachableError, match="not who it says it is"),
    ):
        client.count(TRAILS, EVERYTHING)
