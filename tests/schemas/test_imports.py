"""What the agent's path may import."""

import subprocess
import sys

import pytest

LIGHT = ("check", "connection", "errors", "ids", "times", "topics", "types")


@pytest.mark.parametrize("module", LIGHT)
def test_the_light_modules_import_the_standard_library_only(module: str) -> None:
    """A fresh interpreter that imported it, and used check, knows no module from outside the standard library and the room."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"import pipetrail_schemas.{module}\n"
        "if 'pipetrail_schemas.check' in sys.modules: sys.modules['pipetrail_schemas.check'].fields()\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["pipetrail_schemas"]
