"""Tests of the commands on a real OpenSearch, run as people run them."""

import json
import subprocess
from pathlib import Path

import pytest
from pipetrail_review import client as client_module
from pipetrail_review.kinds import EVENTS
from support.library import Command, Library

pytestmark = pytest.mark.stack


def titles(text: str) -> list[str]:
    """The messages of an NDJSON output."""
    return [json.loads(line)["message"] for line in text.splitlines()]


def commit(library: Library, name: str) -> str:
    """The commit of one of the library's trails."""
    trail = getattr(library, name)
    return str(trail.vcs.ref.head.revision)


@pytest.mark.parametrize("name", ["clean", "skipped", "failed"])
def test_show_finds_a_trail_by_its_commit(library: Library, pipetrail: Command, name: str) -> None:
    """The full commit, and its beginning as long as it fits one, show the trail."""
    revision = commit(library, name)
    whole, beginning = pipetrail("show", revision, "--utc"), pipetrail("show", revision[:36].upper(), "--utc")
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout == beginning.stdout
    assert whole.stdout.startswith(f"Trail {revision[:7]}  ")


def test_show_prints_the_timeline_with_what_was_found(library: Library, pipetrail: Command) -> None:
    """The override stands at the skip, with who and why; below, its title and id."""
    lines = pipetrail("show", commit(library, "skipped"), "--utc").stdout.splitlines()
    assert lines[0].split("  ", 1)[1].split() == ['"fix:', "in", "a", 'hurry"', "1", "override"]
    skip = next(line for line in lines if " test " in line)
    assert skip.split("  ")[1] == "09:04:11"
    assert 'skipped by Bob Ray, "hotfix' in skip
    assert skip.endswith("high  required stage skipped")
    assert lines[-1].endswith(library.override.pipetrail.finding.id[:8])


def test_a_beginning_that_fits_several_commits_is_refused_with_the_list(library: Library, pipetrail: Command) -> None:
    """Nothing is guessed: the candidates stand in the message, and the exit code is 1."""
    found = pipetrail("show", commit(library, "clean")[:12])
    assert (found.returncode, found.stdout) == (1, "")
    assert "is ambiguous" in found.stderr
    assert all(title in found.stderr for title in ("feat: a clean change", "fix: in a hurry", "chore: fails"))


def test_show_finds_every_trail_of_a_digest(library: Library, pipetrail: Command) -> None:
    """An artifact that two changes carry shows both, and the alias that was merged is told by its heir."""
    wheel = next(one for one in library.clean.related.hash if one.startswith("sha256:"))
    for name in (wheel, wheel.removeprefix("sha256:"), wheel[:40]):
        found = pipetrail("show", name, "--json")
        assert sorted(titles(found.stdout)) == ["feat: a clean change", "fix: in a hurry"], found.stderr


def test_show_finds_a_trail_by_run_trail_id_and_event(library: Library, pipetrail: Command) -> None:
    """A run, the trail's own id, an event's id and a merged alias all lead to it, also where events do not name it."""
    state = library.clean.pipetrail.trail
    for name in (library.run, state.id, state.entries[0].event_id, library.alias.pipetrail.trail.id):
        assert titles(pipetrail("show", name, "--json").stdout) == ["feat: a clean change"]


def test_show_takes_a_name_from_the_repository_here(pipetrail: Command, library: Library, tmp_path: Path) -> None:
    """HEAD is resolved by git; a commit that is not indexed is named in full, with what to do."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ann", "-c", "user.email=ann@forge.example"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    found = pipetrail("show")
    assert found.returncode == 1
    assert f"no trail of commit {head} (HEAD) is indexed" in found.stderr


@pytest.mark.parametrize("name", ["no-such-thing", "abc", "sha256:0", "--", "-x", "'; DROP", "main^{/x}", "\x1b[31m"])
def test_what_nobody_knows_is_said_in_one_line(library: Library, pipetrail: Command, name: str) -> None:
    """A name that fits nothing ends with 1 (or a usage error with 2), one line, and no escape sequence."""
    found = pipetrail("show", "--", name)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("pipetrail: nothing is known of ")
    assert found.stderr.count("\n") == 1
    assert "\x1b" not in found.stderr


def test_search_finds_events_newest_first(library: Library, pipetrail: Command) -> None:
    """A query over fields finds the events, the latest first, in a table and as JSON."""
    query = f'vcs.repository.url.full:"{library.repository}" AND event.action:commit.recorded'
    found = pipetrail("search", query, "--json")
    times = [json.loads(line)["@timestamp"] for line in found.stdout.splitlines()]
    assert times == ["2026-11-23T09:05:31.000Z", "2026-11-23T09:03:51.000Z", "2026-11-23T09:02:11.000Z"]
    table = pipetrail("search", query, "--utc").stdout.splitlines()
    assert table[0].split() == ["TIME", "EVENT", "REPOSITORY", "COMMIT", "WHAT", "HOW"]
    assert [line[:19] for line in table[1:]] == ["2026-11-23 09:05:31", "2026-11-23 09:03:51", "2026-11-23 09:02:11"]


def test_search_takes_bare_words(library: Library, pipetrail: Command) -> None:
    """A word without a field is looked for in every field."""
    mark = library.repository.split("/")[-2]
    found = pipetrail("search", f"hotfix{mark}", "--json")
    assert [json.loads(line)["event"]["action"] for line in found.stdout.splitlines()] == ["taskrun.skipped"]


def test_search_for_rules_finds_findings(library: Library, pipetrail: Command) -> None:
    """The transcript's next command works: a query for a rule looks among findings."""
    found = pipetrail("search", f'rule.id:* AND vcs.repository.url.full:"{library.repository}"', "--utc")
    assert found.returncode == 0
    assert found.stdout.startswith("findings\nID ")
    assert library.override.pipetrail.finding.id[:8] in found.stdout


@pytest.mark.parametrize(
    ("place", "expected"), [("trails", 4), ("findings", 3), ("events", 9), ("dead-letters", 0), ("all", 16)]
)
def test_search_looks_where_it_is_told(library: Library, pipetrail: Command, place: str, expected: int) -> None:
    """`--in` chooses the kind of documents; `all` looks everywhere."""
    found = pipetrail("search", f'vcs.repository.url.full:"{library.repository}"', "--in", place, "--json")
    assert (found.returncode, len(found.stdout.splitlines())) == (0, expected)


def test_search_keeps_to_the_window_and_the_limit(library: Library, pipetrail: Command) -> None:
    """`--since` is inclusive, `--until` is not, and what `--limit` leaves out is said."""
    query = f'vcs.repository.url.full:"{library.repository}"'
    window = ("--since", "2026-11-23T09:02:11Z", "--until", "2026-11-23T09:03:51Z")
    assert len(pipetrail("search", query, *window, "--json").stdout.splitlines()) == 4
    limited = pipetrail("search", query, "--limit", "2")
    assert len(limited.stdout.splitlines()) == 3
    assert limited.stderr == "2 of 9 events, the newest; --limit shows more\n"


@pytest.mark.parametrize("query", ["user.name:(", "a AND", '"open', "@timestamp:[1 TO", "event.created:notatime~~~["])
def test_a_query_that_does_not_parse_is_said_in_one_line(library: Library, pipetrail: Command, query: str) -> None:
    """The parser's reason, without its grammar and without a traceback; exit code 2 as for any wrong use."""
    found = pipetrail("search", query)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("pipetrail: the query does not parse: ")
    assert found.stderr.count("\n") == 1


def test_a_misspelt_field_is_named(library: Library, pipetrail: Command) -> None:
    """OpenSearch finds nothing in a field that is not there; the person is told so, and what there is."""
    found = pipetrail("search", "user.nam:nobody")
    assert found.stdout == ""
    assert "nothing fits among events\nthere is no field user.nam; did you mean user.name?\n" == found.stderr  # noqa: SIM300


def test_findings_lists_what_is_open(library: Library, pipetrail: Command) -> None:
    """Open findings are listed, the others counted; filters narrow; `--exit-code` is for scripts."""
    here = ("--repository", library.repository)
    listed = pipetrail("findings", *here, "--utc")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 3)
    assert listed.stderr == "1 finding is in another status: --status any\n"
    assert len(pipetrail("findings", *here, "--status", "any", "--json").stdout.splitlines()) == 3
    for option, value in (("--severity", "high"), ("--category", "override"), ("--rule", "required-stage-skipped")):
        found = pipetrail("findings", *here, option, value, "--json", "--exit-code")
        assert found.returncode == 1
        assert [json.loads(line)["pipetrail"]["finding"]["id"] for line in found.stdout.splitlines()] == [
            library.override.pipetrail.finding.id
        ]
    none = pipetrail("findings", *here, "--severity", "critical", "--exit-code")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no such finding\n")


def test_a_repository_may_be_given_by_its_end(library: Library, pipetrail: Command) -> None:
    """`owner/name` is enough; a part of a name is not."""
    owner = library.repository.split("/")[-2]
    assert len(pipetrail("findings", "--repository", f"{owner}/shop", "--json").stdout.splitlines()) == 2
    assert pipetrail("findings", "--repository", f"{owner[1:]}/shop", "--json").stdout == ""


def test_findings_tells_one_in_full(library: Library, pipetrail: Command) -> None:
    """The first digits of an id are enough, and the evidence is told as events."""
    found = pipetrail("findings", library.override.pipetrail.finding.id[:12], "--utc")
    assert found.returncode == 0
    for words in ("Why it matters", "1.  Ask Ann Lee why.", "2026-11-23 09:04:11  test  unit  skipped by Bob Ray"):
        assert words in found.stdout
    unknown = pipetrail("findings", "zzzz")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no finding has an id that begins with" in unknown.stderr


def test_the_report_is_written(library: Library, pipetrail: Command, tmp_path: Path) -> None:
    """One file, of this repository, that says what happened; the command says where it is and how much."""
    path = tmp_path / "audit.html"
    told = pipetrail("report", "--repository", library.repository, "-o", str(path))
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"{path}: 3 trails, 2 findings, until ")
    html = path.read_text(encoding="utf-8")
    assert "Bob Ray skipped the tests of what went to prod" in html
    assert "9 events" in html
    assert list(tmp_path.iterdir()) == [path]
    assert not path.stat().st_mode & 0o022


def test_the_report_keeps_to_its_period(library: Library, pipetrail: Command, tmp_path: Path) -> None:
    """A change belongs to a period that it began before and went on into; a finding only to its own time."""
    window = ("--since", "2026-11-23T09:04:30Z", "--until", "2026-11-23T09:05:00Z")
    told = pipetrail("report", "--repository", library.repository, *window)
    assert told.stdout.startswith("pipetrail-report.html: 1 trail, 0 findings")


def test_a_report_that_cannot_be_written_says_so(library: Library, pipetrail: Command, tmp_path: Path) -> None:
    """A folder that is not there is named, without a traceback."""
    found = pipetrail("report", "-o", str(tmp_path / "nowhere" / "x.html"))
    assert found.returncode == 1
    assert "x.html cannot be written: No such file or directory" in found.stderr


def test_paging_reads_everything_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages smaller than the result neither skip nor repeat a document, also where times are equal."""
    monkeypatch.setattr(client_module, "PAGE", 2)
    query = {"term": {"vcs.repository.url.full": library.repository}}
    with client_module.Client(library.connection) as client:
        found = [document["event"]["id"] for document in client.scan(EVENTS, query)]
        hits = client.search(EVENTS, query, limit=5)
    assert len(found) == len(set(found)) == 9
    assert (hits.total, [document["event"]["id"] for document in hits.documents]) == (9, found[:5])
