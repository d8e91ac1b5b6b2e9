"""CODEOWNERS, as GitHub documents it."""

import pytest
from pipetrail_processors.directory.codeowners import parse_codeowners
from pipetrail_schemas.errors import SettingError


@pytest.mark.parametrize(
    ("pattern", "path", "owned"),
    [
        ("*", "", True),
        ("*", "src/deep", True),
        ("/src/", "src", True),
        ("/src/", "src/api", True),
        ("/src/", "lib/src", False),
        ("src/", "lib/src", True),
        ("src", "lib/src/api", True),
        ("/services/*/api", "services/shop/api", True),
        ("/services/*/api", "services/shop/eu/api", False),
        ("/services/**/api", "services/shop/eu/api", True),
        ("docs/*", "docs", True),
        ("docs/*", "docs/api", False),
        ("/build/logs/", "build", False),
    ],
)
def test_a_pattern_owns_what_gitignore_would_ignore(pattern: str, path: str, owned: bool) -> None:  # noqa: FBT001 - a table
    """Folders own what is below them; a leading slash or one within ties the pattern to the root."""
    owners = parse_codeowners(f"{pattern} @acme/team", setting="reference", name="x").owners(path)
    assert owners == (("@acme/team",) if owned else ())


def test_the_last_pattern_that_matches_decides_also_for_nobody() -> None:
    """A pattern without owners takes the ownership away; sections and comments are passed over."""
    text = "[Backend][2] @acme/heads\n* @acme/all # everything\n/vendor/\n"
    found = parse_codeowners(text, setting="reference", name="x")
    assert found.owners("src") == ("@acme/all",)
    assert found.owners("vendor/lib") == ()


@pytest.mark.parametrize("line", ["!/src @acme/all", "/src/[ab] @acme/all", "/src all"])
def test_what_codeowners_does_not_have_is_refused(line: str) -> None:
    """Instead of matching something else than the author meant."""
    with pytest.raises(SettingError, match="x:1"):
        parse_codeowners(line, setting="reference", name="x")
