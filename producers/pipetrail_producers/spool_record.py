"""The bytes of one spooled message, and how damage to them is found. Pure; standard library only.

    magic (8)  length of body (8)  CRC-32 of body (4)  SHA-256 of length, CRC and body (32)  body

The body is a sequence of chunks, each a length (4) and its bytes: topic, key, value, then name and value of each header.
All numbers are big-endian. The CRC finds a torn write quickly; the SHA-256 finds everything, the header's own bytes included.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator

from pipetrail_producers.errors import DamagedRecordError
from pipetrail_producers.message import Message

MAGIC = b"PTSPOOL1"
_COUNTS = struct.Struct(">QI")
_CHUNK = struct.Struct(">I")
_DIGEST_BYTES = hashlib.sha256().digest_size
HEADER_BYTES = len(MAGIC) + _COUNTS.size + _DIGEST_BYTES


def encode(message: Message) -> bytes:
    """The record of a message."""
    parts = [message.topic.encode(), message.key, message.value]
    for name, value in message.headers:
        parts += [name.encode(), value]
    body = b"".join(_CHUNK.pack(len(part)) + part for part in parts)
    counts = _COUNTS.pack(len(body), zlib.crc32(body))
    return MAGIC + counts + hashlib.sha256(counts + body).digest() + body


def decode(record: bytes) -> Message:
    """The message of a record, identical to the one that was encoded.

    Raises:
        DamagedRecordError: the record is cut, has bytes too many, or any of its bits differ.
    """
    if len(record) < HEADER_BYTES:
        raise DamagedRecordError(f"cut: {len(record)} bytes, and the header alone has {HEADER_BYTES}")
    if not record.startswith(MAGIC):
        raise DamagedRecordError(f"does not start with {MAGIC.decode()}")
    counts = record[len(MAGIC) : len(MAGIC) + _COUNTS.size]
    length, crc = _COUNTS.unpack(counts)
    digest, body = record[HEADER_BYTES - _DIGEST_BYTES : HEADER_BYTES], record[HEADER_BYTES:]
    if len(body) != length:
        raise DamagedRecordError(f"body has {len(body)} bytes where {length} were written")
    if zlib.crc32(body) != crc:
        raise DamagedRecordError("CRC-32 differs")
    if hashlib.sha256(counts + body).digest() != digest:
        raise DamagedRecordError("SHA-256 differs")
    topic, key, value, *headers = _chunks(body)
    pairs = zip(headers[::2], headers[1::2], strict=True)
    return Message(topic.decode(), key, value, tuple((name.decode(), text) for name, text in pairs))


def _chunks(body: bytes) -> Iterator[bytes]:
    # Only called on a body whose SHA-256 agrees: its lengths are the ones that encode() wrote.
    position = 0
    while position < len(body):
        (length,) = _CHUNK.unpack_from(body, position)
        position += _CHUNK.size
        yield body[position : position + length]
        position += length
