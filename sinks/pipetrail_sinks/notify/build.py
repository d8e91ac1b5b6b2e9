"""Makes the channels that the routes file names: secrets are read, addresses checked, before anything is sent."""

import ssl
import sys
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar, assert_never

from pipetrail_schemas.service.yamlfile import Place, YamlFile

from pipetrail_sinks.notify.channel_settings import (
    AppriseSettings,
    ChannelSettings,
    ConsoleSettings,
    MailSettings,
    PagerDutySettings,
    SecretPlace,
    SlackSettings,
    TeamsSettings,
    WebhookSettings,
)
from pipetrail_sinks.notify.channels.channel import Channel
from pipetrail_sinks.notify.channels.console import ConsoleChannel
from pipetrail_sinks.notify.channels.mail import MailChannel, Relay
from pipetrail_sinks.notify.channels.others import AppriseChannel
from pipetrail_sinks.notify.channels.pagerduty import URLS, PagerDutyChannel
from pipetrail_sinks.notify.channels.slack import POST_URL, SlackBotChannel, SlackWebhookChannel
from pipetrail_sinks.notify.channels.teams import TeamsChannel
from pipetrail_sinks.notify.channels.webhook import WebhookChannel, signing_key
from pipetrail_sinks.notify.client import Client
from pipetrail_sinks.notify.errors import TargetForbiddenError
from pipetrail_sinks.notify.file import RoutesFile
from pipetrail_sinks.notify.target import KNOWN_HOSTS, parse_target

Made = TypeVar("Made")


class Builder:
    """Makes channels. `loopback`: http to this machine is allowed, for trying things out."""

    def __init__(
        self, file: YamlFile, content: RoutesFile, env: Mapping[str, str], now: Callable[[], datetime], *, loopback: bool
    ) -> None:
        self._file = file
        self._content = content
        self._env = env
        self._now = now
        self._loopback = loopback
        self._allow: Collection[str] = (*KNOWN_HOSTS, *content.allow)

    def channels(self) -> dict[str, Channel]:
        """All channels by name.

        Raises:
            SettingError: a secret is missing or no such secret, or an address may not be called; names file and line.
        """
        return {name: self._channel(("channels", name), settings) for name, settings in self._content.channels.items()}

    def _channel(self, place: Place, one: ChannelSettings) -> Channel:  # noqa: PLR0911 - one return a kind
        match one:
            case SlackSettings():
                return self._slack(place, one)
            case TeamsSettings():
                return TeamsChannel(self._client((*place, "webhook"), one.webhook))
            case PagerDutySettings():
                url = one.url or URLS[one.region]
                return PagerDutyChannel(self._client((*place, "url"), url), self._secret((*place, "key"), one.key))
            case WebhookSettings():
                return self._webhook(place, one)
            case MailSettings():
                return self._mail(place, one)
            case ConsoleSettings():
                return ConsoleChannel(sys.stdout.buffer, self._env)
            case AppriseSettings():
                url = self._secret((*place, "url"), one.url)
                return self._told((*place, "url"), partial(AppriseChannel, url))
            case _:
                assert_never(one)

    def _slack(self, place: Place, one: SlackSettings) -> Channel:
        if one.token is None or one.conversation is None:
            return SlackWebhookChannel(self._client((*place, "webhook"), one.webhook or ""))
        token = self._secret((*place, "token"), one.token)
        return SlackBotChannel(self._client((*place, "token"), POST_URL), token, one.conversation)

    def _webhook(self, place: Place, one: WebhookSettings) -> Channel:
        keys = []
        for index, secret in enumerate(one.secrets):
            where: Place = (*place, "secrets", index)
            keys.append(self._told(where, partial(signing_key, self._secret(where, secret))))
        return WebhookChannel(self._client((*place, "url"), one.url), keys, self._now)

    def _mail(self, place: Place, one: MailSettings) -> Channel:
        password = None if one.password is None else self._secret((*place, "password"), one.password)
        context = None if one.tls == "none" else self._context(place, one)
        return MailChannel(Relay(one.host, one.port, one.tls, context, one.user, password), one.sender, one.to)

    def _context(self, place: Place, one: MailSettings) -> ssl.SSLContext:
        ca_file = None if one.ca_file is None else self._file.folder / one.ca_file
        try:
            return ssl.create_default_context(cafile=ca_file)
        except OSError as exc:  # which an SSLError is
            raise self._file.error((*place, "ca_file"), f"{ca_file} is no file of certificates (PEM)") from exc

    def _client(self, place: Place, url: str | SecretPlace) -> Client:
        address = url if isinstance(url, str) else self._secret(place, url)
        try:
            target = parse_target(address, allow=self._allow, loopback=self._loopback)
        except TargetForbiddenError as exc:
            raise self._file.error(place, str(exc)) from exc
        return Client(target, loopback=self._loopback)

    def _secret(self, place: Place, one: SecretPlace) -> str:
        if one.env is not None:
            secret = self._env.get(one.env, "")
            if not secret:
                raise self._file.error(place, f"the environment variable {one.env} is not set")
            return secret
        path = self._file.folder / str(one.file)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise self._file.error(place, f"the file {path} cannot be read") from exc
        if not secret:
            raise self._file.error(place, f"the file {path} is empty")
        return secret

    def _told(self, place: Place, make: Callable[[], Made]) -> Made:
        try:
            return make()
        except ValueError as exc:
            raise self._file.error(place, str(exc)) from exc
