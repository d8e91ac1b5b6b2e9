"""What a runner asks of Kafka before it runs."""

import pytest
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError
from pipetrail_sinks.dead_letters import DeadLetters
from pipetrail_sinks.runner import make_consumer

WRONG = KafkaConnection("127.0.0.1:9", {"no.such.property": "x"})


def test_a_wrong_kafka_property_names_the_setting() -> None:
    """A property that librdkafka does not know is a wrong setting, for consumer and producer; none of its exceptions leaks."""
    with pytest.raises(SettingError, match=r"PIPETRAIL_KAFKA_CONFIG.*no\.such\.property"):
        make_consumer(WRONG, "group")
    with pytest.raises(SettingError, match=r"PIPETRAIL_KAFKA_CONFIG.*no\.such\.property"):
        DeadLetters(WRONG)
