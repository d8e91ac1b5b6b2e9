"""Refusals as answers: RFC 9457, "Problem Details for HTTP APIs"."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Refusal(HTTPException):
    """Raised where a request is refused. `more` are members of the answer beside status, title and detail."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, detail, headers)
        self.more = more


def answer(request: Request, exc: Exception) -> Response:
    """The answer to a refused request."""
    del request
    status = exc.status_code if isinstance(exc, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    title = HTTPStatus(status).phrase
    told: dict[str, Any] = {"title": title, "status": int(status)}
    if isinstance(exc, HTTPException):
        told["detail"] = exc.detail
    if isinstance(exc, Refusal):
        told |= exc.more
    headers = dict(exc.headers or {}) if isinstance(exc, HTTPException) else {}
    return Response(orjson.dumps(told), status, headers, MEDIA_TYPE)
