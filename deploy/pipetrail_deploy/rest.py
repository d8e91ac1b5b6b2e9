"""A small client for the local OpenSearch's REST API: JSON in, JSON out, as administrator by certificate."""

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

from pipetrail_deploy.errors import RefusedError
from pipetrail_deploy.ports import HOST
from pipetrail_deploy.tls import ADMIN, Certificates

_TIMEOUT_S = 30.0
_ERRORS = 400  # and above


@dataclass(frozen=True, slots=True)
class Rest:
    """The API on this port; `certificates` None means plain HTTP."""

    port: int
    certificates: Certificates | None

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one request and return its JSON answer.

        Raises:
            RefusedError: the answer is an error, or there is none.
        """
        connection = self._connection()
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as exc:
            raise RefusedError(f"{method} {path}", 0, str(exc)) from exc
        finally:
            connection.close()
        if response.status >= _ERRORS:
            raise RefusedError(f"{method} {path}", response.status, answer)
        try:
            return json.loads(answer)
        except ValueError as exc:
            raise RefusedError(f"{method} {path}", response.status, answer) from exc

    def _connection(self) -> http.client.HTTPConnection:
        if self.certificates is None:
            return http.client.HTTPConnection(HOST, self.port, timeout=_TIMEOUT_S)
        context = ssl.create_default_context(cafile=self.certificates.authority)
        context.load_cert_chain(self.certificates.certificate(ADMIN), self.certificates.key(ADMIN))
        return http.client.HTTPSConnection(HOST, self.port, timeout=_TIMEOUT_S, context=context)
