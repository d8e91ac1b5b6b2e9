"""Links: to pages that there are, and to nothing that a finding makes up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipetrail_sinks.notify.links import Links, is_web
from support.alerts import COMMIT

LINKS = Links("https://audit.example/t/{trail}", "https://audit.example/f/{finding}", {"git.acme.example": "gitlab"})
BASE = "a" * 40


def of(repository: str, base: str | None = None) -> dict[str, str]:
    """The links of a finding in a repository, without one's own pages."""
    return dict(Links(forges=LINKS.forges).of(finding="f", repository=repository, commit=COMMIT, base=base))


@pytest.mark.parametrize(
    ("repository", "commit", "difference"),
    [
        ("https://github.com/acme/shop", f"/commit/{COMMIT}", f"/compare/{BASE}...{COMMIT}"),
        ("https://gitlab.com/acme/shop", f"/-/commit/{COMMIT}", f"/-/compare/{BASE}...{COMMIT}"),
        ("https://git.acme.example/shop", f"/-/commit/{COMMIT}", f"/-/compare/{BASE}...{COMMIT}"),
        ("https://bitbucket.org/acme/shop", f"/commits/{COMMIT}", f"/branches/compare/{COMMIT}..{BASE}"),
        ("https://codeberg.org/acme/shop", f"/commit/{COMMIT}", f"/compare/{BASE}...{COMMIT}"),
    ],
)
def test_forges(repository: str, commit: str, difference: str) -> None:
    """Each forge has its own pages of a commit and of a difference."""
    assert of(repository, BASE) == {"Commit": repository + commit, "Diff": repository + difference}


@pytest.mark.parametrize(
    "repository", ["https://unknown.example/shop", "file:///srv/shop", "https://github.com.evil.example/shop"]
)
def test_unknown_forge(repository: str) -> None:
    """Of a host that nobody knows no page is guessed."""
    assert of(repository, BASE) == {}


def test_own_pages() -> None:
    """Pages of one's own come first; ids in them are encoded."""
    found = LINKS.of(finding="a/b", trail="t?x", change="https://github.com/acme/shop/pull/1")
    assert found == [
        ("Trail", "https://audit.example/t/t%3Fx"),
        ("Finding", "https://audit.example/f/a%2Fb"),
        ("Change", "https://github.com/acme/shop/pull/1"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://x|y",
        "https://x>",
        "https://x y",
        "https://x\ny",
        'https://x"',
        "ftp://x",
        "",
        None,
        "//x",
    ],
)
def test_no_web_address(url: str | None) -> None:
    """What is no plain web address is no link."""
    assert not is_web(url)


@given(st.text())
def test_change_of_anybody(change: str) -> None:
    """Whatever a finding says is its change's page, no link breaks out of any markup."""
    for _, url in LINKS.of(finding="f", change="https://github.com/" + change):
        assert not set(url) & set("<>|\"'\\ \n\r\t")
