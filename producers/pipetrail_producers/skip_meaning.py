"""Which of the four meanings a skipped test case has, from what its report says. Pure; standard library only.

No report format has a field for it: frameworks give a type (`pytest.xfail`), a status (`notrun`) or a sentence. Looked for are,
in this order, that the case should have run and could not, that it ran and declines to judge, that it does not apply here. What
says none of these was skipped because somebody decided so: the meaning that asks for an explanation.
"""

import re

from pipetrail_schemas.types import Skip

_NEVER_RAN = re.compile(
    r"depend(?:s|ed|ency|encies|ent)\b.*(?:fail|skip|not)"
    r"|(?:fixture|set[- ]?up|before[- ]?(?:all|each|class|hook)|configuration)\b.*(?:fail|error)"
    r"|not run\b|never ran|did ?n[o']t run|unable to find executable|required files missing|cancel"
    r"|earlier (?:step|test|case)|previous (?:step|test|case)|fail-?fast",
    re.IGNORECASE,
)
# pytest's xfail, JUnit's assumptions (TestAbortedException, AssumptionViolatedException), NUnit's inconclusive, exit code 77.
_NEUTRAL = re.compile(
    r"\bxfail|expected (?:to )?fail|assumption|TestAborted|inconclusive|\bTODO\b|SKIP_RETURN_CODE",
    re.IGNORECASE,
)
_NOT_REQUIRED = re.compile(
    r"not (?:applicable|required|relevant|supported)|unsupported|does not apply|(?:only|requires|needs|on) "
    r"(?:on |for |with )?(?:linux|windows|mac|macos|darwin|posix|unix|android|ios|x86|arm|gpu|cuda|python)",
    re.IGNORECASE,
)


def meaning(kind: str, message: str, status: str = "") -> Skip:
    """The meaning of a skip.

    Args:
        kind: the `type` of the report's `skipped` element; empty where it has none.
        message: what the element says.
        status: the test case's own `status` (CTest: `notrun`, `disabled`).
    """
    text = f"{kind} {message}"
    if _NEVER_RAN.search(text) or (status == "notrun" and not text.strip()):
        return Skip.NEVER_RAN
    if _NEUTRAL.search(text):
        return Skip.NEUTRAL
    return Skip.NOT_REQUIRED if _NOT_REQUIRED.search(text) else Skip.ON_PURPOSE
