"""The reference folder: what is read from it, and what is complained of, by file and line."""

from pathlib import Path

import pytest
from pipetrail_processors.directory.reference import Reference, load_reference
from pipetrail_schemas.errors import SettingError

PEOPLE = """
people:
  - id: ann
    name: Ann Ask
    emails: [Ann@acme.example]
    logins: [annie, git.example/ann42]
    roles:
      - {role: developer, to: 2026-01-05}
      - {role: release-manager, from: 2026-01-05}
  - id: bob
    emails: [bob@acme.example]
    to: 2026-02-01
    roles: [{role: administrator}]
"""
SERVICES = """
services:
  - {name: api, repositories: ["*/acme/shop"], path: services/api, team: payments}
  - {name: web, repositories: ["*/acme/shop"], path: services/web}
"""
OWNERS = """
# who looks after what
*            @acme/everyone  # fallback
/services/   @acme/backend @ann
/services/web/  @acme/frontend
docs/*.md    ann@acme.example
"""


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        for short, spelled in (("__", "/"), ("_yaml", ".yaml"), ("_csv", ".csv"), ("_scim", ".scim.json")):
            name = name.replace(short, spelled)  # noqa: PLW2901 - keyword arguments cannot be spelled like files
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def _load(tmp_path: Path, **files: str) -> Reference:
    return load_reference(_folder(tmp_path, **files))


@pytest.mark.parametrize("key", ["ann", "ANN@acme.example", "annie", "Annie"])
def test_a_person_is_found_by_any_of_their_keys(tmp_path: Path, key: str) -> None:
    """Id, e-mail address and login, in any case of letters."""
    person = _load(tmp_path, people_yaml=PEOPLE).person(key)
    assert person
    assert person.shown == {"id": "ann", "name": "Ann Ask", "email": "ann@acme.example"}


def test_a_login_of_one_system_is_nobodys_in_another(tmp_path: Path) -> None:
    """Two systems give one name to different people."""
    reference = _load(tmp_path, people_yaml=PEOPLE)
    found = reference.person("ann42", "git.example")
    assert found
    assert found.id == "ann"
    assert reference.person("ann42", "other.example") is None
    assert reference.person("ann42") is None


@pytest.mark.parametrize(
    ("key", "time", "roles"),
    [
        ("ann", "2026-01-04T23:59:59.999Z", ["developer"]),
        ("ann", "2026-01-05T00:00:00.000Z", ["release-manager"]),
        ("bob", "2026-01-31T00:00:00.000Z", ["administrator"]),
        ("bob", "2026-02-01T00:00:00.000Z", []),
    ],
)
def test_roles_are_those_of_the_time(tmp_path: Path, key: str, time: str, roles: list[str]) -> None:
    """From the first moment of the first day to the last before the end; none after the person left."""
    person = _load(tmp_path, people_yaml=PEOPLE).person(key)
    assert person
    assert person.roles_at(time) == roles


def test_people_come_from_a_csv_export(tmp_path: Path) -> None:
    """Several lines of one id add to each other."""
    text = (
        "\ufeffid,name,email,login,role,from,to\r\n"
        'cem,"Cem, the third",cem@acme.example,cem3,developer,2025-01-01,2026-01-01\r\n'
        "cem,,c@acme.example,,administrator,2026-01-01,\r\n"
    )
    person = _load(tmp_path, staff_csv=text).person("c@acme.example")
    assert person
    assert (person.name, person.logins) == ("Cem, the third", ("cem3",))
    assert person.roles_at("2025-06-01T00:00:00.000Z") == ["developer"]
    assert person.roles_at("2026-06-01T00:00:00.000Z") == ["administrator"]


def test_people_come_from_a_scim_export(tmp_path: Path) -> None:
    """A ListResponse of RFC 7644; the primary address first, no roles for who is not active."""
    text = """{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2, "Resources": [
      {"id": "2819", "externalId": "dee", "userName": "dee@acme.example", "displayName": "Dee", "active": true,
       "emails": [{"value": "d@home.example"}, {"value": "dee@acme.example", "primary": true}],
       "groups": [{"value": "g1", "display": "payments"}], "roles": [{"value": "release-manager", "primary": true}]},
      {"id": "2820", "userName": "eve", "active": false, "roles": ["administrator"]}]}"""
    reference = _load(tmp_path, directory_scim=text)
    dee, eve = reference.person("2819"), reference.person("eve")
    assert dee
    assert eve
    assert (dee.emails, dee.teams) == (("dee@acme.example", "d@home.example"), ("payments",))
    assert dee.roles_at("2026-01-01T00:00:00.000Z") == ["release-manager"]
    assert eve.roles_at("2026-01-01T00:00:00.000Z") == []


def test_a_service_is_found_by_name_or_by_being_the_only_one(tmp_path: Path) -> None:
    """Of two services in one repository none is guessed."""
    reference = _load(tmp_path, services_yaml=SERVICES)
    found = reference.service("https://git.example/acme/shop", "api")
    assert found
    assert found.team == "payments"
    assert reference.service("https://git.example/acme/shop", None) is None
    assert reference.service("https://git.example/acme/other", "api") is None


def test_the_owning_team_is_the_services_or_that_of_its_folder(tmp_path: Path) -> None:
    """First what is written of the service, then CODEOWNERS for its folder, then for the whole repository."""
    reference = _load(tmp_path, services_yaml=SERVICES, **{"codeowners__git.example__acme__shop": OWNERS})
    repository = "https://git.example/acme/shop"
    assert reference.team(repository, reference.service(repository, "api")) == "payments"
    assert reference.team(repository, reference.service(repository, "web")) == "acme/frontend"
    assert reference.team(repository, None) == "acme/everyone"
    assert reference.team("https://git.example/acme/other", None) is None


def test_an_environment_has_the_tier_of_the_first_entry_that_matches(tmp_path: Path) -> None:
    """Patterns, case ignored."""
    text = 'environments: [{match: ["prod-test"], tier: testing}, {match: ["prod*", live], tier: production}]'
    reference = _load(tmp_path, environments_yaml=text)
    found = [reference.tier(name) for name in ("prod-test", "PROD-eu", "live", "qa")]
    assert found == ["testing", "production", "production", None]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("people_yaml", "people:\n  - {id: ann}\n  - {id: bob, emails: [bob]}\n", "people.yaml:3: people.1.emails.0"),
        ("people_yaml", "people:\n  - id: ann\n    role: x\n", "people.yaml:3: people.0.role: is not known here; allowed: id"),
        (
            "people_yaml",
            "people:\n  - id: ann\n  - id: bob\n    logins: [ANN]\n",
            "people.yaml:3: 'ann' is ann's already (people.yaml:2)",
        ),
        (
            "people_yaml",
            "people:\n  - id: ann\n    roles:\n      - {role: x, from: 2026-01-02, to: 2026-01-01}\n",
            "people.yaml:4: people.0.roles.0: ends before it begins",
        ),
        ("staff_csv", "id,email\nann,a@b\nbob\n", "staff.csv:3: has not the 2 values of the heading"),
        ("staff_csv", "id,mail\nann,a@b\n", "staff.csv:1: 'mail' is no column; allowed: id, name, email"),
        ("staff_csv", "id,email\nann,nobody\n", "staff.csv:2: emails.0"),
        ("all_scim", '{"Resources": [{"userName": "a"}, 7]}', "all.scim.json: Resources[1]: is no object"),
        ("all_scim", "{}", "all.scim.json:1: is no SCIM ListResponse"),
        ("bots_yaml", "bots:\n  - {match: [renovate], human: zoe}\n", "'zoe' is nobody's id, login or e-mail address"),
        ("environments_yaml", "environments:\n  - {match: [prod], tier: Production One}\n", "environments.yaml:2"),
        ("codeowners__git.example__acme__shop", "* @acme/all\n/src everyone\n", "shop:2: 'everyone' is no owner; allowed: @"),
        ("persons_yaml", "people: []", "persons.yaml: is no reference file; allowed: people.yaml"),
    ],
)
def test_a_bad_file_is_complained_of_by_file_and_line(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    """People mend it without searching."""
    with pytest.raises(SettingError) as raised:
        _load(tmp_path, **{name: text})
    assert complaint in str(raised.value)


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    """A folder that is misspelled is not an empty one."""
    with pytest.raises(SettingError, match="is no folder"):
        load_reference(tmp_path / "nowhere")
    (tmp_path / "README.md").write_text("what this is", encoding="utf-8")
    assert load_reference(tmp_path).is_empty
