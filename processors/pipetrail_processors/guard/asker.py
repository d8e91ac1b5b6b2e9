"""Who asks the policy before the deed, as the reference data know them: the same person and roles that rules judge afterwards.

What a token would prove is not known here: it is proven to the collector, with the event.
"""

from urllib.parse import urlsplit

from pipetrail_schemas.times import format_time

from pipetrail_processors.directory.reference import Reference
from pipetrail_processors.guard.decision import Question


def known(question: Question, reference: Reference, service: str = "") -> Question:
    """The question with the person that the actor is, and the roles that they had at its time; as it was where nobody is known.

    Args:
        question: who asks what.
        reference: who is who.
        service: the service that it is about; "" where none is named.
    """
    host = urlsplit(question.repository).netloc.casefold()
    keys = (question.actor.get(name) for name in ("email", "name", "id"))
    person = next((found for key in keys if key and (found := reference.person(key, host))), None)
    if person is None:
        return question
    about = reference.service(question.repository, service or None)
    roles = reference.roles(person, question.repository, about, format_time(question.time))
    return question._replace(actor=person.shown, known_roles=tuple(roles))
