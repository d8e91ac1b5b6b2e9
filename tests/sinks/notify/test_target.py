"""Addresses that no channel may be sent to, and the connection to those that it may."""

import socket
from collections.abc import Sequence

import pytest
from pipetrail_sinks.notify.client import Client
from pipetrail_sinks.notify.errors import ChannelDownError, TargetForbiddenError
from pipetrail_sinks.notify.target import KNOWN_HOSTS, check_addresses, is_public, parse_target
from support.receiver import Receiver

ALLOW = (*KNOWN_HOSTS, "alerts.acme.example")

# What may not even be looked up.
FORBIDDEN_URLS = [
    "http://hooks.slack.com/services/T/B/x",
    "ftp://hooks.slack.com/",
    "file:///etc/passwd",
    "gopher://hooks.slack.com/",
    "//hooks.slack.com/",
    "hooks.slack.com/services",
    "",
    "https://",
    "https:///services",
    "https://evil.example/",
    "https://hooks.slack.com.evil.example/",
    "https://evil-hooks.slack.com/",
    "https://evilslack.com/",
    "https://logic.azure.com/",
    "https://user@hooks.slack.com/",
    "https://hooks.slack.com@evil.example/",
    "https://hooks.slack.com:pass@127.0.0.1/",
    "https://hooks.slack.com\\@evil.example/",
    "https://hooks.slack.com#@evil.example@evil.example/",
    "https://evil.example/#hooks.slack.com",
    "https://evil.example?hooks.slack.com",
    "https://hooks.slack.com /",
    "https://hooks.slack.com\r\nHost: evil.example/",
    "https://hooks.slack.com:99999/",
    "https://hooks.slack.com:port/",
    "https://hooks.slack.com./",
    "https://h\u043eoks.slack.com/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1.nip.io/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://localhost/",
    "https://metadata/",
    "https://kubernetes.default.svc/",
    "http://127.0.0.1/",
]
# What an allowed name may lead to, and nobody is sent there.
FORBIDDEN_ADDRESSES = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - to be refused
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:7f00:1:0:0:0:0",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "",
    "hooks.slack.com",
]


def test_enough() -> None:
    """At least sixty targets are tried."""
    assert len(FORBIDDEN_URLS) + len(FORBIDDEN_ADDRESSES) >= 60


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_forbidden_url(url: str) -> None:
    """It is refused before anything is looked up."""
    with pytest.raises(TargetForbiddenError):
        parse_target(url, allow=ALLOW)


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_forbidden_address(address: str) -> None:
    """An allowed name that leads there, be it beside a public address, is not called."""
    target = parse_target("https://alerts.acme.example/hook", allow=ALLOW)
    assert not is_public(address)
    with pytest.raises(TargetForbiddenError):
        check_addresses(target, ["93.184.215.14", address])


@pytest.mark.parametrize(
    ("url", "path", "port"),
    [
        ("https://hooks.slack.com/services/T/B/x", "/services/T/B/x", 443),
        ("https://alerts.acme.example", "/", 443),
        ("https://alerts.acme.example:8443/a?b=c", "/a?b=c", 8443),
        ("https://prod-1.westeurope.logic.azure.com/workflows/1?sig=x", "/workflows/1?sig=x", 443),
    ],
)
def test_allowed(url: str, path: str, port: int) -> None:
    """What is allowed is called as it is."""
    target = parse_target(url, allow=ALLOW)
    assert (target.path, target.port) == (path, port)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public(address: str) -> None:
    """Public addresses are."""
    assert is_public(address)


@pytest.mark.parametrize("url", ["http://localhost/", "http://10.0.0.1/", "http://127.0.0.2/", "http://alerts.acme.example/"])
def test_loopback_is_no_more_than_that(url: str) -> None:
    """Where this machine is allowed for trials, nothing else is."""
    with pytest.raises(TargetForbiddenError):
        parse_target(url, allow=ALLOW, loopback=True)


def test_no_secret_in_the_complaint() -> None:
    """What is said about an address does not tell what stands behind its host."""
    with pytest.raises(TargetForbiddenError) as caught:
        parse_target("https://evil.example/services/TOPSECRET", allow=ALLOW)
    assert "TOPSECRET" not in str(caught.value)


def test_rebinding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was checked; a name that leads elsewhere a moment later is checked anew."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    asked, called = [], []

    def lookup(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return next(answers)

    def connect(address: tuple[str, int], _timeout: float) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    client = Client(parse_target("https://alerts.acme.example/", allow=ALLOW), resolver=lookup)
    with pytest.raises(ChannelDownError, match="refused"):
        client.post(b"{}", {})
    with pytest.raises(ChannelDownError, match="no public address"):
        client.post(b"{}", {})
    assert asked == [("alerts.acme.example", 443)] * 2
    assert called == [("93.184.215.14", 443)]


def test_no_redirect(receiver: Receiver) -> None:
    """A redirect is an answer, and nobody follows it."""
    receiver.answers.append((307, {"Location": f"{receiver.url}/elsewhere"}, b""))
    client = Client(parse_target(f"{receiver.url}/hook", allow=(), loopback=True), loopback=True)
    assert client.post(b"{}", {}).status == 307
    client.close()
    assert [request.path for request in receiver.requests] == ["/hook"]


def test_connection_is_kept(receiver: Receiver) -> None:
    """One connection serves many requests, and one that the receiver closed is made anew."""
    client = Client(parse_target(receiver.url, allow=(), loopback=True), loopback=True)
    receiver.answers.extend([(200, {}, b"ok"), (200, {"Connection": "close"}, b"ok"), (200, {}, b"ok")])
    assert [client.post(b"{}", {}).status for _ in range(3)] == [200, 200, 200]
    client.close()
    assert [request.connection for request in receiver.requests] == [1, 1, 2]


def test_long_answer(receiver: Receiver) -> None:
    """Of an answer without end, no more than a part is read."""
    receiver.answers.append((200, {}, b"x" * 1_000_000))
    client = Client(parse_target(receiver.url, allow=(), loopback=True), loopback=True)
    assert len(client.post(b"{}", {}).body) == 64 * 1024
    assert client.post(b"{}", {}).status == 204
    client.close()
