"""The agent's path imports the standard library, click and, when it delivers, confluent_kafka: builds wait for nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = {"click", "confluent_kafka", "pipetrail", "pipetrail_producers", "pipetrail_schemas"}
# Parts of the standard library that are slow to import and that this path has no use for.
SLOW = {"asyncio", "http", "ssl", "xml.etree", "unittest", "importlib.metadata", "email"}
_PROGRAM = """
import sys
before = set(sys.modules)
from pipetrail.cli import root
try:
    root(sys.argv[1:], prog_name="pipetrail")
except SystemExit:
    pass
print("\\n".join(sorted(set(sys.modules) - before)), file=open("modules", "w"))
"""


def modules(cwd: Path, *arguments: str, **env: str) -> set[str]:
    """The modules that a command imports."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIPETRAIL_SPOOL": str(cwd / "spool"), **env}
    subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], cwd=cwd, env=clean, check=True, capture_output=True)
    return set((cwd / "modules").read_text().split())


COMMANDS = [
    ("emit", "incident.reported", "--reason", "x"),
    ("run", "--", "true"),
    ("override", "freeze", "--reason", "x"),
    ("intervention", "rerun", "--reason", "x"),
    ("artifact", "/bin/sh"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_command_imports_what_it_needs_and_nothing_else(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nothing but click comes from outside the project where there is no broker, and nothing slow of the standard library."""
    found = modules(tmp_path, *arguments)
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) - (ALLOWED - {"confluent_kafka"})
    assert outside == set()
    assert SLOW & found == set()


def test_delivery_adds_librdkafka_alone(tmp_path: Path) -> None:
    """With a broker to send to, the one module from outside that is added is confluent_kafka's compiled one."""
    env = {"PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "PIPETRAIL_TIMEOUT": "0.2"}
    found = modules(tmp_path, *COMMANDS[0], **env)
    assert {name for name in found if name.startswith("confluent_kafka")} == {"confluent_kafka.cimpl"}
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert {name for name in outside - ALLOWED if not name.startswith("_")} == set()
    assert SLOW & found == set()


def test_a_collector_needs_the_standard_library_alone(tmp_path: Path) -> None:
    """What sends over HTTP runs where no wheel of librdkafka does: nothing of it is imported, nor any other HTTP client."""
    found = modules(tmp_path, *COMMANDS[0], PIPETRAIL_COLLECTOR_URL="http://127.0.0.1:9", PIPETRAIL_TIMEOUT="0.2")
    assert "http.client" in found
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert outside - (ALLOWED - {"confluent_kafka"}) == set()


def test_the_package_is_whole_for_who_imports_it_later() -> None:
    """What was loaded without the package's code is what the package then has, and the other way round."""
    program = (
        "from pipetrail_producers import librdkafka; early = librdkafka.load(); import confluent_kafka as package;"
        "from confluent_kafka.admin import AdminClient;"
        "assert package.Producer is early.Producer is librdkafka.load().Producer; assert package.KafkaError is early.KafkaError"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


@pytest.mark.parametrize(
    ("needs_package", "said"),
    [("import confluent_kafka; Producer = confluent_kafka.found_the_library", "with the package"), ("Producer = 1", "alone")],
)
def test_where_the_compiled_module_needs_the_package_it_gets_it(tmp_path: Path, needs_package: str, said: str) -> None:
    """On systems where the package's own code finds the library, it is run; elsewhere it is not."""
    package = tmp_path / "confluent_kafka"
    package.mkdir()
    (package / "__init__.py").write_text("found_the_library = True\nprint('with the package')\n")
    wrapped = f"try:\n    {needs_package}\nexcept AttributeError as exc:\n    raise ImportError('no library') from exc\n"
    (package / "cimpl.py").write_text(wrapped)
    program = "from pipetrail_producers import librdkafka; assert librdkafka.load().Producer"
    env = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout.strip() or "alone") == said
