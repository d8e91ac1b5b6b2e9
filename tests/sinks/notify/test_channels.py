"""The channels against real receivers: what is sent, what an answer means, what comes again."""

import os
import socket
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import pytest
from pipetrail_sinks.notify.channels.channel import Channel, Delivery
from pipetrail_sinks.notify.channels.console import ConsoleChannel, lines_of
from pipetrail_sinks.notify.channels.mail import MailChannel, Relay
from pipetrail_sinks.notify.channels.others import AppriseChannel
from pipetrail_sinks.notify.channels.pagerduty import PagerDutyChannel
from pipetrail_sinks.notify.channels.slack import SlackBotChannel, SlackWebhookChannel
from pipetrail_sinks.notify.channels.teams import TeamsChannel
from pipetrail_sinks.notify.channels.webhook import WebhookChannel, signature, signing_key
from pipetrail_sinks.notify.client import Client
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError
from pipetrail_sinks.notify.target import parse_target
from support.alert_layouts import cases
from support.alerts import NOON
from support.receiver import Receiver
from support.relay import Mailbox

ALERT = cases()["opened"]
# Its own imports warn of what later versions of Python leave out.
APPRISE = pytest.mark.filterwarnings("ignore:'imghdr'.*:DeprecationWarning")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def client(receiver: Receiver, timeout_s: float = 120.0) -> Client:
    """A client of the receiver."""
    return Client(parse_target(f"{receiver.url}/hook", allow=(), loopback=True), loopback=True, timeout_s=timeout_s)


@pytest.fixture(params=["webhook", "slack", "bot", "teams", "pagerduty"])
def channel(request: pytest.FixtureRequest, receiver: Receiver) -> Iterator[Channel]:
    """Each channel that speaks HTTP."""
    made: dict[str, Channel] = {
        "webhook": WebhookChannel(client(receiver), [signing_key(SECRET)], lambda: NOON),
        "slack": SlackWebhookChannel(client(receiver)),
        "bot": SlackBotChannel(client(receiver), "xoxb-token", "C0123456789"),
        "teams": TeamsChannel(client(receiver)),
        "pagerduty": PagerDutyChannel(client(receiver), "key"),
    }
    if request.param == "bot":
        receiver.answers.extend([(200, {}, b'{"ok":true,"ts":"1.2"}')] if "answers" not in request.node.name else [])
    yield made[request.param]
    for one in made.values():
        one.close()


def test_published_vector() -> None:
    """The signature is the one that Standard Webhooks publishes for its example."""
    signed = signature([signing_key(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets() -> None:
    """While secrets are rotated, each of them signs."""
    keys = [signing_key(SECRET), signing_key("whsec_" + "A" * 32)]
    one, other = (signature([key], "id", 1, b"{}") for key in keys)
    assert signature(keys, "id", 1, b"{}") == f"{one} {other}"


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_AAAA", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_bad_secret(secret: str) -> None:
    """What is no signing secret is refused, without being repeated."""
    with pytest.raises(ValueError, match="no signing secret"):
        signing_key(secret)


def test_webhook(receiver: Receiver) -> None:
    """A webhook has the alert's id, the attempt's time and a signature over the bytes that were sent."""
    made = WebhookChannel(client(receiver), [signing_key(SECRET)], lambda: NOON)
    made.send(Delivery(ALERT))
    made.close()
    (request,) = receiver.requests
    seconds = str(int(NOON.timestamp()))
    assert request.headers["webhook-id"] == ALERT.id
    assert request.headers["webhook-timestamp"] == seconds
    assert request.headers["webhook-signature"] == signature([signing_key(SECRET)], ALERT.id, int(seconds), request.body)
    assert request.json["type"] == "alert.opened"
    assert request.json["data"]["items"][0]["who"] == "Bob"


def test_sent(channel: Channel, receiver: Receiver) -> None:
    """A message that the receiver takes has arrived, once."""
    channel.send(Delivery(ALERT))
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410, 429, 500, 503])
def test_answers_that_may_pass(channel: Channel, receiver: Receiver, status: int) -> None:
    """What is not the message's fault is no reason to lose it; the receiver may say when to come again."""
    receiver.answers.clear()
    receiver.answers.append((status, {"Retry-After": "7"}, b"not now"))
    with pytest.raises(ChannelDownError, match=str(status)) as caught:
        channel.send(Delivery(ALERT))
    assert caught.value.retry_after == 7
    assert caught.value.uncertain == (status >= 500)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_answers_that_will_not_pass(channel: Channel, receiver: Receiver, status: int) -> None:
    """A message that is wrong stays wrong."""
    receiver.answers.clear()
    receiver.answers.append((status, {}, b"invalid_payload"))
    with pytest.raises(MessageRefusedError, match="invalid_payload"):
        channel.send(Delivery(ALERT))


def test_cut_off(channel: Channel, receiver: Receiver) -> None:
    """A request without an answer may have arrived."""
    receiver.down = True
    with pytest.raises(ChannelDownError) as caught:
        channel.send(Delivery(ALERT))
    assert caught.value.uncertain


def test_nobody_there() -> None:
    """Where nobody listens, nothing has arrived."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    made = TeamsChannel(Client(parse_target(url, allow=(), loopback=True), loopback=True))
    with pytest.raises(ChannelDownError) as caught:
        made.send(Delivery(ALERT))
    assert not caught.value.uncertain


def test_never_answers() -> None:
    """Who takes the request and never answers is given up after a time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        made = TeamsChannel(Client(parse_target(url, allow=(), loopback=True), loopback=True, timeout_s=0.2))
        with pytest.raises(ChannelDownError, match="timed out") as caught:
            made.send(Delivery(ALERT))
        made.close()
    assert caught.value.uncertain


def test_pagerduty_incident(receiver: Receiver) -> None:
    """An incident is triggered, acknowledged and resolved under one key."""
    made = PagerDutyChannel(client(receiver), "key")
    for case in ("opened", "acknowledged", "resolved"):
        made.send(Delivery(cases()[case]))
    made.close()
    actions = [(one.json["event_action"], one.json["dedup_key"]) for one in receiver.requests]
    assert actions == [(action, ALERT.conversation) for action in ("trigger", "acknowledge", "resolve")]


def test_slack_thread(receiver: Receiver) -> None:
    """What follows a message comes in its thread; that it is over is seen by all."""
    made = SlackBotChannel(client(receiver), "xoxb-token", "C0123456789")
    receiver.answers.extend([(200, {}, b'{"ok":true,"ts":"17.25"}'), (200, {}, b'{"ok":true,"ts":"18.0"}')])
    thread = made.send(Delivery(ALERT))
    made.send(Delivery(cases()["resolved"], thread=thread))
    made.close()
    first, second = (one.json for one in receiver.requests)
    assert "thread_ts" not in first
    assert (second["thread_ts"], second["reply_broadcast"]) == ("17.25", True)
    assert receiver.requests[0].headers["authorization"] == "Bearer xoxb-token"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b'{"ok":false,"error":"invalid_blocks"}', MessageRefusedError),
        (b'{"ok":false,"error":"not_in_channel"}', ChannelDownError),
        (b"<html>", ChannelDownError),
    ],
)
def test_slack_says_200_to_everything(receiver: Receiver, said: bytes, error: type[Exception]) -> None:
    """What Slack's API thinks of a message stands in the body."""
    made = SlackBotChannel(client(receiver), "xoxb-token", "C0123456789")
    receiver.answers.append((200, {}, said))
    with pytest.raises(error):
        made.send(Delivery(ALERT))
    made.close()


@pytest.mark.parametrize("made", [SlackWebhookChannel, TeamsChannel])
def test_maybe_again(receiver: Receiver, made: Any) -> None:
    """Where a receiver knows no repetition, one that is possible is said."""
    sender = made(client(receiver))
    sender.send(Delivery(ALERT, again=True))
    sender.close()
    assert b"you may have it already" in receiver.requests[0].body


def relay(mailbox: Mailbox, **more: Any) -> MailChannel:
    """A channel to the relay."""
    return MailChannel(
        Relay("127.0.0.1", mailbox.port, **{"tls": "none", **more}), "pipetrail@acme.example", ["a@acme.example"]
    )


def test_mail(mailbox: Mailbox) -> None:
    """A mail arrives with the alert's id, over TLS, for a user."""
    relay(mailbox, tls="starttls", context=mailbox.client_context(), user="ann", password="secret").send(Delivery(ALERT))
    (mail,) = mailbox.mails
    assert mail.encrypted
    assert mail.user == "ann"
    assert mail.message["Message-ID"] == f"<{ALERT.id}@acme.example>"
    assert "4 overrides" in mail.message.get_body(("plain",)).get_content()


def test_mail_without_starttls(mailbox: Mailbox) -> None:
    """Where TLS is wanted and not offered, nothing is sent, least of all a password."""
    mailbox.offers_tls = False
    with pytest.raises(ChannelDownError):
        relay(mailbox, tls="starttls", context=mailbox.client_context(), user="ann", password="secret").send(Delivery(ALERT))
    assert mailbox.mails == []


def test_mail_to_an_impostor(mailbox: Mailbox) -> None:
    """A relay whose certificate nobody vouches for gets nothing."""
    import ssl  # noqa: PLC0415 - the default context is the point of this test alone

    with pytest.raises(ChannelDownError, match="CERTIFICATE_VERIFY_FAILED"):
        relay(mailbox, tls="starttls", context=ssl.create_default_context()).send(Delivery(ALERT))
    assert mailbox.mails == []


@pytest.mark.parametrize(("code", "error"), [(451, ChannelDownError), (552, MessageRefusedError)])
def test_mail_refused(mailbox: Mailbox, code: int, error: type[Exception]) -> None:
    """A relay's 4xx may pass, its 5xx will not."""
    mailbox.answer_to_data = code
    with pytest.raises(error, match=str(code)):
        relay(mailbox).send(Delivery(ALERT))


@APPRISE
def test_apprise(receiver: Receiver) -> None:
    """What apprise knows gets the text."""
    pytest.importorskip("apprise")
    made = AppriseChannel(f"json://{receiver.url.removeprefix('http://')}/")
    made.send(Delivery(ALERT))
    assert "4 overrides" in receiver.requests[0].json["message"]
    receiver.answers.append((500, {}, b""))
    with pytest.raises(ChannelDownError):
        made.send(Delivery(ALERT))


@APPRISE
def test_apprise_address() -> None:
    """An address that apprise does not know is a wrong setting."""
    pytest.importorskip("apprise")
    with pytest.raises(ValueError, match="apprise knows"):
        AppriseChannel("nonsense")


@pytest.mark.parametrize("written", [0, 1, 100, None])
def test_console_file(tmp_path: Path, written: int | None) -> None:
    """However much of a message was written when the program ended, a file has it once in the end."""
    path = tmp_path / "alerts.txt"
    whole = ("\n".join(lines_of(ALERT)) + "\n").encode()
    path.write_bytes(b"before\n")
    with path.open("ab") as stream:
        made = ConsoleChannel(stream, {})
        mark = made.before()
        stream.write(whole[:written])
        stream.flush()
        made.send(Delivery(ALERT, again=True, mark=mark))
    assert path.read_bytes() == b"before\n" + whole


def test_console_pipe() -> None:
    """Where nobody knows what was shown, it is shown again and says so."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader:  # noqa: PTH123 - a descriptor
        with open(writing, "wb") as stream:  # noqa: PTH123 - likewise
            ConsoleChannel(stream, {}).send(Delivery(ALERT, again=True))
        assert "you may have it already" in " ".join(reader.read().decode().split())


def _on_terminal(columns: int, env: dict[str, str]) -> str:
    """What the alert looks like on a terminal of so many columns: all of it, in however many pieces it comes."""
    inner, outer = os.openpty()
    termios.tcsetwinsize(outer, (50, columns))
    with open(inner, "rb", buffering=0) as screen, ThreadPoolExecutor(1) as reader:  # noqa: PTH123 - a descriptor
        everything = reader.submit(_until_closed, screen)
        with open(outer, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
            ConsoleChannel(cast("BinaryIO", stream), env).send(Delivery(ALERT))
        return everything.result(60).decode().replace("\r\n", "\n")


def _until_closed(screen: RawIOBase) -> bytes:
    parts = []
    with suppress(OSError):  # EIO: the other end is closed
        while part := screen.read(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(("columns", "widest"), [(0, 100), (20, 40), (72, 72), (200, 100)])
def test_console_terminal(columns: int, widest: int) -> None:
    """A terminal gets colour, unless NO_COLOR says otherwise, and lines as wide as it is, if it knows."""
    shown = {no_color: _on_terminal(columns, {"NO_COLOR": no_color}) for no_color in ("", "1")}
    assert shown["1"] == "\n".join(lines_of(ALERT, width=widest)) + "\n"
    assert shown[""] == "\n".join(lines_of(ALERT, width=widest, colour=True)) + "\n"


def test_payload_is_json(channel: Channel, receiver: Receiver) -> None:
    """What is sent is JSON."""
    channel.send(Delivery(ALERT))
    assert orjson.loads(receiver.requests[0].body)
