"""Where compiled kernels are kept.

Numba does not notice an edited callee in another file, and code for one processor may not run on another: so
each state of the sources, the versions, the processor and numba's options has a folder of its own. It is filled once,
by whoever needs it first, while the others wait: each of them would compile in an order of its own, and the last
digits of what its kernels find would then be others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointillist.errors import ServerError
from pointillist.supervision.cache_key import cache_key
from pointillist.supervision.managed_process import importing_us
from pointillist.supervision.numba_options import NUMBA_VARIABLE, OURS
from pointillist.supervision.parent_watch import PARENT_FD_VARIABLE
from pointillist.supervision.warm_up import BUILD_ENDING, PARTS
from pointillist.system import CACHE, FileLock, cache_folder, temporary_folder, without_locks

CACHE_VARIABLE = CACHE.variable
COMPILING = "compiling kernels, once (about a minute)"
_N_KEPT = 4
_KEPT_S = 7 * 24 * 3600.0
"""A cache that was used within this time is kept as well, s: several kinds of machines may share a home folder."""


@dataclass(frozen=True, kw_only=True)
class KernelCache:
    """A folder of compiled kernels, filled or not.

    Parameters
    ----------
    folder
        Folder of compiled kernels: the value for :data:`NUMBA_VARIABLE`.
    key
        Digest of everything on which the compiled code depends; a cache is shared only under the same one.
    """

    folder: Path
    key: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> KernelCache:
        """Return the cache of processes with an environment; its folder is made.

        Raises
        ------
        ServerError
            If there is no folder that can be written.
        """
        key = cache_key(environment)
        return cls(folder=_writable_folder(environment, key), key=key)

    @property
    def is_filled(self) -> bool:
        """Whether every file is there and ends with a full stop, which a full disk or a power cut removes."""
        try:
            _, *names = self._marker.read_text("utf-8").splitlines()
            return all(_has_end(self.folder / name) for name in names)
        except (OSError, ValueError):
            return False

    @property
    def build(self) -> str:
        """Checksum of the results of all its kernels when they were compiled; empty if it is not filled."""
        try:
            return self._marker.read_text("utf-8").partition("\n")[0]
        except OSError:
            return ""

    @property
    def filled_at_ns(self) -> int:
        """Time at which it was filled, ns since 1970; 0 if it is not."""
        try:
            return self._marker.stat().st_mtime_ns
        except OSError:
            return 0

    def stamp(self) -> None:
        """Record that the cache is in use, so that it is not removed."""
        with contextlib.suppress(OSError):  # who may only read it cannot
            os.utime(self.folder)

    def fill(self, environment: Mapping[str, str], on_message: Callable[[str], None]) -> None:
        """Compile all kernels that are not compiled; wait for another process that does so.

        Raises
        ------
        ServerError
            If they cannot be compiled, or not be kept.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self.folder, on_message):
            if not self.is_filled:
                on_message(COMPILING)
                try:
                    self._refill(environment)
                except OSError as error:
                    raise _unwritable(self.folder, error) from error
        self.stamp()
        _prune(self.folder)

    def discard(self, filled_at_ns: int) -> None:
        """Empty the cache, whose kernels cannot be loaded, unless it has been filled again since ``filled_at_ns``."""
        with _locked(self.folder, lambda _: None):
            if self.filled_at_ns == filled_at_ns:
                self._empty()

    def _refill(self, environment: Mapping[str, str]) -> None:
        self._empty()
        error = _compile(self.folder, environment)
        if error:
            self._empty()
            error = _compile(self.folder, environment)
        if error:
            raise ServerError("kernels", f"cannot be compiled ({error})", f"set {CACHE_VARIABLE} to an empty folder")
        builds = [path.read_text("ascii") for path in sorted(self.folder.glob(f"*{BUILD_ENDING}"))]
        files = sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*.nb[ic]"))
        draft = self._marker.with_suffix(".draft")
        draft.write_text("\n".join(["-".join(builds), *files]), "utf-8")
        draft.replace(self._marker)

    def _empty(self) -> None:
        for pattern in ("*.filled", "*.nbi", "*.nbc", f"*{BUILD_ENDING}"):
            for entry in self.folder.rglob(pattern):
                entry.unlink(missing_ok=True)

    @property
    def _marker(self) -> Path:
        return self.folder / f"{self.key}.filled"


def fill_cache(environment: Mapping[str, str], on_message: Callable[[str], None]) -> Path:
    """Compile all kernels that are not compiled.

    Parameters
    ----------
    environment
        Environment of the compilers. Its :data:`NUMBA_VARIABLE`, if there is one, names the cache.
    on_message
        Function that shows a line to the user; called if kernels have to be compiled.

    Returns
    -------
    Path
        Folder of compiled kernels: the value for :data:`NUMBA_VARIABLE`.

    Raises
    ------
    ServerError
        If they cannot be compiled.
    """
    cache = KernelCache.of(environment)
    cache.fill(environment, on_message)
    return cache.folder


def _writable_folder(environment: Mapping[str, str], key: str) -> Path:
    """Return the folder of a key; in one that the user has chosen for numba, it is beside what others compile."""
    chosen = environment.get(NUMBA_VARIABLE)
    if chosen:
        folder = Path(chosen)
        if folder.name != key:  # which a parent process of ours has set
            folder = folder / "pointillist" / key
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return folder
    base = cache_folder()
    for folder in (base / key, temporary_folder() / "kernels" / key):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        if folder.stat().st_uid == os.getuid():  # nobody else's code is run
            return folder
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
        reader, writer = os.pipe()  # closed with this process: compilers that outlive it would spoil the next cache
        stack.callback(os.close, writer)
        stack.callback(os.close, reader)
        compilers = {part: stack.enter_context(_compiler(part, folder, environment, reader)) for part in PARTS}
        for compiler in compilers.values():
            stack.callback(compiler.kill)  # if this process is ended meanwhile
        errors = {part: compiler.communicate()[1] for part, compiler in compilers.items()}
    for part, error in errors.items():
        status = compilers[part].returncode
        if status:
            return (error.strip().splitlines() or [f"status {status}"])[-1]
    return None


def _compiler(part: str, folder: Path, environment: Mapping[str, str], parent_fd: int) -> subprocess.Popen[str]:
    own = {NUMBA_VARIABLE: str(folder), PARENT_FD_VARIABLE: str(parent_fd), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", "pointillist.supervision.warm_up", part],
        env={**importing_us(environment), **OURS, **own},
        pass_fds=[parent_fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _has_end(path: Path) -> bool:
    with path.open("rb") as file:
        return file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read() == b"."


def _prune(folder: Path) -> None:
    """Remove the caches whose last use is longest ago, except those of the last week."""
    siblings = [entry for entry in folder.parent.iterdir() if any(entry.glob("*.filled")) and entry != folder]
    now = time.time()
    for stale in sorted(siblings, key=lambda entry: entry.stat().st_mtime)[: -(_N_KEPT - 1)]:
        if now - stale.stat().st_mtime > _KEPT_S:
            shutil.rmtree(stale, ignore_errors=True)
            (folder.parent / f"{stale.name}.lock").unlink(missing_ok=True)
