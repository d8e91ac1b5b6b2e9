"""The bytes of one entry in a segment of the store, and how damage to them is found. Pure.

    magic (8)  length of body (8)  CRC-32 of body (4)  SHA-256 of salt, length, CRC and body (32)  body

Numbers are big-endian. As in the agent's spool, the CRC finds a torn write quickly and the SHA-256 finds everything. Each
writer has a random salt, which stands in its segments' names and not in the frames: nobody who sends a body can put a frame of
his own into it that would be taken for one where a segment is damaged.
"""

import hashlib
import struct
import zlib

from pipetrail_producers.collector.errors import DamagedFrameError

MAGIC = b"PTSTORE1"
_COUNTS = struct.Struct(">QI")
_DIGEST_BYTES = hashlib.sha256().digest_size
HEADER_BYTES = len(MAGIC) + _COUNTS.size + _DIGEST_BYTES


def encode(body: bytes, salt: bytes) -> bytes:
    """The frame of a body."""
    counts = _COUNTS.pack(len(body), zlib.crc32(body))
    return MAGIC + counts + hashlib.sha256(salt + counts + body).digest() + body


def decode(data: bytes, offset: int, salt: bytes) -> tuple[bytes, int] | None:
    """The body of the frame at an offset, and the offset after it; None where the data ends before the frame does.

    Raises:
        DamagedFrameError: the bytes differ from what was written.
    """
    magic = data[offset : offset + len(MAGIC)]
    if magic != MAGIC[: len(magic)]:
        raise DamagedFrameError(f"does not start with {MAGIC.decode()}", next_start(data, offset + 1))
    body_at = offset + HEADER_BYTES
    if body_at > len(data):
        return None
    counts = data[offset + len(MAGIC) : offset + len(MAGIC) + _COUNTS.size]
    length, crc = _COUNTS.unpack(counts)
    body = data[body_at : body_at + length]
    if len(body) < length:
        return None
    if zlib.crc32(body) != crc:
        raise DamagedFrameError("CRC-32 differs", next_start(data, offset + 1))
    if hashlib.sha256(salt + counts + body).digest() != data[body_at - _DIGEST_BYTES : body_at]:
        raise DamagedFrameError("SHA-256 differs", next_start(data, offset + 1))
    return body, body_at + length


def next_start(data: bytes, offset: int) -> int:
    """Where the next frame may start, from an offset on; the end of the data where none does."""
    found = data.find(MAGIC, offset)
    return found if found >= 0 else len(data)


def needed(data: bytes) -> int:
    """How many bytes the frame at the start of the data has, as far as its header is there."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return HEADER_BYTES
    length: int = _COUNTS.unpack_from(data, len(MAGIC))[0]
    return HEADER_BYTES + length
