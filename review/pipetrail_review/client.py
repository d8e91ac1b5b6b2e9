"""Reading OpenSearch: search, count, page through everything. The only module of the room that talks to it; it never writes.

It acts as the user `auditor` where the connection knows one, who may read pipetrail's indices and nothing else. Every failure
becomes an error of this room that says what to do. Answers come as plain documents; what they mean is for others.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from opensearchpy import OpenSearch
from opensearchpy import exceptions as refusals
from pipetrail_schemas.connection import Connection, OpenSearchConnection
from pipetrail_schemas.errors import SettingError

from pipetrail_review.errors import BadQueryError, NothingIndexedError, RefusedError, ReviewError, UnreachableError
from pipetrail_review.kinds import Kind
from pipetrail_review.query import Query, in_order_of_time, newest_first

AUDITOR = "auditor"
# opensearch-py logs each failure as a warning, which without logging set up lands on stderr; failures are told as errors here.
logging.getLogger("opensearch").addHandler(logging.NullHandler())
# A person waits; a search over years of monthly indices on one node took well under this.
TIMEOUT_S = 30
# Documents a request when paging: trails of some 5 kB make 5 MB an answer, far from OpenSearch's limits.
PAGE = 1_000
# How long OpenSearch keeps the point in time between two pages.
KEEP_ALIVE = "2m"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found: how many documents fit in all, and the first of them."""

    total: int
    documents: list[Document]


class Client:
    """A reader of one OpenSearch cluster. A context manager: closes its connections at the end."""

    def __init__(self, connection: OpenSearchConnection, *, timeout_s: float = TIMEOUT_S) -> None:
        connection = connection.as_user(AUDITOR)
        self.url = connection.url
        self._user = connection.user
        self._timeout_s = timeout_s
        with self._failures_named():
            self._transport = OpenSearch(connection.url, timeout=timeout_s, max_retries=1, **_security(connection))

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """A reader of the configured cluster.

        Raises:
            SettingError: no OpenSearch is configured.
        """
        return cls(connection.require_opensearch())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._transport.close()

    def search(self, kind: Kind, query: Query, *, limit: int) -> Hits:
        """The newest documents that fit, at most `limit`, and how many there are.

        Raises:
            ReviewError: one of its branches says why there is no answer.
        """
        if limit > PAGE:
            documents = [document for document, _ in zip(self.scan(kind, query), range(limit), strict=False)]
            total = len(documents) if len(documents) < limit else self.count(kind, query)
            return Hits(total, documents)
        body = {"query": query, "size": limit, "sort": newest_first(kind), "track_total_hits": True}
        answer = self._ask(lambda: self._transport.search(index=kind.index, body=body))
        return Hits(answer["hits"]["total"]["value"], [hit["_source"] for hit in answer["hits"]["hits"]])

    def count(self, kind: Kind, query: Query) -> int:
        """How many documents fit.

        Raises:
            ReviewError: one of its branches says why there is no answer.
        """
        return int(self._ask(lambda: self._transport.count(index=kind.index, body={"query": query}))["count"])

    def scan(self, kind: Kind, query: Query, *, oldest_first: bool = False) -> Iterator[Document]:
        """Every document that fits, newest first by default, as of one point in time: what is written meanwhile shifts no page.

        Raises:
            ReviewError: one of its branches says why there is no answer.
        """
        if self.count(kind, query) == 0:
            return  # OpenSearch opens no point in time on a pattern that no index fits
        opened = self._ask(lambda: self._transport.create_pit(index=kind.index, params={"keep_alive": KEEP_ALIVE}))
        pit = opened["pit_id"]
        try:
            yield from self._pages(query, pit, in_order_of_time(kind) if oldest_first else newest_first(kind))
        finally:
            self._ask(lambda: self._transport.delete_pit(body={"pit_id": [pit]}))

    def fields(self, kind: Kind) -> list[str]:
        """The names of all fields that can be searched."""
        answer = self._ask(lambda: self._transport.field_caps(index=kind.index, params={"fields": "*"}))
        return sorted(name for name, types in answer["fields"].items() if "object" not in types)

    def _pages(self, query: Query, pit: str, order: list[Query]) -> Iterator[Document]:
        body = {
            "query": query,
            "size": PAGE,
            "sort": order,
            "pit": {"id": pit, "keep_alive": KEEP_ALIVE},
            "track_total_hits": False,
        }
        while True:
            hits = self._ask(lambda: self._transport.search(body=body))["hits"]["hits"]
            yield from (hit["_source"] for hit in hits)
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def _ask(self, request: Callable[[], Any]) -> Mapping[str, Any]:
        with self._failures_named():
            answer: Mapping[str, Any] = request()
        if answer.get("timed_out") or answer.get("_shards", {}).get("failed"):
            # Half an answer would look like a whole one: an auditor must not be told less than there is.
            raise ReviewError(f"OpenSearch at {self.url} answered for a part of its data only: {_shard_reason(answer)}")
        return answer

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except refusals.ConnectionTimeout as exc:
            raise UnreachableError(f"OpenSearch at {self.url} did not answer within {self._timeout_s:g} s") from exc
        except refusals.SSLError as exc:
            raise UnreachableError(f"OpenSearch at {self.url} is not who it says it is: {exc.error}") from exc
        except refusals.ConnectionError as exc:
            hint = "is it running? `pipetrail status` tells, `pipetrail up` starts a local one"
            raise UnreachableError(f"OpenSearch at {self.url} cannot be reached; {hint}") from exc
        except refusals.AuthenticationException as exc:
            raise RefusedError(f"OpenSearch at {self.url} does not accept the credentials of {self._name()}") from exc
        except refusals.AuthorizationException as exc:
            raise RefusedError(f"OpenSearch at {self.url} does not let {self._name()} read this: {_reason(exc)}") from exc
        except refusals.NotFoundError as exc:
            hint = "`pipetrail indices apply` makes the indices, `pipetrail index` fills them"
            raise NothingIndexedError(f"nothing was indexed yet; {hint}") from exc
        except refusals.RequestError as exc:
            raise BadQueryError(f"the query does not parse: {_reason(exc)}") from exc
        except refusals.TransportError as exc:
            raise ReviewError(f"OpenSearch at {self.url} failed with status {exc.status_code}: {_reason(exc)}") from exc
        except (refusals.OpenSearchException, OSError) as exc:
            raise ReviewError(f"OpenSearch at {self.url}: {exc}") from exc

    def _name(self) -> str:
        return f"user {self._user}" if self._user else "somebody without a user name (set PIPETRAIL_OPENSEARCH_USER)"


def _security(connection: OpenSearchConnection) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if connection.user is not None:
        options["http_auth"] = (connection.user, connection.password)
    if connection.ca_file is not None:
        if not connection.ca_file.is_file():
            raise SettingError("PIPETRAIL_OPENSEARCH_CA_FILE", f"{connection.ca_file} is no file")
        options["ca_certs"] = str(connection.ca_file)
    return options


def _reason(exc: refusals.TransportError) -> str:
    # The outermost reason repeats the query; the innermost says what is wrong with it, followed by the parser's whole grammar.
    info = exc.info if isinstance(exc.info, dict) else {}
    error = info.get("error")
    if not isinstance(error, dict):
        return str(error or exc.error)
    failed = error.get("failed_shards") or [{}]
    cause = failed[0].get("reason") or error
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    return _first_line(str(cause.get("reason") or cause.get("type")))


def _shard_reason(answer: Mapping[str, Any]) -> str:
    failures = answer.get("_shards", {}).get("failures") or []
    return _first_line(str(failures[0].get("reason", {}).get("reason"))) if failures else "it ran out of time"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"
