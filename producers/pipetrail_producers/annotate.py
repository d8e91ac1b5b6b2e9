"""Says on stderr what was not delivered: a line for people, an annotation in the CI's own syntax. Standard library only.

Syntaxes that a log can hold, as their systems document them: GitHub's workflow commands (Gitea and Forgejo take them, too),
Azure's logging commands, TeamCity's service messages, Buildkite's line that unfolds the group that it stands in. The other
systems have none: there, people read the line. A message gives no command of its own: it is one line whatever it holds, and
without the two number signs that Azure looks for anywhere in one.
"""

import sys
from collections.abc import Mapping

# TeamCity, "Service Messages", escaped values.
_TEAMCITY = str.maketrans({"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r"})


def warn(env: Mapping[str, str], message: str) -> None:
    """Write the warning; a stderr that is gone is no reason to fail."""
    text = " ".join(message.split()).replace("##", "# #")
    try:
        print("\n".join([f"pipetrail: {text}", *_annotations(env, text)]), file=sys.stderr, flush=True)
    except OSError:
        return


def _annotations(env: Mapping[str, str], text: str) -> list[str]:
    if env.get("GITHUB_ACTIONS") == "true":
        # "Workflow commands", escaping: a percent sign begins an escape.
        return [f"::warning title=pipetrail::{text.replace('%', '%25')}"]
    if env.get("TF_BUILD"):
        return [f"##vso[task.logissue type=warning]pipetrail: {text.replace('%', '%AZP25')}"]
    if env.get("TEAMCITY_VERSION"):
        return [f"##teamcity[message text='pipetrail: {text.translate(_TEAMCITY)}' status='WARNING']"]
    return ["^^^ +++"] if env.get("BUILDKITE") else []
