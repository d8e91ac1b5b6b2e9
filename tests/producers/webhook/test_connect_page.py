"""docs/connect.md: what it tells people to write works."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml
from pipetrail_producers.collector.sources import load
from pipetrail_producers.webhook.argocd import SYSTEM
from pipetrail_producers.webhook.systems import PLACES
from pipetrail_schemas.errors import SettingError
from support.translator import short_types, translated

PAGE = (Path(__file__).parents[3] / "docs" / "connect.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SIGNING_KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
SECRETS = {
    name: SIGNING_KEY if name.startswith("HOOP") else f"{name}-of-enough-length"
    for name in re.findall(r"env: (\w+)", BLOCKS[0])
}
APPLICATION = {
    "kind": "Application",
    "metadata": {"name": "shop", "namespace": "argocd"},
    "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "pay"}},
    "status": {"operationState": {"phase": "Running", "startedAt": "2026-11-23T09:07:30Z"}},
}


def test_the_sources_are_taken_by_the_collector(tmp_path: Path) -> None:
    """The page's file of sources passes the collector's own check, and each source is of a system that there is."""
    file = tmp_path / "sources.yaml"
    file.write_text(BLOCKS[0], encoding="utf-8")
    found = load(file, SECRETS)
    assert {source.system for source in found.by_name.values()} < set(PLACES)


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ("environments:", "enviroments:", "'enviroments' is not known; there is: environments"),
        ("{in-cluster/pay: prod, in-cluster/pay-staging: staging}", "[prod]", "must be names by destination"),
        ("in-cluster/pay: prod", "in-cluster/pay: 1", "must be names by destination"),
        ("system: tekton,", "system: tekton, settings: {environment: prod},", "'environment': this system has no settings"),
    ],
)
def test_a_wrong_setting_of_a_source_is_named(right: str, wrong: str, why: str, tmp_path: Path) -> None:
    """What a system does not know stops the collector with the file's line and what is allowed."""
    file = tmp_path / "sources.yaml"
    assert right in BLOCKS[0]
    file.write_text(BLOCKS[0].replace(right, wrong), encoding="utf-8")
    with pytest.raises(SettingError, match=rf"sources\.yaml.*{re.escape(why)}"):
        load(file, SECRETS)


def test_argo_cds_template_makes_deliveries_that_are_understood() -> None:
    """The template, filled in, is JSON that becomes a deployment to the environment that the settings name."""
    template = yaml.safe_load(yaml.safe_load(BLOCKS[1])["template.pipetrail"])["webhook"]["pipetrail"]["body"]
    filled = template.replace("{{toJson .app}}", json.dumps(APPLICATION)).replace("{{toJson .context}}", "{}")
    settings = next(one["settings"] for one in yaml.safe_load(BLOCKS[0])["sources"] if one["system"] == "argocd")
    (made,) = translated(SYSTEM, json.loads(filled), settings=settings)
    assert short_types([made]) == ["deployment.started"]
    assert made["data"]["deployment"]["environment"]["name"] == "prod"


@pytest.mark.parametrize("system", [name for name in PLACES if name != "generic"])
def test_every_source_is_explained(system: str) -> None:
    """Each system of the example has its section."""
    titles = {"argocd": "Argo CD", "cdevents": "CDEvents", "hoop": "hoop", "github": "GitHub", "gitlab": "GitLab"}
    title = titles.get(system, system.capitalize())
    assert f"\n## {title}\n" in PAGE
