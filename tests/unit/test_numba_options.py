"""What of the environment makes other kernels, and what is not the user's to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pointillist.supervision.cache_key import cache_key
from pointillist.supervision.numba_options import OURS, code_options, for_this_process, for_workers

ALTERING = [
    {"NUMBA_OPT": "1"},
    {"NUMBA_OPT": "0"},
    {"NUMBA_BOUNDSCHECK": "1"},
    {"NUMBA_CPU_NAME": "generic"},
    {"NUMBA_CPU_FEATURES": "+sse2"},
    {"NUMBA_DEBUG": "1"},
    {"NUMBA_DEBUGINFO": "1"},
    {"NUMBA_LOOP_VECTORIZE": "0"},
    {"NUMBA_SLP_VECTORIZE": "1"},
    {"NUMBA_ENABLE_AVX": "0"},
    {"NUMBA_DISABLE_INTEL_SVML": "1"},
    {"NUMBA_OF_A_LATER_VERSION": "1"},
    {"PYTHONOPTIMIZE": "2"},
]
HARMLESS = [
    {},
    {"NUMBA_CACHE_DIR": "/x"},
    {"NUMBA_NUM_THREADS": "0"},
    {"NUMBA_THREADING_LAYER": "omp"},
    {"NUMBA_CUDA_DRIVER": "/x"},
    {"NUMBA_DISABLE_JIT": "1"},
    {"PYTHONOPTIMIZE": ""},
    {"HOME": "/x"},
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("options", HARMLESS)
def test_what_alters_no_code_makes_no_other_cache(options: dict[str, str]) -> None:
    assert code_options(options) == ""
    assert cache_key(options) == cache_key({})


def test_each_option_that_alters_code_has_a_cache_of_its_own() -> None:
    assert len({cache_key(options) for options in [{}, *ALTERING]}) == 1 + len(ALTERING)


def test_a_file_of_options_in_the_working_folder_counts() -> None:
    before = cache_key({})
    Path(".numba_config.yaml").write_text("opt: 1\n")
    assert cache_key({}) != before


@pytest.mark.parametrize("name", sorted(OURS))
@pytest.mark.parametrize("value", ["0", "1", "-1", "many", "100000"])
def test_what_would_break_us_is_set_by_us(name: str, value: str) -> None:
    for environment in (for_workers({name: value}), for_this_process({name: value})):
        assert environment[name] == OURS[name]


def test_workers_are_not_optimized_and_this_process_has_what_it_has() -> None:
    assert for_workers({"PYTHONOPTIMIZE": "2", "PYTHONINSPECT": "1"}) == for_workers({})
    code = "from pointillist.supervision.numba_options import *; print(for_this_process({}).get('PYTHONOPTIMIZE'))"
    for flags, level in (([], "None"), (["-O"], "1"), (["-OO"], "2")):
        done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == level
