"""In which line of a TOML file a setting stands. For messages: TOML's reader tells values without their places. Pure."""

import re

# A comment, or a text in one line; of comments nothing is meant.
_TOKEN = re.compile(r"""#[^\n]*|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_SETTING = re.compile(r"(?P<name>\w+)(?:\[(?P<number>\d+)\])?(?:\.(?P<member>\w+))?")


def line_of(setting: str, text: str) -> int:
    """The line, from 1, in which a setting stands, as nearly as can be told; 1 where it is not found.

    Args:
        setting: `subject_max`, `ticket_patterns[1]` (an item of a list), `exempt[0].reason`, `ticket_lookup.url` (members).
        text: the file.
    """
    match = _SETTING.match(setting)
    if match is None:
        return 1
    name, number, member = match["name"], int(match["number"] or 0), match["member"]
    tables = list(re.finditer(rf"^[ \t]*\[+[\w. \t]*\b{name}[ \t]*\]+", text, re.MULTILINE))
    if len(tables) > number:
        start = tables[number].start()
        return _line(text, _assigned(member, text, start) if member else start)
    start = _assigned(name, text, 0)
    if match["number"] is None:
        return _line(text, start)
    texts = [token for token in _TOKEN.finditer(text, start) if not token[0].startswith("#")]
    return _line(text, texts[number].start() if len(texts) > number else start)


def _assigned(name: str, text: str, start: int) -> int:
    """Where a name is given a value; `start` where it is not."""
    found = re.compile(rf"^[ \t]*{name}[ \t]*=", re.MULTILINE).search(text, start)
    return found.start() if found else start


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1 + (text[place : place + 1] == "\n")
