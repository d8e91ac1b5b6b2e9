"""The outbox towards a Kafka that is not there."""

import pytest
from pipetrail_deploy.ports import free_port
from pipetrail_processors.errors import BrokerError
from pipetrail_processors.transport.outbox import Outbox
from pipetrail_schemas.connection import KafkaConnection
from pipetrail_schemas.errors import SettingError


def test_a_message_that_was_not_delivered_fails_the_flush_and_all_after_it() -> None:
    """Once a message is lost, nothing may be acknowledged any more: flush and put raise from then on."""
    outbox = Outbox(KafkaConnection(f"127.0.0.1:{free_port()}"), delivery_timeout_s=1.0)
    outbox.put("topic", b"k", b"v")
    with pytest.raises(BrokerError, match="not delivered to topic"):
        outbox.flush(lambda: False)
    with pytest.raises(BrokerError):
        outbox.put("topic", b"k", b"v")
    with pytest.raises(BrokerError):
        outbox.flush(lambda: False)


def test_waiting_ends_when_it_has_been_enough() -> None:
    """A flush that is told to give up raises, with the messages still on their way."""
    outbox = Outbox(KafkaConnection(f"127.0.0.1:{free_port()}"), delivery_timeout_s=60.0)
    outbox.put("topic", b"k", b"v")
    with pytest.raises(BrokerError, match="1 message"):
        outbox.flush(lambda: True)


def test_a_property_that_librdkafka_does_not_know_stops_the_program() -> None:
    """The error names the setting that holds it."""
    with pytest.raises(SettingError, match="PIPETRAIL_KAFKA_CONFIG"):
        Outbox(KafkaConnection("127.0.0.1:9092", {"no.such.property": "1"}), delivery_timeout_s=60.0)
