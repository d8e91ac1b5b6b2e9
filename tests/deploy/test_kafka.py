"""What a local Kafka is given to start with."""

import re
from uuid import UUID

from pipetrail_deploy.kafka import cluster_id


def test_a_cluster_id_never_looks_like_an_option() -> None:
    """Of all first letters that base64 has, one is a dash, which the tool that formats the storage takes for an option."""
    firsts = [UUID(bytes=bytes([number << 2]) + bytes(15)) for number in range(64)]
    found = {cluster_id(iter((first, UUID(int=0))).__next__) for first in firsts}
    assert len(found) == 63
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", one) for one in found)
