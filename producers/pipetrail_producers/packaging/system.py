"""What `pipetrail init` writes for each CI system: which files, and what is to be done next. Pure.

The files are those of deploy/ci, which people may also take from there; the package carries them so that an installed agent has
them. A place that is the repository's own business (a workflow, .gitlab-ci.yml) is never written: what to put there is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class CiSystem:
    """One system. `files` maps a path in the repository to the template that goes there, `next` are lines to show."""

    title: str
    files: Mapping[str, str]
    next: tuple[str, ...]


_TOKEN = "Say where events go: the CI variable PIPETRAIL_COLLECTOR_URL, or PIPETRAIL_KAFKA_BOOTSTRAP_SERVERS."  # noqa: S105  # no token
# Nobody has claimed the name there: what pip finds under it until then is not ours.
_INSTALL = "Until pipetrail is on a package index, say what to install, as pip takes it (wheels, folders of a checkout): "

SYSTEMS: Mapping[str, CiSystem] = {
    "github": CiSystem(
        "GitHub Actions",
        {".github/actions/pipetrail/action.yml": "action.yml"},
        (
            "Record a command in a workflow, after actions/checkout:",
            "",
            "      - uses: ./.github/actions/pipetrail",
            "        with:",
            "          stage: test",
            "          command: make test",
            "          junit: reports/*.xml",
            "",
            _TOKEN,
            f"{_INSTALL}the input `package`.",
            "Prove to the collector which job it is: give the job `permissions: {contents: read, id-token: write}`.",
        ),
    ),
    "gitlab": CiSystem(
        "GitLab CI/CD",
        {".gitlab/pipetrail.yml": "gitlab.yml"},
        (
            "Record a job in .gitlab-ci.yml:",
            "",
            "include: {local: .gitlab/pipetrail.yml}",
            "test:",
            "  extends: .pipetrail",
            "  script:",
            "    - pipetrail run --stage test --junit 'reports/*.xml' -- make test",
            "",
            _TOKEN,
            f"{_INSTALL}the CI variable PIPETRAIL_PACKAGE.",
        ),
    ),
    "jenkins": CiSystem(
        "Jenkins",
        {"vars/pipetrail.groovy": "pipetrail.groovy"},
        (
            "This folder is a shared library now: push it, and name it in Manage Jenkins, System, Global Pipeline Libraries.",
            "Record a command in a Jenkinsfile:",
            "",
            "@Library('your-library') _",
            "pipetrail(stage: 'test', command: 'make test', junit: 'reports/*.xml')",
            "",
            _TOKEN,
            f"{_INSTALL}the option `package`.",
        ),
    ),
}


def content(template: str) -> str:
    """A template's text."""
    return (files("pipetrail_producers.packaging") / "templates" / template).read_text(encoding="utf-8")
