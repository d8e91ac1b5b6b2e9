"""The real Kafka and the real OpenSearch that every room's tests run on."""

import json
import re
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pipetrail_deploy import artifacts
from pipetrail_deploy.settings import USERS
from pipetrail_deploy.stack import Stack
from support.wait import wait_for

pytestmark = pytest.mark.stack

TIMEOUT_S = 120.0
TEMPLATE = {"index_patterns": ["pipetrail-x*"]}
_LINES = {"Content-Type": "application/x-ndjson"}


class Row(NamedTuple):
    """A request, and the status that USERS (admin, auditor, indexer) get. INDEX and OTHER stand for names of the test."""

    method: str
    path: str
    body: Any
    expected: tuple[int, int, int]


MATRIX = [
    Row("PUT", "/INDEX-new", {}, (200, 403, 200)),
    Row("PUT", "/INDEX/_doc/1", {"n": 1}, (201, 403, 201)),
    Row("POST", "/_bulk", [{"index": {"_index": "INDEX", "_id": "1"}}, {"n": 2}], (200, 403, 200)),
    Row("GET", "/INDEX/_doc/1", None, (200, 200, 200)),
    Row("POST", "/INDEX/_search", {"query": {"match_all": {}}}, (200, 200, 200)),
    Row("GET", "/INDEX/_mapping", None, (200, 200, 403)),
    Row("GET", "/_field_caps?fields=*&index=INDEX", None, (200, 200, 403)),
    Row("PUT", "/OTHER", {}, (200, 403, 403)),
    Row("POST", "/OTHER/_search", {}, (200, 403, 403)),
    Row("PUT", "/OTHER/_doc/1", {"n": 1}, (201, 403, 403)),
    Row("PUT", "/_index_template/INDEX", TEMPLATE, (200, 403, 403)),
    Row("GET", "/_plugins/_security/api/internalusers", None, (200, 403, 403)),
    Row("DELETE", "/INDEX/_doc/1", None, (200, 403, 403)),
    Row("DELETE", "/INDEX", None, (200, 403, 403)),
    Row("DELETE", "/OTHER", None, (200, 403, 403)),
    Row("DELETE", "/INDEX-new", None, (200, 403, 403)),
    Row("DELETE", "/_index_template/INDEX", None, (200, 403, 403)),
]


class Api:
    """OpenSearch's REST API as one user."""

    def __init__(self, stack: Stack, user: str | None, password: str | None = None) -> None:
        self._where = stack.connection.require_opensearch()
        self._auth = (user, password or self._where.as_user(user).password or "") if user else None

    def __call__(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Make one request."""
        url, ca = f"{self._where.url}{path}", str(self._where.ca_file)
        if isinstance(body, list):
            data = "".join(f"{json.dumps(line)}\n" for line in body)
            return requests.request(method, url, data=data, headers=_LINES, auth=self._auth, verify=ca, timeout=TIMEOUT_S)
        return requests.request(method, url, json=body, auth=self._auth, verify=ca, timeout=TIMEOUT_S)


@pytest.fixture
def admin(stack: Stack) -> Api:
    """The API as administrator."""
    return Api(stack, "admin")


@pytest.fixture
def name() -> str:
    """A name that no other test uses, for an index and a topic."""
    return f"pipetrail-test-{uuid.uuid4().hex}"


def test_the_versions_are_the_pinned_ones(stack: Stack, admin: Api) -> None:
    """What runs is what the list says, with the modules and the plugin of the list."""
    parts = artifacts.load()
    assert admin("GET", "/").json()["version"]["number"] == parts.opensearch.version
    nodes = admin("GET", "/_nodes/plugins").json()["nodes"].values()
    (node,) = nodes
    present = {row["name"] for row in (*node["modules"], *node["plugins"])}
    assert present == {"transport-netty4", *(addon.name for addon in parts.opensearch.addons)}
    assert list(stack.kafka.log.parent.glob("kafka.log"))
    assert f"Kafka version: {parts.kafka.version}" in stack.kafka.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.method} {row.path}")
def test_a_user_may_what_the_role_says(stack: Stack, admin: Api, name: str, row: Row) -> None:
    """Admin everything; the auditor reads pipetrail's indices; the indexer writes them, deletes nothing, makes no templates."""
    other = name.removeprefix("pipetrail-")
    statuses = []
    for user in USERS:
        _prepare(admin, name, other, row)
        body = json.loads(json.dumps(row.body).replace("INDEX", name))
        answer = Api(stack, user)(row.method, row.path.replace("INDEX", name).replace("OTHER", other), body)
        statuses.append(_status(answer))
    for index in (name, f"{name}-new", other):
        admin("DELETE", f"/{index}")
    admin("DELETE", f"/_index_template/{name}")
    assert tuple(statuses) == row.expected


def _prepare(admin: Api, name: str, other: str, row: Row) -> None:
    """What the request is about is there, unless the request itself makes it."""
    made_by_itself = {"/INDEX-new": f"{name}-new", "/OTHER": other}.get(row.path) if row.method == "PUT" else None
    for index in (name, f"{name}-new", other):
        admin("DELETE", f"/{index}")
        if index != made_by_itself:
            admin("PUT", f"/{index}", {})
    if not (row.method == "PUT" and "_doc" in row.path):
        admin("PUT", f"/{name}/_doc/1?refresh=true", {"n": 0})
    if row.method == "DELETE" and "template" in row.path:
        admin("PUT", f"/_index_template/{name}", {"index_patterns": [f"{name}*"]})


def _status(answer: requests.Response) -> int:
    """A bulk request answers 200 although each of its items is refused."""
    content = answer.json()
    items = content.get("items") if isinstance(content, dict) else None
    return int(items[0]["index"]["status"]) if items else answer.status_code


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("admin", "admin"), ("admin", ""), ("kibanaserver", "kibanaserver")]
)
def test_nobody_comes_in_without_a_password_that_was_made_here(stack: Stack, user: str | None, password: str | None) -> None:
    """No anonymous access, and none of the well-known default users."""
    assert Api(stack, user, password or "-" if user else None)("GET", "/").status_code == 401


def test_plain_http_is_not_answered(stack: Stack) -> None:
    """Passwords never travel in the clear."""
    url = stack.connection.require_opensearch().url.replace("https:", "http:")
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=TIMEOUT_S)


def test_scripts_normalizers_and_reindexing_work(admin: Api, name: str) -> None:
    """What the modules are there for: update by query with a script, a lower-case normalizer, a scaled number."""
    mappings = {
        "properties": {
            "who": {"type": "keyword", "normalizer": "lowercase"},
            "n": {"type": "scaled_float", "scaling_factor": 10},
        }
    }
    assert admin("PUT", f"/{name}", {"mappings": mappings}).status_code == 200
    admin("PUT", f"/{name}/_doc/1?refresh=true", {"who": "ÉMILE", "n": 1.5})
    update = {"script": {"source": "ctx._source.n += 40.5"}, "query": {"term": {"who": "émile"}}}
    assert admin("POST", f"/{name}/_update_by_query?refresh=true", update).json()["updated"] == 1
    copy = {"source": {"index": name}, "dest": {"index": f"{name}-copy"}}
    assert admin("POST", "/_reindex?refresh=true", copy).json()["created"] == 1
    assert admin("GET", f"/{name}-copy/_doc/1").json()["_source"] == {"who": "ÉMILE", "n": 42.0}
    admin("DELETE", f"/{name},{name}-copy")


def _make_topic(stack: Stack, name: str) -> None:
    admin = AdminClient(stack.connection.require_kafka().client_config())
    admin.create_topics([NewTopic(name, 3, 1)])[name].result(TIMEOUT_S)


def _produce(stack: Stack, topic: str, *values: bytes) -> None:
    failures: list[object] = []
    producer = Producer({**stack.connection.require_kafka().client_config(), "acks": "all"})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _message: failures.append(error) if error else None)
    assert (producer.flush(TIMEOUT_S), failures) == (0, [])


def _consume(stack: Stack, topic: str, count: int) -> set[bytes | None]:
    config = {**stack.connection.require_kafka().client_config(), "group.id": topic, "auto.offset.reset": "earliest"}
    values: set[bytes | None] = set()

    def all_there() -> bool:
        # A broker that has just been started again may be told of as an error first, which the client gets over by itself.
        values.update(message.value() for message in consumer.consume(count, 1.0) if message.error() is None)
        return len(values) >= count

    with closing(Consumer(config)) as consumer:
        consumer.subscribe([topic])
        wait_for(all_there, timeout_s=TIMEOUT_S, what=f"{count} messages")
    return values


def test_a_topic_is_not_made_by_mistake(stack: Stack, name: str) -> None:
    """Who mistypes a topic's name is told, and the topic is not there afterwards either."""
    producer = Producer(stack.connection.require_kafka().client_config())
    error = producer.list_topics(name, TIMEOUT_S).topics[name].error
    assert error is not None
    assert error.name() == "UNKNOWN_TOPIC_OR_PART"
    assert name not in producer.list_topics(timeout=TIMEOUT_S).topics


def test_messages_survive_a_killed_broker(stack: Stack, name: str) -> None:
    """What was acknowledged is there after kill -9 and a start, on the same port."""
    _make_topic(stack, name)
    _produce(stack, name, b"before")
    port = stack.kafka.port
    stack.kafka.kill()
    with pytest.raises(KafkaException):
        AdminClient({**stack.connection.require_kafka().client_config(), "log_level": 0}).list_topics(timeout=1)
    stack.kafka.start()
    assert stack.kafka.port == port
    _produce(stack, name, b"after")
    assert _consume(stack, name, 2) == {b"before", b"after"}


def test_messages_survive_a_stopped_broker(stack: Stack, name: str) -> None:
    """And after an orderly stop; consumer groups work at once."""
    _make_topic(stack, name)
    _produce(stack, name, b"1", b"2", b"3")
    stack.kafka.stop()
    stack.kafka.start()
    assert _consume(stack, name, 3) == {b"1", b"2", b"3"}


def test_documents_and_users_survive_a_killed_opensearch(stack: Stack, admin: Api, name: str) -> None:
    """What was acknowledged is there after kill -9 and a start."""
    assert admin("PUT", f"/{name}/_doc/1", {"n": 1}).status_code == 201
    stack.opensearch.kill()
    with pytest.raises(requests.ConnectionError):
        admin("GET", "/")
    stack.opensearch.start()
    assert Api(stack, "auditor")("GET", f"/{name}/_doc/1").json()["_source"] == {"n": 1}
    admin("DELETE", f"/{name}")


def test_everything_listens_on_this_machine_only(stack: Stack) -> None:
    """No server's port can be reached from another machine."""
    listening = "0A"  # TCP_LISTEN of proc_net_tcp(5); addresses there are hexadecimal, the least byte first
    tables = [Path(f"/proc/net/{table}") for table in ("tcp", "tcp6")]
    if not tables[0].exists():
        pytest.skip("this system has no /proc/net to ask")
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    ours = {stack.kafka.port, stack.opensearch.port, *_inner_ports(stack)}
    hosts = {int(port, 16): host for row in rows if row[3] == listening for host, port in [row[1].split(":")]}
    assert ours <= set(hosts)
    assert {hosts[port] for port in ours} <= {"0100007F", "0000000000000000FFFF00000100007F"}


def _inner_ports(stack: Stack) -> set[int]:
    kafka = (stack.home / "data" / "kafka" / "server.properties").read_text(encoding="utf-8")
    opensearch = (stack.home / "data" / "opensearch" / "config" / "opensearch.yml").read_text(encoding="utf-8")
    found = re.findall(r"CONTROLLER://127\.0\.0\.1:(\d+)|^transport\.port: (\d+)", kafka + opensearch, re.MULTILINE)
    assert len(found) == 2
    return {int(one or other) for one, other in found}
