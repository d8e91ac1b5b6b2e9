"""CEL expressions over the fields of a case, and texts with fields in braces. Compiled once, checked before the first event.

Only the fields that an expression names are handed to it, and its result is remembered by their values: an expression is a pure
function of them, and converting values costs more than judging them. What the event alone answers, where an expression begins
with that, is remembered by the event: a trail is judged anew with each of its events.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise

import cel

from pipetrail_processors.case import Case, Value, View
from pipetrail_processors.fields import FIELDS, OWN
from pipetrail_processors.policy import Policy
from pipetrail_processors.summary import Subject

_LITERAL = re.compile(r"""[rRbB]?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_ROOTS = tuple(dict.fromkeys(path.partition(".")[0] for path in FIELDS))
_PATH = re.compile(rf"(?<![\w.])({'|'.join(_ROOTS)})((?:\s*\.\s*[A-Za-z_]\w*)*)")
_FIELD = re.compile(r"\{([^{}]*)\}")
_REMEMBERED = 4096
_REMEMBERED_EVENTS = 32_768  # some 6 MB for each of the rules, at most


class Expression:
    """One condition. Its parts, where `&&` joins them, are judged one after the other until one does not hold."""

    def __init__(self, source: str) -> None:
        """Compile the condition.

        Raises:
            ValueError: it is no CEL, names a field that there is not, or does not say true or false.
        """
        self._source = source
        whole = _Part(source)
        self.paths = whole.paths
        conjuncts = _conjuncts(source)
        parts = [_Part(part) for part in conjuncts] if len(conjuncts) > 1 else [whole]
        own = next((number for number, part in enumerate(parts) if not OWN.issuperset(part.paths)), len(parts))
        self._own, self._rest = parts[:own], parts[own:]
        self._remembered: dict[tuple[str, str], bool] = {}
        self._policy: Policy | None = None

    def __reduce__(self) -> tuple[type["Expression"], tuple[str]]:
        """Goes to another process as its source; what is compiled cannot."""
        return Expression, (self._source,)

    def holds(self, case: Case) -> bool:
        """Whether the condition holds for the case.

        Raises:
            ValueError: the expression failed on these values.
        """
        if self._own and not self._holds_of_itself(case):
            return False
        return all(part.holds(case) for part in self._rest)

    def may_hold(self, case: Case) -> bool:
        """Whether what the event alone answers leaves it open. Quick, and never an error: that is for `holds`."""
        if not self._own:
            return True
        try:
            return self._holds_of_itself(case)
        except ValueError:
            return True

    def _holds_of_itself(self, case: Case) -> bool:
        if self._policy is not case.view.policy or len(self._remembered) > _REMEMBERED_EVENTS:
            self._policy, self._remembered = case.view.policy, {}
        fact = case.facts[0]
        key = (fact["e"].get("event_id", ""), fact.get("h", ""))
        known = self._remembered.get(key)
        if known is None:
            known = self._remembered[key] = all(part.holds(case) for part in self._own)
        return known


class _Part:
    """One compiled piece of CEL."""

    def __init__(self, source: str) -> None:
        try:
            self._program = cel.compile(source)
        except Exception as exc:
            raise ValueError(f"is no CEL expression: {_first_line(exc)}") from exc
        self.paths = _paths(source, self._program)
        self._fields = [FIELDS[path] for path in self.paths]
        self._judge: Callable[[tuple[Value, ...]], bool] = lru_cache(maxsize=_REMEMBERED)(self._execute)
        self._execute(tuple(_BLANK[path] for path in self.paths))

    def holds(self, case: Case) -> bool:
        return self._judge(tuple([field(case) for field in self._fields]))

    def _execute(self, values: tuple[Value, ...]) -> bool:
        context: dict[str, dict[str, Value]] = {}
        for path, value in zip(self.paths, values, strict=True):
            root, _, name = path.partition(".")
            context.setdefault(root, {})[name] = value
        try:
            result = self._program.execute(context)
        except Exception as exc:
            raise ValueError(f"cannot be judged: {_first_line(exc)}") from exc
        if not isinstance(result, bool):
            raise ValueError(f"must say true or false, not {result!r:.80}")  # noqa: TRY004 - a wrong rule, not a wrong call
        return result


class Text:
    """A text with fields in braces: `{event.who} deployed to {event.environment}`."""

    def __init__(self, source: str) -> None:
        """Check the text.

        Raises:
            ValueError: it names a field that there is not.
        """
        self._source = source
        for path in _FIELD.findall(source):
            _require(path)

    def fill(self, case: Case) -> str:
        """The text with the fields' values."""
        return _FIELD.sub(lambda match: str(FIELDS[match[1]](case)), self._source)


def _conjuncts(source: str) -> list[str]:
    """The parts that `&&` joins at the top of an expression; the whole where anything weaker (`||`, `?`) stands there, too."""
    # Literals are blanked out, so that what is found by position is an operator.
    bare = _LITERAL.sub(lambda match: "_" * len(match[0]), source)
    depth, cuts = 0, [-2]
    for position, character in enumerate(bare):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and (character == "?" or bare.startswith("||", position)):
            return [source]
        if depth == 0 and bare.startswith("&&", position):
            cuts.append(position)
    cuts.append(len(source))
    return [source[start + 2 : end] for start, end in pairwise(cuts)]


def _paths(source: str, program: cel.Program) -> tuple[str, ...]:
    bare = _LITERAL.sub("''", source)
    found = dict.fromkeys(re.sub(r"\s", "", root + rest) for root, rest in _PATH.findall(bare))
    # A method of a text (`event.reason.startsWith(…)`) follows its field's name.
    paths = dict.fromkeys(".".join(path.split(".")[:2]) for path in found)
    for path in paths:
        _require(path)
    unknown = [name for name in program.variables() if name not in _ROOTS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known here; conditions are about {', '.join(_ROOTS)}")
    return tuple(paths)


def _require(path: str) -> None:
    if path not in FIELDS:
        root = path.partition(".")[0]
        allowed = [name for name in FIELDS if name.startswith(f"{root}.")] or list(FIELDS)
        raise ValueError(f"{path!r} is no field; allowed: {', '.join(allowed)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


# A case with nothing in it: every field has its empty value, of the right type.
_NOTHING = Case(View(Subject(id="", repository=None, commit=None, revision=1), (), Policy()), ({"e": {}},))
_BLANK: Mapping[str, Value] = {path: value(_NOTHING) for path, value in FIELDS.items()}
