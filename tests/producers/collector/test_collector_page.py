"""docs/collector.md: the file that it shows works, and the settings and pages that it names are there."""

import re
from pathlib import Path

from pipetrail_producers.collector.settings import CollectSettings
from pipetrail_producers.collector.sources import load

PAGE = (Path(__file__).parents[3] / "docs" / "collector.md").read_text(encoding="utf-8")


def test_the_sources_are_taken_by_the_collector(tmp_path: Path) -> None:
    """The page's file of sources passes the collector's own check."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "sources.yaml"
    file.write_text(block, encoding="utf-8")
    found = load(file, {name: f"{name}-of-enough-length" for name in re.findall(r"env: (\w+)", block)})
    assert len(found.issuers) == 2
    assert set(found.by_name) == {"forge", "in-house"}


def test_the_settings_are_there() -> None:
    """Every variable that the page names is one, and linked pages exist."""
    named = set(re.findall(r"PIPETRAIL_COLLECT_([A-Z_]+[A-Z])", PAGE))
    assert named <= {name.upper() for name in CollectSettings.model_fields}
    folder = Path(__file__).parents[3] / "docs"
    assert all((folder / link).is_file() for link in re.findall(r"\]\(([^)#]+)\)", PAGE))
