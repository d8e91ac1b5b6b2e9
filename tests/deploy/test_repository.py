"""Which repository is asked, by the user's Maven settings."""

from pathlib import Path

import pytest
from pipetrail_deploy.repository import mirror_url, mirrors_central
from pipetrail_schemas.errors import SettingError

NAMESPACE = "http://maven.apache.org/SETTINGS/1.2.0"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("*", True),
        ("central", True),
        ("external:*", True),
        ("snapshots, central", True),
        ("*,!snapshots", True),
        ("*,!central", False),
        ("external:http:*", False),
        ("snapshots", False),
        ("", False),
    ],
)
def test_a_mirror_covers_what_its_patterns_say(patterns: str, expected: bool) -> None:  # noqa: FBT001 - a row of the table
    """Maven's own patterns, as far as they can cover Central."""
    assert mirrors_central(patterns) is expected


@pytest.mark.parametrize("attribute", [f' xmlns="{NAMESPACE}"', ""])
def test_the_first_mirror_of_central_is_taken(tmp_path: Path, attribute: str) -> None:
    """With and without the settings' XML namespace."""
    file = tmp_path / "settings.xml"
    rows = [("snapshots", "http://one.example/a"), ("central", "http://two.example/b/"), ("*", "http://three.example/c")]
    mirrors = "".join(f"<mirror><mirrorOf>{name}</mirrorOf><url> {url} </url></mirror>" for name, url in rows)
    file.write_text(f"<settings{attribute}><mirrors>{mirrors}</mirrors></settings>", encoding="utf-8")
    assert mirror_url(file) == "http://two.example/b"


def test_without_settings_it_is_central_itself(tmp_path: Path) -> None:
    """Most people have no Maven settings."""
    assert mirror_url(tmp_path / "absent.xml") is None


def test_unreadable_settings_stop_the_program(tmp_path: Path) -> None:
    """They are not passed over in silence: a company's mirror may be the only way out."""
    file = tmp_path / "settings.xml"
    file.write_text("<settings>", encoding="utf-8")
    with pytest.raises(SettingError, match=r"settings\.xml: cannot be read as Maven settings"):
        mirror_url(file)
