"""Where to look further: pages of a forge, and pages of one's own that a template in the routes file names. Pure.

A forge is known by its host: the large ones by name, others because the routes file says so. Of an unknown host no page is
guessed: a link that leads nowhere costs trust at three in the morning.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

# Page of a commit, page of a difference; Bitbucket has the newer commit first, the others have the older.
_PAGES = {
    "github": ("{0}/commit/{1}", "{0}/compare/{2}...{1}"),
    "gitea": ("{0}/commit/{1}", "{0}/compare/{2}...{1}"),
    "gitlab": ("{0}/-/commit/{1}", "{0}/-/compare/{2}...{1}"),
    "bitbucket": ("{0}/commits/{1}", "{0}/branches/compare/{1}..{2}"),
}
_KNOWN_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket", "codeberg.org": "gitea"}
_WEB = re.compile(r"https?://[^\s<>\"'|\\]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Links:
    """`trail` and `finding` are addresses with `{trail}` or `{finding}` in them; `forges` says what further hosts run."""

    trail: str | None = None
    finding: str | None = None
    forges: Mapping[str, str] = field(default_factory=dict)

    def of(
        self,
        *,
        finding: str,
        trail: str | None = None,
        repository: str | None = None,
        commit: str | None = None,
        base: str | None = None,
        change: str | None = None,
    ) -> list[tuple[str, str]]:
        """The links of a finding: (label, address), in the order of their use."""
        found = [
            *self._own(finding, trail),
            *self._forge(repository, commit, base),
            *([("Change", change)] if change else []),
        ]
        return [(label, url) for label, url in found if is_web(url)]

    def _own(self, finding: str, trail: str | None) -> Iterator[tuple[str, str]]:
        if self.trail and trail:
            yield "Trail", self.trail.replace("{trail}", quote(trail, safe=""))
        if self.finding:
            yield "Finding", self.finding.replace("{finding}", quote(finding, safe=""))

    def _forge(self, repository: str | None, commit: str | None, base: str | None) -> Iterator[tuple[str, str]]:
        host = urlsplit(repository).hostname if repository else None
        forge = (self.forges.get(host) or _KNOWN_HOSTS.get(host)) if host else None
        if not (forge and commit):
            return
        page, difference = _PAGES[forge]
        yield "Commit", page.format(repository, commit)
        # Without a base, the difference to the commit's first parent, where a forge has a name for that.
        before = base or (f"{commit}%5E" if forge in {"github", "gitlab"} else None)
        if before:
            yield "Diff", difference.format(repository, commit, before)


def is_web(url: str | None) -> bool:
    """Whether it is a plain web address, harmless in any markup: what a finding says is not to be trusted."""
    return bool(url and _WEB.fullmatch(url))
