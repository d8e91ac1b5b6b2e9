"""OpenSearch over HTTP: one call, one answer, never an exception of the client library.

opensearch-py brings pooling, TLS and authentication; its retries are off, since `outcomes` decides what is tried again. JSON
goes through orjson: a bulk response has thousands of items.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from opensearchpy import OpenSearch
from opensearchpy import exceptions as client_errors
from opensearchpy.serializer import JSONSerializer
from pipetrail_schemas.connection import OpenSearchConnection
from pipetrail_schemas.errors import SettingError

from pipetrail_sinks.errors import TargetRefusedError
from pipetrail_sinks.opensearch.outcomes import describe

_NDJSON = {"content-type": "application/x-ndjson"}
# The library logs every failed request as a warning, and bodies at debug level; failures are ours to tell, bodies nobody's.
logging.getLogger("opensearch").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` None: no answer, or none that could be read; `reason` says why, in words."""

    status: int | None
    body: Any = None
    error_type: str = ""
    reason: str = ""

    @property
    def ok(self) -> bool:
        """The request did what it was to do."""
        return self.status in {200, 201}


class _OrjsonSerializer(JSONSerializer):
    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except orjson.JSONDecodeError as exc:
            raise client_errors.SerializationError(s[:200], exc) from exc

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data)


class Client:
    """A connection to one cluster as one user. Safe to use from several threads."""

    def __init__(self, connection: OpenSearchConnection, *, timeout_s: float = 30.0, connections: int = 2) -> None:
        """`timeout_s` bounds one request; `connections` is how many are kept open.

        Raises:
            SettingError: the file of the certificate authority cannot be read.
        """
        parts = urlsplit(connection.url)
        secure = parts.scheme == "https"
        if secure and connection.ca_file and not connection.ca_file.is_file():
            raise SettingError("PIPETRAIL_OPENSEARCH_CA_FILE", f"{connection.ca_file} is not there or no file")
        host = {"host": parts.hostname, "port": parts.port or (443 if secure else 80), "url_prefix": parts.path.strip("/")}
        tls: dict[str, Any] = {"use_ssl": True, "verify_certs": True} if secure else {}
        if secure and connection.ca_file:
            tls["ca_certs"] = str(connection.ca_file)
        self.url = connection.url
        self.user = connection.user
        self._timeout_s = timeout_s
        self._client = OpenSearch(
            [host],
            http_auth=(connection.user, connection.password) if connection.user else None,
            timeout=timeout_s,
            max_retries=0,
            pool_maxsize=connections,
            serializer=_OrjsonSerializer(),
            **tls,
        )

    def request(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, str] | None = None, ndjson: bool = False
    ) -> Answer:
        """Send one request. `body` is an object, or bytes as they are to be sent (`ndjson` for lines of JSON).

        Raises:
            TargetRefusedError: the server's certificate is not one that we trust; no later try will change that.
        """
        try:
            # `timeout` is ours; without it the library would take OpenSearch's parameter of that name for its own.
            content = self._client.transport.perform_request(
                method,
                path,
                params=dict(params or {}),
                body=body,
                timeout=self._timeout_s,
                headers=_NDJSON if ndjson else None,
            )
        except client_errors.ConnectionError as exc:
            if isinstance(exc, client_errors.SSLError) and "CERTIFICATE" in str(exc.info).upper():
                raise TargetRefusedError(f"the certificate of {self.url} is not trusted: {_in_words(exc)}") from exc
            return Answer(None, reason=f"no answer from {self.url}: {_in_words(exc)}")
        except client_errors.TransportError as exc:
            return _refusal(exc)
        except client_errors.SerializationError as exc:
            return Answer(None, reason=f"{self.url} answered something that is not JSON: {str(exc.args[0])[:80]!r}")
        return Answer(200, content)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _refusal(exc: client_errors.TransportError) -> Answer:
    status = exc.status_code if isinstance(exc.status_code, int) else None
    error = exc.info.get("error") if isinstance(exc.info, Mapping) else exc.error
    error_type, reason = describe(error)
    return Answer(status, exc.info, error_type, reason[:500])


def _in_words(exc: client_errors.ConnectionError) -> str:
    # urllib3's own text repeats addresses of objects in memory; what follows the last colon is what people need.
    return f"{type(exc.info).__name__}: {str(exc.info).rpartition(': ')[2]}"[:300]
