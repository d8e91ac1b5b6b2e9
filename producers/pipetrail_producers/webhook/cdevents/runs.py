"""CDEvents of things that run: pipelines, tasks, builds, test suites. Pure.

A finished run whose event tells no outcome is not recorded: an end without a result would have to be guessed.
"""

from pipetrail_schemas.types import Result, Skip

from pipetrail_producers.webhook.cdevents.message import Message, what
from pipetrail_producers.webhook.payload import at
from pipetrail_producers.webhook.stage_words import task_type
from pipetrail_producers.webhook.translation import Translation, UntranslatableError
from pipetrail_producers.webhook.values import Data, merged, title, url

# CDEvents' outcome; 0.3 said "failure" for both of the last.
_OUTCOMES = {
    "success": Result.SUCCESS,
    "failure": Result.FAILURE,
    "cancel": Result.CANCELLATION,
    "canceled": Result.CANCELLATION,
    "cancelled": Result.CANCELLATION,
    "error": Result.ERROR,
}
_NO_OUTCOME = "the run ended, and its outcome is not told"
_IN_A_SUITE = "one test case of a suite, whose run is what is recorded"


def pipelinerun(told: Message) -> Translation:
    """pipelinerun.queued, started, finished."""
    page = url(told.subject, "content.uri")
    pipeline = {"name": told.told("pipelineName"), "run": {"id": told.need("id"), "url": {"full": page}}}
    return _run(told, told.kind, {"cicd": {"pipeline": pipeline}})


def taskrun(told: Message) -> Translation:
    """taskrun.started, finished."""
    task = told.told("taskName") or told.need("id")
    run = {"id": told.need("id"), "url": {"full": url(told.subject, "content.uri")}}
    pipeline = {
        "run": {"id": told.told("pipelineRun.id")},
        "task": {"name": task, "type": task_type(task), "run": run},
    }
    return _run(told, told.kind, {"cicd": {"pipeline": pipeline}, "pipetrail": {"stage": task_type(task)}})


def build(told: Message) -> Translation:
    """build.queued, started, finished.

    CDEvents gives a build no outcome. One that brought its artifact forth has succeeded; of one that did not nothing is known.
    """
    data = {"cicd": {"pipeline": {"task": {"name": told.need("id"), "type": "build", "run": {"id": told.need("id")}}}}}
    if told.kind != "build.finished":
        return Translation((told.fact(told.kind, data),))
    made = told.told("artifactId")
    if made is None:
        return Translation(silent=_NO_OUTCOME)
    whole = merged(data, what(made), {"pipetrail": {"result": Result.SUCCESS.value, "result_raw": "artifactId"}})
    facts = [told.fact("build.finished", whole)]
    if at(whole, "artifact.hash"):
        facts.append(told.fact("artifact.packaged", merged(data, what(made)), state="artifact"))
    return Translation(tuple(facts))


def testsuiterun(told: Message) -> Translation:
    """testsuiterun.started, finished; a queued one is not recorded."""
    if told.kind == "testsuiterun.queued":
        return Translation(silent="the suite waits to be run")
    suite = told.told("testSuite.name") or told.told("testSuite.id") or told.need("id")
    return _run(told, told.kind, _test(told, suite))


def testcaserun(told: Message) -> Translation:
    """A test case that belongs to no suite is one of its own; one of a suite is not recorded."""
    if told.told("testSuiteRun.id"):
        return Translation(silent=_IN_A_SUITE)
    case = told.told("testCase.name") or told.told("testCase.id") or told.need("id")
    data = _test(told, case)
    verb = told.kind.partition(".")[2]
    if verb == "queued":
        return Translation(silent="the test case waits to be run")
    if verb == "skipped":
        own = {"pipetrail": {"skip": Skip.ON_PURPOSE.value, "result": Result.SKIP.value}}
        return Translation((told.fact("taskrun.skipped", merged(data, own)),))
    return _run(told, f"testsuiterun.{verb}", data)


def _test(told: Message, name: str) -> Data:
    return {
        "event": {"reason": title(told.subject, "content.reason")},
        "cicd": {"pipeline": {"task": {"name": name, "type": "test", "run": {"id": told.need("id")}}}},
        "deployment": {"environment": {"name": told.told("environment.id")}},
        "pipetrail": {"trigger": told.told("trigger.type"), "labels": {"severity": told.told("severity")}},
    }


def _run(told: Message, type_: str, data: Data) -> Translation:
    if not type_.endswith(".finished"):
        return Translation((told.fact(type_, data),))
    outcome = told.told("outcome")
    if outcome is None:
        return Translation(silent=_NO_OUTCOME)
    result = _OUTCOMES.get(outcome.lower())
    if result is None:
        raise UntranslatableError(
            f"cdevents {told.kind}: subject.content.outcome is {outcome:.40}, none of {', '.join(_OUTCOMES)}"
        )
    own = {
        "event": {"reason": title(told.subject, "content.errors")},
        "pipetrail": {"result": result.value, "result_raw": outcome},
    }
    return Translation((told.fact(type_, merged(data, own)),))
