"""The templates under deploy/opensearch are what this version applies."""

from pathlib import Path

import orjson
from click.testing import CliRunner
from pipetrail_sinks import commands

SHIPPED = Path(__file__).parents[2] / "deploy" / "opensearch" / "templates.json"


def test_the_shipped_templates_are_current() -> None:
    """deploy/opensearch/templates.json is the output of `pipetrail indices show --body`."""
    printed = CliRunner().invoke(commands.indices, ["show", "--body"])
    assert printed.exit_code == 0
    assert orjson.loads(printed.output) == orjson.loads(SHIPPED.read_bytes())
