"""Who sends events: a bearer token of the settings, or a CI job's own token."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time

from pipetrail_schemas.claims import OIDC

from pipetrail_producers.collector.errors import RefusedTokenError
from pipetrail_producers.collector.jobtoken import claimed, verified
from pipetrail_producers.collector.keys import Keys
from pipetrail_producers.collector.sources import Sources
from pipetrail_producers.collector.used import UsedTokens

UNAUTHENTICATED = "unauthenticated"  # as CloudEvents' authcontext extension calls it


@dataclass(frozen=True, slots=True)
class Sender:
    """A proven sender: what its events are stamped with."""

    source: str
    authtype: str
    authid: str
    claims: Mapping[str, str] = field(default_factory=dict)


class Senders:
    """Tells senders by their tokens. For one event loop."""

    def __init__(self, sources: Sources, used: UsedTokens, keys: Keys) -> None:
        self._sources = sources
        self._used = used
        self._keys = keys
        self._using = asyncio.Lock()

    async def sender(self, authorization: str, body_sha256: str) -> Sender:
        """Who sends a body with this Authorization header.

        Raises:
            RefusedTokenError: nobody that the settings name.
            KeysUnavailableError: it may be somebody; the issuer's keys cannot be had now.
            StoreError: that the token is used cannot be noted.
        """
        if self._sources.open_events:
            return Sender("anybody", UNAUTHENTICATED, "anybody")
        name, _, token = authorization.partition(" ")
        token = token.strip()
        if name.lower() != "bearer" or not token:
            raise RefusedTokenError("a bearer token is needed (Authorization: Bearer …)")
        # All of them are compared, always.
        good = [of for of, secret in self._sources.tokens if hmac.compare_digest(secret.encode(), token.encode())]
        if good:
            return Sender(good[0], "token", good[0])
        return await self._job(token, body_sha256)

    async def _job(self, token: str, body_sha256: str) -> Sender:
        named = claimed(token, self._sources.issuers)
        issuer = self._sources.issuers[named.issuer]
        key = await self._keys.key(named.issuer, named.key_id)
        identity = verified(token, issuer, key, time())
        if issuer.single_use:
            async with self._using:
                await asyncio.to_thread(
                    self._used.use,
                    identity.issuer,
                    identity.token_id,
                    body_sha256,
                    expires=identity.expires,
                    now=time(),
                )
        return Sender(identity.issuer, OIDC, identity.authid, identity.claims)
