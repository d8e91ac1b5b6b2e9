"""TLS and mutual TLS with real handshakes, at the collector's own port."""

import datetime as dt
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipetrail_deploy import tls
from pipetrail_producers.collector import app, server, sources
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_schemas.errors import SettingError
from support.collector import AGENT_TOKEN, ENV, SOURCES, listening
from support.patience import PATIENT

BODY = json.dumps({"event": "incident", "id": "1", "reason": "5xx"}).encode()


def certificates(folder: Path) -> tls.Certificates:
    """Certificates of an authority of their own."""
    folder.mkdir()
    return tls.ensure(folder, dt.datetime.now(dt.UTC))


@pytest.fixture
def made(tmp_path: Path) -> tls.Certificates:
    """An authority, a server's certificate for this machine, and a client's."""
    return certificates(tmp_path / "tls")


def of_server(made: tls.Certificates) -> dict[str, Any]:
    """The collector's settings for TLS."""
    return {"tls_certificate": made.certificate(tls.NODE), "tls_key": made.key(tls.NODE)}


def test_a_client_that_trusts_the_authority_is_served(tmp_path: Path, made: tls.Certificates) -> None:
    """TLS 1.2 or later; who does not know the authority refuses, and plain HTTP is not answered."""
    trusting = ssl.create_default_context(cafile=str(made.authority))
    with listening(tmp_path, verify=trusting, **of_server(made)) as collector:
        assert collector.post("/hooks/generic", BODY).status_code == 202
        assert len(collector.entries()) == 1
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{collector.url}/healthz", verify=ssl.create_default_context(), timeout=120, trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(collector.url.replace("https", "http") + "/healthz", timeout=120, trust_env=False)
        old = ssl.create_default_context(cafile=str(made.authority))
        old.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{collector.url}/healthz", verify=old, timeout=120, trust_env=False)


def test_with_an_authority_of_clients_only_they_connect(tmp_path: Path, made: tls.Certificates) -> None:
    """Mutual TLS: a certificate of that authority is needed, for webhooks as for health; one of another authority is none."""
    trusting = ssl.create_default_context(cafile=str(made.authority))
    trusting.load_cert_chain(made.certificate(tls.ADMIN), made.key(tls.ADMIN))
    others = certificates(tmp_path / "others")
    with listening(tmp_path, verify=trusting, tls_client_ca=made.authority, **of_server(made)) as collector:
        assert collector.post("/hooks/generic", BODY).status_code == 202
        for chain in (None, (others.certificate(tls.ADMIN), others.key(tls.ADMIN))):
            stranger = ssl.create_default_context(cafile=str(made.authority))
            if chain:
                stranger.load_cert_chain(*chain)
            # With TLS 1.3 a client learns of the refusal when it reads.
            with pytest.raises((httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)):
                httpx.post(f"{collector.url}/hooks/generic", content=BODY, verify=stranger, timeout=120, trust_env=False)
        assert len(collector.entries()) == 1


def test_the_agent_sends_over_tls(tmp_path: Path, made: tls.Certificates) -> None:
    """`pipetrail emit` trusts the authority of SSL_CERT_FILE; without it the event waits in the spool, and why is said."""
    trusting = ssl.create_default_context(cafile=str(made.authority))
    with listening(tmp_path, verify=trusting, **of_server(made)) as collector:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PIPETRAIL_SPOOL": str(tmp_path / "spool"),
            "PIPETRAIL_COLLECTOR_URL": collector.url,
            "PIPETRAIL_COLLECTOR_TOKEN": AGENT_TOKEN,
            **PATIENT,
        }
        command = (sys.executable, "-m", "pipetrail", "emit", "incident.reported", "--reason", "5xx")
        refused = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert refused.returncode == 75
        assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
        trusted = {**env, "SSL_CERT_FILE": str(made.authority)}
        done = subprocess.run(command, cwd=tmp_path, env=trusted, capture_output=True, text=True, check=False)
        assert (done.returncode, sum(len(json.loads(entry.body)) for entry in collector.entries())) == (0, 2), done.stderr


def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path, made: tls.Certificates) -> None:
    """A key of another certificate, and a file that is none: the setting is named."""
    (tmp_path / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    allowed = sources.load(tmp_path / "sources.yaml", ENV)
    for wrong in ({"tls_key": made.key(tls.ADMIN)}, {"tls_certificate": tmp_path / "sources.yaml"}):
        settings = CollectSettings(sources=tmp_path / "sources.yaml", port=0, **{**of_server(made), **wrong})
        built = app.build(settings, allowed, tmp_path / "store", deliver=False, env={})
        with pytest.raises(SettingError, match="PIPETRAIL_COLLECT_TLS_CERTIFICATE"):
            server.made(built, settings, ready=lambda _: None)
