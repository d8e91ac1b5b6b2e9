"""CEL expressions over the fields of a case, and texts with fields in braces. Compiled once, checked before the first event.

Only the fields that an expression names are handed to it, and its result is remembered by their values: an expression is a pure
function of them, and converting values costs more than judging them. What the event alone answers
can be asked for alone (`may_hold`): a trail is judged anew with each of its events, most of which no rule is about.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import cel

from pipetrail_processors.detect.case import Case, Value, View
from pipetrail_processors.detect.fields import BY_POLICY, FIELDS, OWN
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.summary import Subject

_LITERAL = re.compile(r"""[rRbB]?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_ROOTS = tuple(dict.fromkeys(path.partition(".")[0] for path in FIELDS))
_PATH = re.compile(rf"(?<![\w.])({'|'.join(_ROOTS)})((?:\s*\.\s*[A-Za-z_]\w*)*)")
# `event.forced`, `!event.forced`, `event.type == "x"`, `!=`, `event.type in ["x", "y"]`, `!(event.type in ["x"])`
_TEXT = re.compile(r'"([^"\\]*)"')
_PLAIN = re.compile(
    r"(?P<not>!?)(?P<bare>[a-z_]+\.[a-z_]+)"
    r'|[a-z_]+\.[a-z_]+\s*(?P<operator>==|!=)\s*(?P<text>"[^"\\]*")'
    r'|(?P<unless>!\()?[a-z_]+\.[a-z_]+ in \[(?P<texts>"[^"\\]*"(?:, "[^"\\]*")*)\](?(unless)\))'
)
_FIELD = re.compile(r"\{([^{}]*)\}")
_REMEMBERED = 4096


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
        self._parts = parts
        # Fields that stand alone between `&&`: without them it does not hold.
        self.required = [source.strip() for source in conjuncts if source.strip() in FIELDS]
        self._own = [part for part in parts if OWN.issuperset(part.paths)]
        self._of_policy = [part for part in self._own if part.paths and all(path in BY_POLICY for path in part.paths)]
        self._of_trail = [part for part in parts if part.paths and all(path.startswith("trail.") for path in part.paths)]

    def __reduce__(self) -> tuple[type["Expression"], tuple[str]]:
        """Goes to another process as its source; what is compiled cannot."""
        return Expression, (self._source,)

    def holds(self, case: Case) -> bool:
        """Whether the condition holds for the case.

        Raises:
            ValueError: the expression failed on these values.
        """
        for part in self._parts:  # noqa: SIM110 - called for every event: a generator costs as much as a part
            if not part.holds(case):
                return False
        return True

    def may_hold(self, case: Case) -> bool:
        """Whether what the event alone answers leaves it open. Never an error: that is for `holds`."""
        return _may_hold(self._own, case)

    def may_hold_in(self, view: View) -> bool:
        """Whether what the trail as a whole answers leaves it open. Never an error."""
        return not self._of_trail or _may_hold(self._of_trail, Case(view, view.facts))

    def governed(self, view: View) -> bool:
        """Whether what the policy alone answers leaves it open. Never an error."""
        return _may_hold(self._of_policy, Case(view, view.facts))


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
        # What compares one field with what stands there needs no CEL.
        self._plain = _plain(source) if len(self._fields) == 1 else None

    def holds(self, case: Case) -> bool:
        if self._plain is not None:
            return self._plain(self._fields[0](case))
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
        self.paths = tuple(_FIELD.findall(source))
        for path in self.paths:
            _require(path)

    def fill(self, case: Case) -> str:
        """The text with the fields' values."""
        return _FIELD.sub(lambda match: str(FIELDS[match[1]](case)), self._source)


def _plain(source: str) -> Callable[[Value], bool] | None:
    """What an expression says of its only field, where it is a plain comparison with texts; None for anything else."""
    match = _PLAIN.fullmatch(source.strip())
    if match is None:
        return None
    if match["bare"]:
        return bool if not match["not"] else operator.not_
    wanted = frozenset(_TEXT.findall(match["text"] or match["texts"]))
    if match["operator"] == "!=" or match["unless"]:
        return lambda value: value not in wanted
    return lambda value: value in wanted


def _may_hold(parts: Sequence[_Part], case: Case) -> bool:
    try:
        for part in parts:
            if not part.holds(case):
                return False
    except ValueError:
        return True
    return True


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
