"""Reading people from files: `people.yaml` by hand, `*.csv` and `*.scim.json` as directories export them.

people.yaml:  people: [{id, name, emails, logins, teams, roles: [{role, from, to}], from, to}]
*.csv:        a heading with some of id,name,email,login,team,role,from,to; several lines of one id add to each other
*.scim.json:  a ListResponse of Users (RFC 7643 section 4.1, RFC 7644 section 3.4.2)
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.service.yamlfile import parse
from pydantic import BaseModel, ConfigDict, ValidationError

from pipetrail_processors.directory.person import Person

SETTING = "reference"
_COLUMNS = ("id", "name", "email", "login", "team", "role", "from", "to")


class _PeopleFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    people: tuple[Person, ...]


# A person, and where it stands: file and line, for complaints.
Found = tuple[Person, str]


def from_yaml(text: str, name: str) -> list[Found]:
    """The people of a YAML file.

    Raises:
        SettingError: names file, line, field and what is allowed.
    """
    file = parse(text, setting=SETTING, name=name)
    people = file.validated(_PeopleFile).people
    return [(person, f"{name}:{file.lines['people', number]}") for number, person in enumerate(people)]


def from_csv(text: str, name: str) -> list[Found]:
    """The people of a CSV file with a heading (RFC 4180).

    Raises:
        SettingError: names file and line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    columns = reader.fieldnames or ()
    unknown = [column for column in columns if column not in _COLUMNS]
    if unknown or "id" not in columns:
        raise _error(f"{name}:1", f"{unknown[0]!r} is no column" if unknown else "has no column 'id'", _COLUMNS)
    merged: dict[str, tuple[dict[str, Any], str]] = {}
    try:
        for row in reader:
            place = f"{name}:{reader.line_num}"
            if None in row or None in row.values():
                raise _error(place, f"has not the {len(columns)} values of the heading")
            content, _ = merged.setdefault(row["id"], ({"id": row["id"], "roles": []}, place))
            _add_row(content, row)
    except csv.Error as exc:
        raise _error(f"{name}:{reader.line_num}", f"is no CSV: {exc}") from exc
    return [_person(content, place) for content, place in merged.values()]


def _add_row(content: dict[str, Any], row: dict[str, str]) -> None:
    if row.get("name"):
        content["name"] = row["name"]
    for column, field in (("email", "emails"), ("login", "logins"), ("team", "teams")):
        if row.get(column) and row[column] not in content.setdefault(field, []):
            content[field].append(row[column])
    times = {column: row[column] for column in ("from", "to") if row.get(column)}
    if row.get("role"):
        content["roles"].append({"role": row["role"], **times})
    else:
        content.update(times)


def from_scim(text: str, name: str) -> list[Found]:
    """The people of a SCIM export; who is not active has no roles.

    Raises:
        SettingError: names the file and the resource.
    """
    try:
        content = orjson.loads(text)
        resources = content["Resources"]
    except (ValueError, TypeError, KeyError) as exc:
        raise _error(f"{name}:1", f"is no SCIM ListResponse: {exc!r}") from exc
    if not isinstance(resources, list):
        raise _error(f"{name}:1", "Resources is no list")
    found = []
    for number, resource in enumerate(resources):
        place = f"{name}: Resources[{number}]"
        if not isinstance(resource, dict):
            raise _error(place, "is no object")
        active = resource.get("active", True) is not False
        user = {
            "id": resource.get("externalId") or resource.get("id") or resource.get("userName"),
            "name": resource.get("displayName") or _formatted(resource),
            "emails": list(_values(resource.get("emails"))),
            "logins": [login for login in (resource.get("userName"), resource.get("id")) if login],
            "teams": list(_values(resource.get("groups"), "display")),
            "roles": [{"role": role} for role in _values(resource.get("roles"))] if active else [],
        }
        found.append(_person({key: value for key, value in user.items() if value is not None}, place))
    return found


def _formatted(resource: dict[str, Any]) -> str | None:
    name = resource.get("name")
    return name.get("formatted") if isinstance(name, dict) else None


def _values(items: Any, key: str = "value") -> Iterator[Any]:
    """The values of a multi-valued attribute (RFC 7643 section 2.4), the primary one first."""
    told = [item if isinstance(item, dict) else {key: item} for item in items or () if item]
    for item in sorted(told, key=lambda item: item.get("primary") is not True):
        if value := item.get(key) or item.get("value"):
            yield value


def _person(content: dict[str, Any], place: str) -> Found:
    try:
        return Person.model_validate(content), place
    except ValidationError as exc:
        error = exc.errors()[0]
        path = ".".join(str(part) for part in error["loc"])
        raise _error(place, f"{path}: {error['msg'].removeprefix('Value error, ')}") from exc


def _error(place: str, problem: str, allowed: tuple[str, ...] = ()) -> SettingError:
    return SettingError(SETTING, f"{place}: {problem}{'; allowed: ' + ', '.join(allowed) if allowed else ''}")
