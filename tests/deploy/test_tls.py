"""Certificates that real TLS libraries accept, for this machine only."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from pipetrail_deploy import tls
from pipetrail_deploy.tls import ADMIN, AUTHORITY, NODE, Certificates

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """New certificates."""
    return tls.ensure(tmp_path, NOW)


def _handshake(certificates: Certificates, name: str, *, trusted: Path) -> str:
    """Connect as ADMIN to a server with NODE's certificate under `name`; returns whom the server saw."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    server_context.load_cert_chain(certificates.certificate(NODE), certificates.key(NODE))
    server_context.verify_mode = ssl.CERT_REQUIRED
    client_context = ssl.create_default_context(cafile=trusted)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    client_context.load_cert_chain(certificates.certificate(ADMIN), certificates.key(ADMIN))
    seen: list[str] = []

    def serve(connection: socket.socket) -> None:
        try:
            with server_context.wrap_socket(connection, server_side=True) as wrapped:
                subject = (wrapped.getpeercert() or {})["subject"]
                seen.extend(str(pair[1]) for part in subject for pair in part if isinstance(pair, tuple))
                wrapped.sendall(b"x")
        except (ssl.SSLError, OSError):
            connection.close()

    left, right = socket.socketpair()
    thread = threading.Thread(target=serve, args=(left,))
    thread.start()
    try:
        with right, client_context.wrap_socket(right, server_hostname=name) as client:
            client.recv(1)
    finally:
        thread.join()
    return seen[0]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_node_and_administrator_know_each_other(certificates: Certificates, name: str) -> None:
    """A strict client accepts the node under both of its names, and the node sees the administrator."""
    assert _handshake(certificates, name, trusted=certificates.authority) == ADMIN


def test_the_node_is_accepted_under_no_other_name(certificates: Certificates) -> None:
    """The certificate is good for this machine only."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"opensearch\.example"):
        _handshake(certificates, "opensearch.example", trusted=certificates.authority)


def test_another_stacks_authority_does_not_vouch(certificates: Certificates, tmp_path: Path) -> None:
    """Each stack has an authority of its own."""
    (tmp_path / "other").mkdir()
    other = tls.ensure(tmp_path / "other", NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(certificates, "localhost", trusted=other.authority)


def test_certificates_are_kept_until_shortly_before_they_expire(certificates: Certificates) -> None:
    """A restart changes nothing; a month before the end all are made anew."""
    before = {path.name: path.read_bytes() for path in certificates.folder.iterdir()}
    tls.ensure(certificates.folder, NOW + dt.timedelta(days=3600))
    assert {path.name: path.read_bytes() for path in certificates.folder.iterdir()} == before
    tls.ensure(certificates.folder, NOW + dt.timedelta(days=3621))
    after = {path.name: path.read_bytes() for path in certificates.folder.iterdir()}
    assert {name for name in after if after[name] == before[name]} == set()


def test_a_lost_file_makes_all_anew(certificates: Certificates) -> None:
    """The authority's key is gone, so nothing can be added to what is there."""
    before = certificates.authority.read_bytes()
    certificates.key(NODE).unlink()
    tls.ensure(certificates.folder, NOW)
    assert certificates.authority.read_bytes() != before


def test_no_key_is_for_others_and_the_authoritys_is_nowhere(certificates: Certificates) -> None:
    """Whoever can sign could be the administrator."""
    keys = [path for path in certificates.folder.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert {path.name for path in keys} == {f"{NODE}.key", f"{ADMIN}.key"}
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert AUTHORITY not in {path.stem for path in certificates.folder.iterdir()}
