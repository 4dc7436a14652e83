"""What the kernel cache is filled with: all that any run can ask for."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointillist.supervision.kernel_cache import fill_cache
from pointillist.supervision.numba_options import NUMBA_VARIABLE, for_workers
from pointillist.supervision.warm_up import DTYPES, PARTS

TESTS = Path(__file__).parents[1]
LOAD = """
import json, sys
from loaded_kernels import loaded, missed
from pointillist.supervision.warm_up import PARTS
PARTS[sys.argv[1]]()
assert not missed(), missed()
print(json.dumps(loaded()))
"""


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    return {**os.environ, NUMBA_VARIABLE: str(fill_cache(for_workers(os.environ), print)), "PYTHONPATH": path}


def names_from(environment: dict[str, str], *arguments: str | Path) -> set[str]:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_choice_of_settings_has_anything_compiled(dtype: str, environment: dict[str, str]) -> None:
    assert names_from(environment, TESTS / "every_choice.py", dtype) == set()


def test_no_kernel_is_in_two_parts_so_that_they_can_be_compiled_side_by_side(environment: dict[str, str]) -> None:
    loaded = [names_from(environment, "-c", LOAD, part) for part in PARTS]
    assert all(len(names) > 5 for names in loaded)
    for one, other in itertools.combinations(loaded, 2):
        assert not one & other
