"""The file of commit rules, and what is said about a wrong one."""

import re
import tomllib
from pathlib import Path

import pytest
from pipetrail_producers.policy.lookup import Lookup
from pipetrail_producers.policy.rules import Exemption, Policy, policy_of
from pipetrail_producers.policy.settings import load_policy
from pipetrail_schemas.errors import SettingError
from support.project import ROOT

FULL = """
style = "conventional"
types = ["feat", "fix"]
subject_min = 5
ticket = "required"
ticket_keys = ["PAY", "OPS"]
sign_off = true
[[exempt]]
author = "*[bot]"
rules = ["ticket"]
reason = "dependency updates"
"""


def test_rules_are_found_where_people_put_them(tmp_path: Path) -> None:
    """The file of its own comes first, then pyproject.toml, then the defaults; a named file beats them."""
    assert load_policy(tmp_path) == Policy()
    (tmp_path / "pyproject.toml").write_text("[tool.pipetrail.commits]\nticket = 'required'\n", encoding="utf-8")
    assert load_policy(tmp_path) == Policy(ticket="required")
    (tmp_path / ".pipetrail-commits.toml").write_text(FULL, encoding="utf-8")
    expected = Policy(
        style="conventional",
        types=("feat", "fix"),
        subject_min=5,
        ticket="required",
        ticket_keys=("PAY", "OPS"),
        sign_off=True,
        exempt=(Exemption("dependency updates", author="*[bot]", rules=("ticket",)),),
    )
    assert load_policy(tmp_path) == expected
    other = tmp_path / "other.toml"
    other.write_text("subject_max = 50\n", encoding="utf-8")
    assert load_policy(tmp_path, other) == Policy(subject_max=50)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tickets = 'required'", "tickets: is not known; there are style"),
        ("ticket = 'yes'", "ticket: 'yes' is not one of required, optional"),
        ("subject_max = -1", "subject_max: -1 is not a number of characters"),
        ("subject_max = true", "subject_max: True is not a number"),
        ("sign_off = 1", "sign_off: 1 is not true or false"),
        ("forbidden = 'wip'", "forbidden: 'wip' is not a list of texts"),
        ("subject_min = 80\nsubject_max = 50", "subject_min: 80 is more than subject_max, 50"),
        ("exempt = 'bots'", r"exempt: is not a list of tables"),
        ("[[exempt]]\nauthor = 'x'", r"exempt\[0\].reason: is missing"),
        ("[[exempt]]\nreason = 'x'", r"exempt\[0\]: names neither author nor subject"),
        ("[[exempt]]\nreason = 'x'\nauthor = 'y'\nrules = ['tickets']", "'tickets' is not one of autosquash"),
        ("[[exempt]]\nreason = ' '\nauthor = 'y'", r"exempt\[0\].reason"),
        ("[[exempt]]\nreason = 'x'\nbranch = 'y'", r"exempt\[0\].branch: is not known"),
        ("ticket = ", "is not valid TOML"),
        ("ticket_keys = ['pay']", r"line 1: ticket_keys\[0\]: 'pay' is no project key"),
        ("\nticket_patterns = ['AB#<number>',\n  # 'x'\n  'AB#[0-9]+']", r"line 4: ticket_patterns\[1\]: .* has no <number>"),
        ("ticket_patterns = ['(a+)+<number>']", r"line 1: ticket_patterns\[0\]: .* text with one <number> in it"),
        ("ticket_patterns = ['<number>']", "it would find every number"),
        ("style = 'free'\n\nsubject_max = -1", "line 3: subject_max"),
        ("[[exempt]]\nauthor = 'x'\nreason = 'y'\n[[exempt]]\nauthor = 'x'\nreason = ''", r"line 6: exempt\[1\].reason"),
        ("style = 'free'\n[ticket_lookup]\nsystem = 'trac'", "line 3: ticket_lookup.system"),
    ],
)
def test_a_wrong_rule_names_itself_and_what_is_allowed(content: str, said: str, tmp_path: Path) -> None:
    """Nothing wrong is passed over in silence or replaced by a default."""
    (tmp_path / ".pipetrail-commits.toml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=said):
        load_policy(tmp_path)


def test_a_rules_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Who names a file wants it read."""
    with pytest.raises(SettingError, match="cannot be read"):
        load_policy(tmp_path, tmp_path / "absent.toml")


def test_the_rules_that_the_readme_shows_are_rules() -> None:
    """Who copies them gets what they say."""
    (shown,) = re.findall(r"```toml\n(.*?)```", (ROOT / "producers" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    policy = policy_of(tomllib.loads(shown), "README")
    assert (policy.style, policy.ticket_keys, policy.signature) == ("conventional", ("PAY", "OPS"), "good")
    assert policy.ticket_lookup == Lookup("jira", "https://acme.atlassian.net")
    assert policy.exempt == (Exemption("dependency updates have no ticket", author="*[bot]", rules=("ticket",)),)
