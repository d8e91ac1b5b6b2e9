"""What can go wrong in the demo, beyond what can with the stack.

PipetrailError
└── StackError
    └── DemoError   a step did not do what it should have; the message says which, and how it ended
"""

from pipetrail_deploy.errors import StackError


class DemoError(StackError):
    """Raised when a step of the demo fails: a program ends otherwise than it should, a page does not show, a wait is over."""
