"""The page of settings: what the rooms read from the environment stands in it."""

import re
from itertools import chain

from support.project import ROOT

ROOMS = ("schemas", "producers", "processors", "sinks", "review", "deploy")
# Whole names only: what ends in an underscore is a prefix, of which the programs' models give the rest.
VARIABLE = re.compile(r"\bPIPETRAIL_[A-Z_]*[A-Z]\b")
# The CI's own: `pipetrail init` writes them into a repository, and deploy/ci tells of them. No program reads them.
OF_THE_CI = {"PIPETRAIL_PACKAGE", "PIPETRAIL_STAGE"}


def test_every_setting_is_written_down() -> None:
    """A variable that any room names is on the page of settings: nobody has to read the source for one."""
    sources = chain.from_iterable((ROOT / room / f"pipetrail_{room}").rglob("*.py") for room in ROOMS)
    named = {name for source in sources for name in VARIABLE.findall(source.read_text(encoding="utf-8"))}
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert len(named) > 40
    assert set() == named - OF_THE_CI - set(VARIABLE.findall(page))
