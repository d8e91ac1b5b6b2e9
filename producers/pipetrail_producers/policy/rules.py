"""The rules for commits: what a rules file says, checked. Pure, standard library only.

A rules file is `.pipetrail-commits.toml`, or the table `[tool.pipetrail.commits]` of `pyproject.toml`. Without one the defaults
below hold: a described change, no leftover work. Every setting that is wrong stops the program, naming it and what is allowed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from pipetrail_schemas.errors import SettingError
from pipetrail_schemas.ticket import find_ticket, ticket_pattern

from pipetrail_producers.policy.lookup import Lookup, lookup_of

Need = Literal["required", "optional"]
Signing = Literal["optional", "present", "good"]
Style = Literal["free", "conventional"]

# The rules by name, in the order in which they are applied; exemptions name them.
RULES = ("autosquash", "style", "subject", "body", "forbidden", "ticket", "sign_off", "signature")
# Conventional Commits 1.0.0 asks for feat and fix and leaves the rest open; these are the ones in wide use.
TYPES = ("build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test")


@dataclass(frozen=True, slots=True)
class Exemption:
    """Who or what the rules do not hold for, and why. Patterns are those of fnmatch; all that are given must match.

    `author` is compared with the author's name and e-mail address, `subject` with the first line. `rules` empty: all of them.
    """

    reason: str
    author: str | None = None
    subject: str | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules. Lengths are in characters; 0 is no limit.

    `ticket_keys` are the project keys that exist (empty: any key that is not known to be something else), `ticket_patterns` how
    else tickets are written (`AB#<number>`; with them no key is guessed), `ticket_numbers` whether `#17` is a ticket where a
    word says so, `ticket_lookup` where tickets are looked up. `override` allows a commit to be let through with a
    reason, which is recorded.
    """

    style: Style = "free"
    types: tuple[str, ...] = TYPES
    scopes: tuple[str, ...] = ()
    subject_min: int = 10
    subject_max: int = 100
    body_line_max: int = 0
    forbidden: tuple[str, ...] = ("wip", "tmp", "asdf", "fixme")
    ticket: Need = "optional"
    ticket_keys: tuple[str, ...] = ()
    ticket_patterns: tuple[str, ...] = ()
    ticket_numbers: bool = True
    ticket_lookup: Lookup | None = None
    sign_off: bool = False
    signature: Signing = "optional"
    override: bool = True
    exempt: tuple[Exemption, ...] = ()

    def ticket_in(self, message: str) -> str | None:
        """The ticket that a message names; None where it names none."""
        patterns = [ticket_pattern(text) for text in self.ticket_patterns]
        found = find_ticket((message,), self.ticket_keys, patterns)
        by_number = found is not None and _NUMBER.fullmatch(found) is not None
        allowed = self.ticket_numbers or any(pattern.fullmatch(found or "") for pattern in patterns)
        return None if by_number and not allowed else found


# What `find_ticket` says of a number after a word that says what it is.
_NUMBER = re.compile(r"#[0-9]+")
# A key as Jira and others write it; `ticket_keys` in small letters would never be found.
_KEY = re.compile(r"[A-Z][A-Z0-9]{1,9}")
_CHOICES: dict[str, tuple[str, ...]] = {"style": get_args(Style), "ticket": get_args(Need), "signature": get_args(Signing)}


def policy_of(table: Mapping[str, Any], where: str) -> Policy:
    """The policy that a table of a rules file describes.

    Args:
        table: the decoded TOML.
        where: the file's name, for messages.

    Raises:
        SettingError: names the setting and what is allowed.
    """
    defaults = Policy()
    names = [field.name for field in fields(Policy)]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in names:
            raise SettingError(f"{where}: {name}", f"is not known; there are {', '.join(names)}")
        if name == "exempt":
            values[name] = _exemptions(value, where)
        elif name == "ticket_lookup":
            values[name] = lookup_of(value, f"{where}: {name}")
        else:
            values[name] = _checked(name, value, getattr(defaults, name), where)
    policy = Policy(**values)
    if policy.subject_max and policy.subject_min > policy.subject_max:
        raise SettingError(f"{where}: subject_min", f"{policy.subject_min} is more than subject_max, {policy.subject_max}")
    return policy


def _checked(name: str, value: object, default: object, where: str) -> object:
    setting = f"{where}: {name}"
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise SettingError(setting, f"{value!r} is not one of {', '.join(_CHOICES[name])}")
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingError(setting, f"{value!r} is not true or false")
        return value
    if isinstance(default, int):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise SettingError(setting, f"{value!r} is not a number of characters (0 for no limit)")
        return value
    texts = _texts(value, setting)
    for number, text in enumerate(texts):
        _check_ticket_setting(name, text, f"{setting}[{number}]")
    return texts


def _check_ticket_setting(name: str, text: str, setting: str) -> None:
    if name == "ticket_keys" and not _KEY.fullmatch(text):
        raise SettingError(setting, f"{text!r} is no project key: a capital letter, then 1 to 9 capitals or digits")
    if name == "ticket_patterns":
        try:
            ticket_pattern(text)
        except ValueError as exc:
            raise SettingError(setting, f"{text!r} {exc}") from exc


def _texts(value: object, setting: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise SettingError(setting, f"{value!r} is not a list of texts")
    return tuple(value)


def _exemptions(value: object, where: str) -> tuple[Exemption, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SettingError(f"{where}: exempt", "is not a list of tables: write [[exempt]]")
    return tuple(_exemption(table, f"{where}: exempt[{number}]") for number, table in enumerate(value))


def _exemption(table: Mapping[str, Any], where: str) -> Exemption:
    unknown = sorted(table.keys() - {"reason", "author", "subject", "rules"})
    if unknown:
        raise SettingError(f"{where}.{unknown[0]}", "is not known; there are reason, author, subject, rules")
    for name in ("reason", "author", "subject"):
        if name in table and (not isinstance(table[name], str) or not table[name].strip()):
            raise SettingError(f"{where}.{name}", f"{table[name]!r} is not a text")
    if "reason" not in table:
        raise SettingError(f"{where}.reason", "is missing: an exemption says why it is one")
    if not {"author", "subject"} & table.keys():
        raise SettingError(where, "names neither author nor subject: it would hold for every commit")
    rules = _texts(table.get("rules", []), f"{where}.rules")
    wrong = [rule for rule in rules if rule not in RULES]
    if wrong:
        raise SettingError(f"{where}.rules", f"{wrong[0]!r} is not one of {', '.join(RULES)}")
    return Exemption(table["reason"], table.get("author"), table.get("subject"), rules)
