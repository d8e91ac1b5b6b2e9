"""deploy/compose.yaml and what it mounts, as far as it can be shown without a container engine."""

import importlib
import json
import re
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pipetrail_processors.operation.operation import USUAL_PORT as PROCESS_PORT
from pipetrail_sinks.commands import USUAL_PORT as INDEX_PORT
from pydantic_settings import BaseSettings
from support.project import ROOMS, ROOT, package, tracked

from pipetrail.cli import VERBS, root

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("pipetrail:")}
OUR_COMMANDS = {name: service["command"] for name, service in OURS.items() if service["command"]}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?P<rule>:[?-][^}]*)?\}")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_interface_only(name: str) -> None:
    """No service can be reached from another machine."""
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_stays_says_whether_it_is_well(name: str) -> None:
    """Whatever is restarted has a health check; whatever runs once has none."""
    service = SERVICES[name]
    assert ("healthcheck" in service) == (service["restart"] != "no")


@pytest.mark.parametrize(("name", "port"), [("process", PROCESS_PORT), ("index", INDEX_PORT)])
def test_the_health_check_asks_the_program_whether_it_is_ready(name: str, port: int) -> None:
    """The page is on the port where the program serves it, and Python is what the image has to ask with."""
    check = SERVICES[name]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]
    assert f"http://127.0.0.1:{port}/readyz" in check[3]
    compile(check[3], "healthcheck", "exec")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_it_needs_to_be_ready(name: str) -> None:
    """It waits for a one-shot service to have succeeded and for another to be healthy, never just started."""
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        once = SERVICES[other]["restart"] == "no"
        assert wait["condition"] == ("service_completed_successfully" if once else "service_healthy")


@pytest.mark.parametrize("name", OUR_COMMANDS)
def test_a_command_is_a_real_verb_with_real_options(name: str) -> None:
    """The front door takes it, option by option."""
    run = CliRunner().invoke(root, [*OUR_COMMANDS[name], "--help"])
    assert OUR_COMMANDS[name][0] in VERBS
    assert (run.exit_code, run.exception) == (0, None), run.output


@pytest.mark.parametrize("name", OUR_COMMANDS)
def test_a_variable_is_one_that_the_rooms_read(name: str) -> None:
    """A misspelt variable would be silently without effect."""
    assert set(OURS[name].get("environment", {})) <= _known_variables()


def _known_variables() -> set[str]:
    sources = [path for room in ROOMS for path in tracked(f"{room}/{package(room)}/*.py")]
    known = {name for path in sources for name in re.findall(r"PIPETRAIL_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8"))}
    # What the collector's file of sources names is read, too.
    known |= set(re.findall(r"env: (\w+)", (DEPLOY / "compose" / "sources.yaml").read_text(encoding="utf-8")))
    for module in ("pipetrail_processors.settings", "pipetrail_sinks.settings", "pipetrail_producers.collector.settings"):
        for thing in vars(importlib.import_module(module)).values():
            if isinstance(thing, type) and issubclass(thing, BaseSettings):
                prefix = thing.model_config.get("env_prefix", "")
                known |= {f"{prefix}{field}".upper() for field in thing.model_fields}
    return known


def test_no_secret_has_a_default() -> None:
    """Every password comes from the .env file, is demanded, and stands empty in the example."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    example = (DEPLOY / "compose" / "example.env").read_text(encoding="utf-8")
    used = {match["name"]: match["rule"] or "" for match in VARIABLE.finditer(text)}
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert used.keys() == offered.keys()
    secrets = {name for name in used if name.endswith("_PASSWORD")}
    assert all(used[name].startswith(":?") and not offered[name] for name in secrets)
    assert secrets <= set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    """A missing file would be mounted as an empty folder; named volumes are declared."""
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


def test_images_are_the_versions_that_the_local_stack_runs() -> None:
    """What is developed against is what is deployed: Kafka, OpenSearch and Dashboards by exact version."""
    pinned = (DEPLOY / "pipetrail_deploy" / "artifacts.toml").read_text(encoding="utf-8")
    versions = {name: SERVICES[name]["image"].rpartition(":")[2] for name in ("kafka", "opensearch", "dashboards")}
    assert versions["opensearch"] == versions["dashboards"]
    assert all(re.search(rf"\b{re.escape(version)}\b", pinned) for version in versions.values())


def test_roles_are_those_of_the_security_api() -> None:
    """roles.yml and roles_mapping.yml say what the files for the API say."""
    for file, folder in (("roles.yml", "roles"), ("roles_mapping.yml", "rolesmapping")):
        content = yaml.safe_load((DEPLOY / "compose" / "security" / file).read_text(encoding="utf-8"))
        for path in (DEPLOY / "opensearch" / "security" / folder).glob("pipetrail_*.json"):
            assert content[path.stem] == json.loads(path.read_text(encoding="utf-8"))


def test_every_user_has_a_password_of_its_own() -> None:
    """No hash stands in the file: each is made of a variable that compose demands."""
    users = yaml.safe_load((DEPLOY / "compose" / "security" / "internal_users.yml").read_text(encoding="utf-8"))
    del users["_meta"]
    variables = [re.fullmatch(r"\$\{envbc\.([A-Z_]+)\}", user["hash"]) for user in users.values()]
    names = {match[1] for match in variables if match}
    assert len(names) == len(users)
    assert names <= set(SERVICES["opensearch"]["environment"])


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder of certificates as the one-shot service makes them."""
    _make(tmp_path)
    return tmp_path


def _make(folder: Path) -> str:
    script = DEPLOY / "compose" / "certificates.sh"
    command = ["sh", str(script), str(folder), "opensearch", str(folder.stat().st_uid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_certificates_are_made_once_and_the_key_is_private(certificates: Path) -> None:
    """Nothing but three files, the key for its owner only; a second call changes none of them."""
    before = {path.name: path.read_bytes() for path in certificates.iterdir()}
    assert set(before) == {"ca.pem", "node.pem", "node.key"}
    assert stat.S_IMODE((certificates / "node.key").stat().st_mode) == 0o400
    assert _make(certificates).strip() == f"certificates in {certificates} are valid"
    assert {path.name: path.read_bytes() for path in certificates.iterdir()} == before


@pytest.mark.parametrize(("host", "accepted"), [("opensearch", True), ("localhost", True), ("kafka", False)])
def test_a_client_that_trusts_the_authority_accepts_the_server_under_its_names(
    certificates: Path,
    host: str,
    accepted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A real TLS handshake: by the service's name and by localhost, and by no other name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "node.pem", certificates / "node.key")
    client = ssl.create_default_context(cafile=certificates / "ca.pem")
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=_answer, args=(server, theirs))
    thread.start()
    try:
        if accepted:
            client.wrap_socket(ours, server_hostname=host).close()
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                client.wrap_socket(ours, server_hostname=host)
    finally:
        ours.close()
        thread.join(10)


def _answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    try:
        context.wrap_socket(connection, server_side=True).close()
    except OSError:  # the client hung up, as it should under a wrong name
        connection.close()


def test_the_image_is_pinned_and_runs_as_nobody_in_particular() -> None:
    """The base has an exact version, packages come with hashes, the program's user is not root, all that is copied is there."""
    lines = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(lines)
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    installs = re.findall(r"pip install .*?(?=&&|$)", text, re.MULTILINE)
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)
    copied = [word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]]
    assert all((ROOT / word).exists() for word in copied)
