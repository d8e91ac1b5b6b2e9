"""What a replay is made by: rules, policy, reference data. Goes from process to process; what is compiled is made there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipetrail_schemas.topics import FINDINGS, RECORDS, TRAILS, Topic

from pipetrail_processors.detect.rule import Rule
from pipetrail_processors.detect.ruleset import RuleSet
from pipetrail_processors.directory.reference import load_reference, no_reference
from pipetrail_processors.guard.policy import Policy
from pipetrail_processors.lifecycle.exclusions import Ground
from pipetrail_processors.pipeline import Pipeline

# Nothing is too old to be replayed: what the live state lets go of after a while stays for as long as the replay runs.
_FOR_EVER = timedelta(days=365 * 50)
OUTPUTS = (RECORDS, TRAILS, FINDINGS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What history is judged by.

    `rule_sets`: each is replayed for itself, in the same reading. `grounds`: the exclusions beside the rules' own. `keeps`: of
    which topics the outcome is wanted.
    """

    rule_sets: Sequence[Sequence[Rule]]
    policy: Policy
    alias_wait: timedelta
    reference: Path | None = None
    grounds: Sequence[Ground] = ()
    keeps: Sequence[Topic] = (TRAILS, FINDINGS)

    def pipelines(self) -> list[Pipeline]:
        """One for each set of rules.

        Raises:
            SettingError: the reference data cannot be read.
        """
        reference = load_reference(self.reference) if self.reference else no_reference()
        return [
            Pipeline(
                policy=self.policy,
                rules=RuleSet.of(list(rules), self.grounds),
                alias_wait=self.alias_wait,
                reference=lambda: reference,
                retention=_FOR_EVER,
            )
            for rules in self.rule_sets
        ]
