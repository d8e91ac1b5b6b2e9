"""What was not delivered is said in the words of the CI system, and in nobody else's."""

import pytest
from pipetrail_producers.annotate import warn

MESSAGE = "100% of [it's] a|b\n::error::forged\r\n##vso[task.complete result=Failed]\n##teamcity[buildStop]"
TEXT = "100% of [it's] a|b ::error::forged # #vso[task.complete result=Failed] # #teamcity[buildStop]"
TEAMCITY = "100% of |[it|'s|] a||b ::error::forged # #vso|[task.complete result=Failed|] # #teamcity|[buildStop|]"


@pytest.mark.parametrize(
    ("env", "annotation"),
    [
        ({}, None),
        ({"GITLAB_CI": "true"}, None),
        ({"GITHUB_ACTIONS": "true"}, f"::warning title=pipetrail::{TEXT.replace('%', '%25')}"),
        ({"TF_BUILD": "True"}, f"##vso[task.logissue type=warning]pipetrail: {TEXT.replace('%', '%AZP25')}"),
        ({"TEAMCITY_VERSION": "2026.1"}, f"##teamcity[message text='pipetrail: {TEAMCITY}' status='WARNING']"),
        ({"BUILDKITE": "true"}, "^^^ +++"),
    ],
)
def test_each_system_is_told_in_its_own_words(
    env: dict[str, str], annotation: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for people, then the annotation where the system has a syntax for it; the message itself gives no command."""
    warn(env, MESSAGE)
    assert capsys.readouterr().err.splitlines() == [f"pipetrail: {TEXT}"] + ([annotation] if annotation else [])
