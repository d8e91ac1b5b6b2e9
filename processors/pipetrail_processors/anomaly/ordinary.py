"""The ordinary sample: the next one of its series, which needs no judging. From bytes to bytes, laid out as by `newest`. Pure.

Most samples are like that, and none before them is read for it. What is not certain is left to `series`, with the same result.
"""

from pipetrail_processors.anomaly.measured import Measured
from pipetrail_processors.anomaly.newest import HEADER, KEY, MS, ROW, VERSION, Sample
from pipetrail_processors.anomaly.series import NEWEST, is_cut_at

_HEADER_SIZE, _KEY_SIZE, _ROW_SIZE = HEADER.size, KEY.size, ROW.size


def followed(value: bytes, one: Measured, sample: Sample, day: int) -> bytes | None:
    """A series with one more sample.

    Args:
        value: the series, as it is kept.
        one: by which rule.
        sample: to come after all others.
        day: of its recording.

    Returns:
        The series, as it is to be kept; None where more is to be done, or may be.
    """
    _, holds, kept, count, older, latest = HEADER.unpack_from(value)
    ms, number, measured, told, mark, fact = sample
    if holds or not count or one.may_find(older + count, measured):
        return None
    key = KEY.pack(number)
    rows = _HEADER_SIZE + count * _KEY_SIZE
    facts = rows + count * _ROW_SIZE
    if ms <= MS.unpack_from(value, facts - _ROW_SIZE)[0] or value.find(key, _HEADER_SIZE, rows) >= 0:
        return None
    if count >= NEWEST and is_cut_at(KEY.unpack_from(value, rows - (NEWEST - 1) * _KEY_SIZE)[0]):
        return None
    first_fact = facts
    if kept < one.most_facts:
        kept += 1
    else:
        first_fact = value.index(b"\n", facts) + 1
    header = HEADER.pack(VERSION, 0, kept, count + 1, older, max(latest, day))
    row = ROW.pack(ms, measured, told, mark, 0)
    return b"".join((header, value[_HEADER_SIZE:rows], key, value[rows:facts], row, value[first_fact:], fact, b"\n"))
