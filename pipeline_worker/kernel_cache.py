"""Where compiled kernels are kept.

Numba does not notice an edited callee in another file, and code for one processor may not run on another: so
each state of the sources, the versions and the processor has a folder of its own. It is filled once, before
workers start, since all of them would compile the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline_protocol.errors import ServerError
from pipeline_protocol.file_locks import FileLock, without_locks
from pipeline_protocol.folders import CACHE, cache_folder, temporary_folder
from pipeline_protocol.lifeline import LIFELINE_VARIABLE
from pipeline_worker.children import importing_us
from pipeline_worker.warm_up import PARTS

CACHE_VARIABLE = CACHE.variable
NUMBA_VARIABLE = "NUMBA_CACHE_DIR"
_N_KEPT = 4
_SOURCES = ("fitting", "pipeline_files")
_PACKAGES = ("numba", "llvmlite", "numpy", "scipy")


def fill_cache(environment: Mapping[str, str], on_message: Callable[[str], None]) -> Path:
    """Make sure that all kernels are compiled.

    Parameters
    ----------
    environment
        In which compilers run. Its own :data:`NUMBA_VARIABLE`, if there is one, is used.
    on_message
        Told if that takes a while.

    Returns
    -------
    Path
        What :data:`NUMBA_VARIABLE` is to be.

    Raises
    ------
    ServerError
        If they cannot be compiled.
    """
    key = cache_key()
    folder, is_ours = _writable_folder(environment, key)
    filled = folder / f"{key}.filled"
    with _locked(folder, on_message):
        if filled.exists() and _is_whole(folder):
            os.utime(folder)
            return folder
        if filled.exists():
            _empty(folder)
        on_message("compiling kernels, once (about a minute)")
        error = _compile(folder, environment)
        if error:
            _empty(folder)
            error = _compile(folder, environment)
        if error:
            raise ServerError("kernels", f"cannot be compiled ({error})", f"set {CACHE_VARIABLE} to an empty folder")
        filled.touch()
    if is_ours:
        _prune(folder)
    return folder


def refill_cache(environment: Mapping[str, str], on_message: Callable[[str], None]) -> Path:
    """Empty a damaged cache, and fill it again.

    Raises
    ------
    ServerError
        If the kernels cannot be compiled.
    """
    folder, _ = _writable_folder(environment, cache_key())
    with _locked(folder, on_message):
        _empty(folder)
    return fill_cache(environment, on_message)


def cache_key() -> str:
    """Return what tells apart caches that must not be shared."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        spec = importlib.util.find_spec(name)
        package = Path(spec.origin).parent if spec and spec.origin else Path()
        for source in sorted(package.rglob("*.py")):
            # Numba keeps code by the path and the time of its source; where it finds none, each worker would compile
            # for itself, in an order of its own, and the last bits of its results may then be others.
            digest.update(f"{source} {source.stat().st_mtime_ns}\n".encode())
            digest.update(source.read_bytes())
    for name in _PACKAGES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    digest.update(f"{sys.version}\n{platform.platform()}\n{_processor()}".encode())
    return digest.hexdigest()[:20]


def _processor() -> str:
    """Return the processor's name and abilities."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))


def _writable_folder(environment: Mapping[str, str], key: str) -> tuple[Path, bool]:
    """Return the folder, and whether it is for one key alone."""
    chosen = environment.get(NUMBA_VARIABLE)
    if chosen:
        try:
            Path(chosen).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(Path(chosen), error) from error
        return Path(chosen), False
    base = cache_folder()
    for folder in (base / key, temporary_folder() / "kernels" / key):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        if folder.stat().st_uid == os.getuid():  # nobody else's code is run
            return folder, True
    raise ServerError(base, "no folder for compiled kernels can be written", f"set {CACHE_VARIABLE} to one")


@contextmanager
def _locked(folder: Path, on_message: Callable[[str], None]) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            path = _lock_file(folder)
            file = stack.enter_context(path.open("w"))
            stack.enter_context(FileLock(file.fileno(), path, waits=True))
        except OSError as error:
            raise _unwritable(folder, error) from error
        if remark := without_locks(path):
            on_message(f"note: {remark}")
        yield


def _lock_file(folder: Path) -> Path:
    """Return the file beside a folder, or in it where there can be none, that is locked while the folder is filled."""
    beside = folder.parent / f"{folder.name}.lock"
    return beside if os.access(beside if beside.exists() else folder.parent, os.W_OK) else folder / "cache.lock"


def _unwritable(folder: Path, error: OSError) -> ServerError:
    problem = f"cannot be written for compiled kernels ({error.strerror})"
    return ServerError(folder, problem, f"set {CACHE_VARIABLE} to another folder, and no {NUMBA_VARIABLE}")


def _compile(folder: Path, environment: Mapping[str, str]) -> str | None:
    """Return None, or the last line of what went wrong."""
    with ExitStack() as stack:
        compilers = {part: stack.enter_context(_compiler(part, folder, environment)) for part in PARTS}
        for compiler in compilers.values():
            stack.callback(compiler.kill)  # where this process is to end
        errors = {part: compiler.communicate()[1] for part, compiler in compilers.items()}
    for part, error in errors.items():
        status = compilers[part].returncode
        if status:
            return (error.strip().splitlines() or [f"status {status}"])[-1]
    return None


def _compiler(part: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "pipeline_worker.warm_up", part]
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        env={**importing_us(environment), NUMBA_VARIABLE: str(folder)},
        pass_fds=[int(environment[LIFELINE_VARIABLE])] if LIFELINE_VARIABLE in environment else [],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _empty(folder: Path) -> None:
    for pattern in ("*.nbi", "*.nbc", "*.filled"):
        for entry in folder.rglob(pattern):
            entry.unlink(missing_ok=True)


def _is_whole(folder: Path) -> bool:
    """Whether no file has lost its end, as a full disk or a power cut leaves it: a pickle ends with a full stop."""
    for path in itertools.chain(folder.rglob("*.nbi"), folder.rglob("*.nbc")):
        with path.open("rb") as file:
            if not path.stat().st_size or file.seek(-1, os.SEEK_END) < 0 or file.read() != b".":
                return False
    return True


def _prune(folder: Path) -> None:
    """Remove the caches of sources and versions that have not been in use for longest."""
    siblings = [entry for entry in folder.parent.iterdir() if entry.is_dir() and entry != folder]
    for stale in sorted(siblings, key=lambda entry: entry.stat().st_mtime)[: -(_N_KEPT - 1)]:
        shutil.rmtree(stale, ignore_errors=True)
        (folder.parent / f"{stale.name}.lock").unlink(missing_ok=True)
