"""Reads a request's body: bounded in bytes before anything looks at it, and in seconds."""

import asyncio
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request

from pipetrail_producers.collector.problem import Refusal

_BAD_REQUEST, _TIMEOUT, _TOO_LARGE, _UNSUPPORTED = 400, 408, 413, 415
# The rest of a body that is too large is not waited for.
_CLOSE = {"connection": "close"}


async def read(request: Request, headers: Mapping[str, str], *, most: int, timeout_s: float) -> bytes:
    """The body. `headers` are the request's, names in lower case.

    Raises:
        Refusal: 413 for one of over `most` bytes, 408 for one that takes longer than `timeout_s` seconds, 415 for one that is
            compressed, 400 when its sender hangs up.
    """
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(_UNSUPPORTED, "a compressed body is not read: send it as it is", headers=_CLOSE)
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(timeout_s):
            return await _collected(request, most)
    except TimeoutError as exc:
        raise Refusal(_TIMEOUT, f"the body did not arrive within {timeout_s:g} s", headers=_CLOSE) from exc
    except ClientDisconnect as exc:
        raise Refusal(_BAD_REQUEST, "the sender hung up") from exc


async def _collected(request: Request, most: int) -> bytes:
    pieces: list[bytes] = []
    length = 0
    async for piece in request.stream():
        length += len(piece)
        if length > most:
            raise _too_large(most)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(most: int) -> Refusal:
    return Refusal(_TOO_LARGE, f"the body has over {most} bytes", headers=_CLOSE)
