"""Values of the state as they are kept: long ones compressed, for the changelog and the disk alike.

A trail's facts repeat each other: LZ4 makes a third of them in a few microseconds, and what is written, replicated, compacted
and read back after a loss is a third, too. The first byte tells what is compressed. No JSON text begins with such a one, so the
others are kept as they are.
"""

import cramjam

from pipetrail_processors.errors import StateError

# Shorter values have little to repeat, and cost as much.
_WORTH_BYTES = 256
_LZ4, _AS_IT_IS = b"\x04", b"\x05"


def pack(value: bytes) -> bytes:
    """The value as it is kept."""
    if len(value) >= _WORTH_BYTES:
        packed = bytes(cramjam.lz4.compress_block(value))  # it puts the length before the block
        if len(packed) < len(value):
            return _LZ4 + packed
    return _AS_IT_IS + value if value.startswith((_LZ4, _AS_IT_IS)) else value


def unpack(kept: bytes) -> bytes:
    """The value that was packed.

    Raises:
        StateError: it is damaged.
    """
    if kept.startswith(_LZ4):
        try:
            return bytes(cramjam.lz4.decompress_block(memoryview(kept)[1:]))
        except cramjam.DecompressionError as exc:
            raise StateError(f"a value of the state is damaged: {exc}") from exc
    return kept[1:] if kept.startswith(_AS_IT_IS) else kept
