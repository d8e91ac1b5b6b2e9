"""Write docs/settings.md from the settings' own models: `python docs/settings.py [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from page import write_or_check
from pipetrail_processors.settings import ProcessSettings
from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_schemas.service.settings import Settings
from pipetrail_sinks.notify.settings import NotifySettings
from pipetrail_sinks.settings import IndexSettings, IndicesSettings
from pydantic.fields import FieldInfo

TARGET = Path(__file__).with_name("settings.md")

HEAD = """# Settings

Written by `make docs`, the programs' own from the programs themselves. All settings are environment variables; where Kafka and
OpenSearch are may stand in a file, too.

A value that is not allowed stops the program, and is named with what is; so is a variable with a program's prefix that is no
setting. What delivery hangs on (acknowledgements, idempotence, partitioning, commits, where reading starts) cannot be set.
"""
PROGRAMS: dict[str, type[Settings]] = {
    "pipetrail collect": CollectSettings,
    "pipetrail process": ProcessSettings,
    "pipetrail index": IndexSettings,
    "pipetrail indices": IndicesSettings,
    "pipetrail notify": NotifySettings,
}
# Those that no model describes, since the agent starts without pydantic; a test holds that none is missing.
PLAIN: dict[str, dict[str, str]] = {
    "Where Kafka and OpenSearch are": {
        "PIPETRAIL_HOME": "folder of state and of `connection.toml`, which `pipetrail up` writes; else the nearest "
        "`.pipetrail` that has that file, here or above; else `.pipetrail` here. The variables below beat the file",
        "PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS": "`host:port`, several with commas",
        "PIPETRAIL_KAFKA_CONFIG": "properties of librdkafka, `key=value`, one a line: `security.protocol=SASL_SSL` …",
        "PIPETRAIL_OPENSEARCH_URL": "`https://host:port`",
        "PIPETRAIL_OPENSEARCH_CA_FILE": "PEM file of the authority that signed OpenSearch's certificate",
        "PIPETRAIL_OPENSEARCH_USER": "who to ask as; with the password, or neither",
        "PIPETRAIL_OPENSEARCH_PASSWORD": "the password",
    },
    "The agent: where events go": {
        "PIPETRAIL_COLLECTOR_URL": "`https://host[:port][/path]` of a collector; with it events go there instead of to Kafka",
        "PIPETRAIL_COLLECTOR_TOKEN": "a token that the collector knows; sent over https or to this machine only",
        "PIPETRAIL_ID_TOKEN": "else: the CI job's own OIDC token (GitLab: `id_tokens`). GitHub's jobs get one by themselves",
        "PIPETRAIL_COLLECTOR_AUDIENCE": "the audience that a GitHub job asks a token for; the collector's URL unless given",
        "PIPETRAIL_TIMEOUT": "seconds that a command waits for an answer before it spools; 0.1 to 300, 5 by default",
        "PIPETRAIL_SPOOL": "folder of the spool; by default `pipetrail/spool` in `$XDG_STATE_HOME`, else in `~/.local/state`",
        "PIPETRAIL_SPOOL_MAX_BYTES": "bound of the spool in bytes, from 1 MiB, 256 MiB by default; what has no room is refused",
        "PIPETRAIL_REDACTION_KEY": "key of the fingerprints that stand for redacted secrets, so that they compare between runs",
    },
    "The agent: what it says": {
        "PIPETRAIL_REPOSITORY": "URL of the repository. This one and those below beat what the CI system and git say",
        "PIPETRAIL_COMMIT": "the commit, 40 or 64 hex digits",
        "PIPETRAIL_REF": "name of the branch or tag",
        "PIPETRAIL_CHANGE_ID": "number of the pull or merge request",
        "PIPETRAIL_PIPELINE": "name of the pipeline",
        "PIPETRAIL_RUN_ID": "id of the run, for what runs in no CI system that pipetrail knows",
        "PIPETRAIL_RUN_ATTEMPT": "which attempt of the run, from 1",
        "PIPETRAIL_RUN_URL": "the run's page",
        "PIPETRAIL_ACTOR": "name of who does it",
        "PIPETRAIL_ACTOR_ID": "id of who does it",
        "PIPETRAIL_ACTOR_EMAIL": "e-mail address of who does it",
        "PIPETRAIL_ACTOR_TYPE": "what does it: user, service_account, app, system, api_key or unknown",
        "PIPETRAIL_ENVIRONMENT": "name of the environment",
        "PIPETRAIL_TICKET": "`--ticket` of every command that has it",
    },
    "Policy and gate": {
        "PIPETRAIL_POLICY": "the policy file of `policy`, `gate` and `replay`; by default `pipetrail-policy.yaml`",
        "PIPETRAIL_GATE_NO_TRAILS": "`true`: `pipetrail gate` asks the policy alone",
        "PIPETRAIL_OVERRIDE_REASON": "lets a commit through that `pipetrail check` would refuse, and says why",
        "PIPETRAIL_TICKET_TOKEN": "token for the tracker that `pipetrail check` asks; for GitHub, else `GITHUB_TOKEN`",
        "PIPETRAIL_TICKET_USER": "account of that token, where the tracker wants both (Jira's cloud)",
    },
}
_BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


def document() -> str:
    """The whole page."""
    plain = (line for name, variables in PLAIN.items() for line in _plain_section(name, variables))
    return "\n".join([HEAD, *plain, *(line for name, model in PROGRAMS.items() for line in _section(name, model))])


def _plain_section(name: str, variables: dict[str, str]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| variable | what it is |"
    yield "|---|---|"
    for variable, meaning in variables.items():
        yield f"| `{variable}` | {_cell(meaning)} |"
    yield ""


def _section(name: str, model: type[Settings]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| variable | default | allowed | what it is |"
    yield "|---|---|---|---|"
    prefix = str(model.model_config.get("env_prefix", ""))
    for field, info in model.model_fields.items():
        yield f"| `{prefix}{field}`".upper() + f" | {_default(info)} | {_allowed(info)} | {_cell(info.description or '')} |"
    yield ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    return "" if info.default is None else f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"


def _allowed(info: FieldInfo) -> str:
    """The kind of value and its bounds, in words."""
    bounds = [f"{word} {getattr(one, name)}" for one in info.metadata for name, word in _BOUNDS.items() if hasattr(one, name)]
    kinds = [kind for kind in (info.annotation, *get_args(info.annotation)) if kind in _KINDS]
    kind = _KINDS[kinds[0]] if kinds else "text"
    return " ".join([kind, *bounds])


_KINDS: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false", Path: "path"}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, document))
