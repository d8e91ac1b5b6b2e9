"""Every golden sample, read by everyone who has an opinion on events."""

import json

import pytest
from cloudevents.http import from_json
from cloudevents.kafka import KafkaMessage, from_binary, from_structured, to_binary, to_structured
from pipetrail_schemas import check, codec
from pipetrail_schemas.types import EVENT_TYPES
from support.golden import SAMPLES, validator

every_type = pytest.mark.parametrize("name", EVENT_TYPES)


def test_there_is_a_sample_of_every_type_and_of_nothing_else() -> None:
    """The samples' names are the registry's types."""
    assert set(SAMPLES) == set(EVENT_TYPES)


def test_no_two_samples_are_one_fact() -> None:
    """Ids differ between all samples."""
    assert len({sample["id"] for sample in SAMPLES.values()}) == len(SAMPLES)


@every_type
def test_a_sample_is_of_the_type_that_its_file_is_named_after(name: str) -> None:
    """`type` and `dataschema` are those of the registry."""
    assert (SAMPLES[name]["type"], SAMPLES[name]["dataschema"]) == (EVENT_TYPES[name].full_name, EVENT_TYPES[name].schema_url)


@every_type
def test_a_sample_is_accepted_by_model_check_and_schema(name: str) -> None:
    """Pydantic by the writers' rules, the check without pydantic and the exported JSON Schema agree that it is valid."""
    codec.validate(SAMPLES[name])
    assert list(check.event_problems(SAMPLES[name])) == []
    assert list(check.problems(name, SAMPLES[name]["data"])) == []
    validator(name).validate(SAMPLES[name])


@every_type
def test_a_sample_survives_being_written_and_read(name: str) -> None:
    """Encoding a sample gives the sample's own content, and decoding gives the same event."""
    event = codec.validate(SAMPLES[name])
    encoded = codec.encode(event)
    assert json.loads(encoded) == SAMPLES[name]
    assert codec.decode(encoded) == event


@every_type
def test_the_cloudevents_sdk_reads_what_is_written(name: str) -> None:
    """The SDK finds in our bytes every attribute and the data as they were."""
    encoded = codec.encode(codec.validate(SAMPLES[name]))
    attributes = {key: value for key, value in SAMPLES[name].items() if key != "data"}
    for read in (from_json(encoded), from_structured(KafkaMessage({}, None, encoded))):
        assert (dict(read.get_attributes()), read.get_data()) == (attributes, SAMPLES[name]["data"])


@every_type
@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_the_cloudevents_sdk_writes_is_read(name: str, write: type) -> None:
    """Both modes as the SDK sends them to Kafka decode to the same event as our own bytes."""
    event = codec.validate(SAMPLES[name])
    message: KafkaMessage = write(from_json(codec.encode(event)))
    assert codec.decode(_bytes(message.value), message.headers.items(), _bytes(message.key or "")) == event


@every_type
def test_binary_mode_is_understood_as_the_sdk_understands_it(name: str) -> None:
    """The SDK's reading of its own binary message and ours have the same attributes and data."""
    message = to_binary(from_json(codec.encode(codec.validate(SAMPLES[name]))))
    theirs = from_binary(message)
    ours = codec.content_of(_bytes(message.value), message.headers.items(), _bytes(message.key or ""))
    assert {**theirs.get_attributes(), "data": theirs.get_data()} == ours


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
