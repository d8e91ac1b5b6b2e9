"""A local stack for one benchmark: in a folder of its own, gone at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipetrail_deploy.places import Home, remove_data
from pipetrail_deploy.stack import Stack, running


@contextmanager
def own_stack(*, opensearch: bool) -> Iterator[tuple[Path, Stack]]:
    """Start a stack, with OpenSearch or without, and end and remove it with the block. Gives its folder, too."""
    folder = Path(tempfile.mkdtemp(prefix="pipetrail-bench-"))
    # Not a folder of one user alone: OpenSearch runs as another one when we are root.
    folder.chmod(0o755)
    try:
        with running(folder, opensearch=opensearch) as stack:
            yield folder, stack
    finally:
        remove_data(Home(folder))
        shutil.rmtree(folder)
