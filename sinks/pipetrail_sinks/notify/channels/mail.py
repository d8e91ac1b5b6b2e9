"""E-mail, by a relay (RFC 5321, 5322): text and HTML, in one thread for a conversation.

The `Message-ID` is the alert's own id: mailboxes that know it show a repetition once.
"""

import html
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from pipetrail_sinks.notify.alert import Alert, Item
from pipetrail_sinks.notify.channels.channel import Delivery
from pipetrail_sinks.notify.client import TIMEOUT_S
from pipetrail_sinks.notify.errors import ChannelDownError, MessageRefusedError
from pipetrail_sinks.notify.lines import MARKS, brief, full_and_brief, headline, links_of, mark, rest, told

_SUBJECT = 150
# RFC 5321, section 4.2.1: what is refused for good.
_PERMANENT = 500
# What has no spaces, as branches and addresses, must not make a phone's page wider.
_STYLE = "font:15px/1.45 system-ui,sans-serif;max-width:40em;overflow-wrap:anywhere"


@dataclass(frozen=True, slots=True)
class Relay:
    """How to reach the relay. `tls`: starttls, implicit or none."""

    host: str
    port: int
    tls: str
    context: ssl.SSLContext | None = None
    user: str | None = None
    password: str | None = None


def message_of(alert: Alert, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"{mark(alert)} {headline(alert, _SUBJECT)}"
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(alert.time)
    message["Message-ID"] = f"<{alert.id}@{domain}>"
    # An address that no message has: what refers to it is shown as one thread all the same.
    message["References"] = f"<{alert.conversation}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text_of(alert))
    message.add_alternative(_html(alert), subtype="html")
    return message


def text_of(alert: Alert) -> str:
    """The message as plain text."""
    full, others = full_and_brief(alert)
    parts = [headline(alert), *("\n".join(_item_text(alert, item)) for item in full)]
    if others:
        parts.append("\n".join(f"{MARKS[item.severity]} {brief(item)}" for item in others))
    return "\n\n".join([*parts, *([rest(alert)] if alert.more else [])]) + "\n"


def _item_text(alert: Alert, item: Item) -> list[str]:
    lines = told(item, alert.kind)
    steps = [f"  {number}. {step}" for number, step in enumerate(lines.steps, start=1)]
    return [
        *([lines.title] if alert.count > 1 else []),
        *(f"{label + ':':11}{text}" for label, text in lines.facts),
        *(["What to do:", *steps] if steps else []),
        *(f"{link.label + ':':11}{link.url}" for link in links_of(item)),
        lines.footer,
    ]


def _html(alert: Alert) -> str:
    full, others = full_and_brief(alert)
    parts = [f"<p><b>{mark(alert)} {html.escape(headline(alert))}</b></p>", *(_item_html(alert, item) for item in full)]
    if others:
        entries = "".join(f"<li>{MARKS[item.severity]} {html.escape(brief(item))}</li>" for item in others)
        parts.append(f"<ul>{entries}</ul>")
    if alert.more:
        parts.append(f"<p>{html.escape(rest(alert))}</p>")
    return f'<!doctype html><html><body style="{_STYLE}">{"".join(parts)}</body></html>'


def _item_html(alert: Alert, item: Item) -> str:
    lines = told(item, alert.kind)
    title = f"<p><b>{html.escape(lines.title)}</b></p>" if alert.count > 1 else ""
    facts = "<br>".join(f"<b>{label}</b> {html.escape(text)}" for label, text in lines.facts)
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in lines.steps)
    links = " · ".join(f'<a href="{html.escape(link.url)}">{html.escape(link.label)}</a>' for link in links_of(item))
    return (
        f"{title}<p>{facts}</p>{f'<p><b>What to do</b></p><ol>{steps}</ol>' if steps else ''}"
        f'{f"<p>{links}</p>" if links else ""}<p style="color:#666;font-size:85%">{html.escape(lines.footer)}</p>'
    )


class MailChannel:
    """Sends to some addresses. A connection for each message: relays close idle ones soon."""

    wants_acknowledgements = False

    def __init__(self, relay: Relay, sender: str, to: Sequence[str]) -> None:
        self._relay = relay
        self._sender = sender
        self._to = tuple(to)

    def before(self) -> None:
        """The Message-ID says what was sent before."""

    def send(self, delivery: Delivery) -> None:
        """See `Channel`."""
        message = message_of(delivery.alert, self._sender, self._to)
        sending = False
        try:
            with self._connected() as server:
                if self._relay.user is not None:
                    server.login(self._relay.user, self._relay.password or "")
                sending = True
                server.send_message(message, self._sender, self._to)
        except smtplib.SMTPRecipientsRefused as exc:
            raise _refusal(min(code for code, _ in exc.recipients.values()), "the recipients are refused") from exc
        except smtplib.SMTPAuthenticationError as exc:
            raise ChannelDownError(f"{self._relay.host} refuses user and password: {exc.smtp_code}") from exc
        except smtplib.SMTPResponseException as exc:
            raise _refusal(exc.smtp_code if sending else 0, _words(exc.smtp_error)) from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise ChannelDownError(f"{self._relay.host}: {exc}", uncertain=sending) from exc

    def close(self) -> None:
        """Nothing is held."""

    def _connected(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.tls == "implicit":
            return smtplib.SMTP_SSL(relay.host, relay.port, timeout=TIMEOUT_S, context=relay.context)
        server = smtplib.SMTP(relay.host, relay.port, timeout=TIMEOUT_S)
        if relay.tls == "starttls":
            try:
                server.starttls(context=relay.context)
            except BaseException:
                server.close()
                raise
        return server


def _refusal(code: int, words: str) -> ChannelDownError | MessageRefusedError:
    reason = f"the relay answers {code}: {words}"
    return MessageRefusedError(reason) if code >= _PERMANENT else ChannelDownError(reason)


def _words(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
