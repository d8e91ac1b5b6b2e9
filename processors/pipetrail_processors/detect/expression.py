"""CEL expressions over the fields of a case, and texts with fields in braces. Compiled once, checked before the first event.

Almost all that rules are made of is texts compared with fields, joined by `&&`, `||` and `!`: that is judged without CEL, which
costs more to hand values to than to ask, and no field is worked out that nothing hangs on. A test holds that both say the same.
What the event alone answers can be asked for alone (`may_hold`): a trail is judged anew with each of its events, and most of
them no rule is about.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import cast

import cel

from pipetrail_processors.detect.case import Case, Item, Value, View
from pipetrail_processors.detect.fields import BY_POLICY, FIELDS, OWN
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.trail.stages import STATES, Standing
from pipetrail_processors.trail.summary import Subject

_LITERAL = re.compile(r"""[rRbB]?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_ROOTS = tuple(dict.fromkeys(path.partition(".")[0] for path in FIELDS))
_PATH = re.compile(rf"(?<![\w.])({'|'.join(_ROOTS)})((?:\s*\.\s*[A-Za-z_]\w*)*)")
# `event.forced`, `event.type == "x"`, `event.type != "x"`, `event.type in ["x", "y"]`
_TEXT = re.compile(r'"([^"\\]*)"')
_PLAIN = re.compile(
    r"(?P<path>[a-z_]+\.[a-z_]+)"
    r'(?:\s*(?P<operator>==|!=)\s*(?P<text>"[^"\\]*")|\s+in\s*\[(?P<texts>"[^"\\]*"(?:\s*,\s*"[^"\\]*")*)\])?'
)
_FIELD = re.compile(r"\{([^{}]*)\}")
_REMEMBERED = 4096

Judge = Callable[[Case], bool]


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
        # Fields that a part asks for alone: where one of them is empty, or says no, it does not hold.
        self.required = [part.paths[0] for part in parts if len(part.paths) == 1 and not part.blank]
        told = [part for part in parts if part.paths]
        # What the event alone answers, the policy alone, the trail as a whole.
        own = [part for part in told if OWN.issuperset(part.paths)]
        of_trail = [part for part in told if all(path.startswith("trail.") for path in part.paths)]
        of_policy = [part for part in told if BY_POLICY.issuperset(part.paths)]
        self._of_policy = _in_doubt(of_policy)
        self._of_trail = _in_doubt(of_trail)
        # Whether what the event alone answers leaves it open. Never an error: that is for `holds`.
        self.may_hold: Judge = _in_doubt(own)
        # The same where `governed` leaves it open; None where there is nothing that the event answers.
        of_event = [part for part in own if not (part in of_policy and part.plain)]
        self.may_still_hold: Judge | None = _in_doubt(of_event) if of_event else None
        # Whether there is anything in it that the trail as a whole answers.
        self.asks_of_trail = bool(of_trail)
        # What is left to ask where these leave it open, with what may have left it open because it cannot be judged.
        answered = [part for part in (*own, *of_trail) if part.plain]
        # Whether it holds for a case of which these leave it open. Raises as `holds` does.
        self.holds_besides: Judge = _each_of([part.holds for part in parts if not part.always and part not in answered])
        # In which states the item of a case leaves it open.
        of_state = _in_doubt([part for part in told if part.plain and part.paths == ("item.state",)])
        self.states = frozenset(state for state in STATES if of_state(_in_state(state)))

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

    def may_hold_in(self, view: View) -> bool:
        """Whether what the trail as a whole answers leaves it open. Never an error."""
        return self._of_trail(Case(view, view.facts))

    def governed(self, view: View) -> bool:
        """Whether what the policy alone answers leaves it open. Never an error."""
        return self._of_policy(Case(view, view.facts))


class _Part:
    """One compiled piece of CEL."""

    def __init__(self, source: str) -> None:
        try:
            self._program = cel.compile(source)
        except Exception as exc:
            raise ValueError(f"is no CEL expression: {_first_line(exc)}") from exc
        self.paths = _paths(source, self._program)
        self._fields = [FIELDS[path] for path in self.paths]
        # It is a pure function of the fields' values.
        self._judge: Callable[[tuple[Value, ...]], bool] = lru_cache(maxsize=_REMEMBERED)(self._execute)
        # What it says where nothing is known.
        self.blank = self._execute(tuple(_BLANK[path] for path in self.paths))
        # It asks nothing and says yes, as where a rule has no condition.
        self.always = self.blank and not self.paths
        plain = _without_cel(source)
        self.plain = plain is not None
        self.holds: Judge = plain or self._by_cel

    def _by_cel(self, case: Case) -> bool:
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
        # What stands between the fields, and the fields, by turns.
        texts = _FIELD.split(source)
        self.paths = tuple(texts[1::2])
        for path in self.paths:
            _require(path)
        self._form = "%s".join(text.replace("%", "%%") for text in texts[::2])
        self._fields = [FIELDS[path] for path in self.paths]

    def __reduce__(self) -> tuple[type["Text"], tuple[str]]:
        """Goes to another process as its source, as a condition does."""
        return Text, (self._source,)

    def fill(self, case: Case) -> str:
        """The text with the fields' values."""
        return self._form % tuple([field(case) for field in self._fields])


def _in_doubt(parts: Sequence[_Part]) -> Judge:
    """What says whether all of them hold, or one cannot be judged."""
    judges = [part.holds for part in parts]
    each = judges[0] if len(judges) == 1 else _each_of(judges)
    if all(part.plain for part in parts):
        return each  # which can always be judged

    def may_hold(case: Case) -> bool:
        try:
            return each(case)
        except ValueError:
            return True

    return may_hold


def _in_state(state: str) -> Case:
    """A case of which nothing is known but how its item stands."""
    return _NOTHING._replace(item=Item(Standing("", state, {})))


def _without_cel(source: str) -> Judge | None:
    """What judges an expression of plain comparisons, `&&`, `||`, `!` and brackets; None for any other."""
    source = source.strip()
    for joined, cuts in ((_one_of, _disjuncts(source)), (_each_of, _conjuncts(source))):
        if len(cuts) > 1:
            judges = [judge for judge in map(_without_cel, cuts) if judge]
            return joined(judges) if len(judges) == len(cuts) else None
    if source.startswith("(") and source.endswith(")"):
        return _without_cel(source[1:-1])
    if source.startswith("!"):
        inner = source[1:].lstrip()
        # Of a comparison it would deny only the left side.
        denied = _without_cel(inner) if inner in FIELDS or inner.startswith(("(", "!")) else None
        return (lambda case: not denied(case)) if denied else None
    return _plain(source)


def _one_of(judges: Sequence[Judge]) -> Judge:
    def judge(case: Case) -> bool:
        for one in judges:  # noqa: SIM110 - called for every event: a generator costs as much as a comparison
            if one(case):
                return True
        return False

    return judge


def _each_of(judges: Sequence[Judge]) -> Judge:
    def judge(case: Case) -> bool:
        for one in judges:  # noqa: SIM110 - as above
            if not one(case):
                return False
        return True

    return judge


def _plain(source: str) -> Judge | None:
    """What judges a field that is yes or no, or one that is compared with texts; None for anything else."""
    match = _PLAIN.fullmatch(source)
    if match is None or match["path"] not in FIELDS:
        return None
    field, texts = FIELDS[match["path"]], match["text"] or match["texts"]
    if not isinstance(_BLANK[match["path"]], str if texts else bool):
        return None
    if not texts:
        return cast("Judge", field)
    wanted = frozenset(_TEXT.findall(texts))
    if match["operator"] == "!=":
        return lambda case: field(case) not in wanted
    return lambda case: field(case) in wanted


def _disjuncts(source: str) -> list[str]:
    """The parts that `||` joins at the top of an expression; the whole where anything weaker (`?`) stands there, too."""
    return _cut(source, "||", unless=("?",))


def _conjuncts(source: str) -> list[str]:
    """The parts that `&&` joins at the top of an expression; the whole where anything weaker (`||`, `?`) stands there, too."""
    return _cut(source, "&&", unless=("||", "?"))


def _cut(source: str, operator: str, *, unless: tuple[str, ...]) -> list[str]:
    # Literals are blanked out, so that what is found by position is an operator.
    bare = _LITERAL.sub(lambda match: "_" * len(match[0]), source)
    depth, cuts = 0, [-len(operator)]
    for position, character in enumerate(bare):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and bare.startswith(unless, position):
            return [source]
        if depth == 0 and bare.startswith(operator, position):
            cuts.append(position)
    cuts.append(len(source))
    return [source[start + len(operator) : end] for start, end in pairwise(cuts)]


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
