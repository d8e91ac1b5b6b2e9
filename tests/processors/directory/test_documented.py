"""The page about reference data: what it shows is what is read."""

from pathlib import Path

from pipetrail_processors.directory.reference import load_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference-data.md"


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    """Whoever copies it starts with something that works."""
    text = PAGE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    files = text.split("# ")
    named = [part.split("\n", 1) for part in files if part.partition("\n")[0].endswith(".yaml")]
    assert len(named) == 5
    # A comment within a file was split off with its mark; joined again, all is as it was.
    for number, start in enumerate(named):
        begin = text.index(f"# {start[0]}\n")
        end = text.index(f"# {named[number + 1][0]}\n") if number + 1 < len(named) else len(text)
        (tmp_path / start[0]).write_text(text[begin:end], encoding="utf-8")
    reference = load_reference(tmp_path)
    ann = reference.person("ann42", "git.example")
    assert ann
    assert ann.roles_at("2026-01-05T00:00:00.000Z") == ["release_manager"]
    service = reference.service("https://git.example/acme/shop", "api")
    assert reference.team("https://git.example/acme/shop", service) == "payments"
    assert reference.tier("prod-eu") == "production"
    claims = {"iss": "https://git.example", "user_access_level": "owner"}
    assert reference.roles_of(claims, "2026-01-05T00:00:00.000Z") == ["administrator"]
