"""Which files a server reads and writes for whom."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pointillist.errors import MovieError, ResultsError, SettingError
from pointillist.pipeline_files import EVERYWHERE, DataRoots
from pointillist.pipeline_files.maps import find_map
from pointillist.pipeline_files.movies import STILL_WRITTEN, MovieFile, is_growing, open_movie
from pointillist.pipeline_protocol.messages import Submit
from pointillist.pipeline_protocol.security import UserSecret
from pointillist.settings import BACKGROUND_FILE, read_job_settings

HOST = socket.gethostname()

_REMEDY = "move it there, start launch-workers on that machine with --allow FOLDER, or give --engine local"


@dataclass(frozen=True, kw_only=True)
class AccessPolicy:
    """Checks that the files of a request may be read and written.

    Parameters
    ----------
    roots
        Folders that any client with the cluster key may have read and written.
    owner
        Secret of the account whose own requests may name any file that it can open.
    """

    roots: DataRoots
    user_secret: UserSecret

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the policy of a server of this user."""
        return cls(roots=DataRoots.of_this_machine(), user_secret=UserSecret.of_user())

    def open_movie(self, request: Submit) -> MovieFile:
        """Open the movie of a request.

        Raises
        ------
        MovieError, SettingError
            If it, or a file that its settings name, is out of bounds; or if it is not what the client sees.
        """
        expected = self.user_secret.sign_reading(request.movie, request.identity, request.settings)
        roots = EVERYWHERE if self.user_secret.is_mine(request.may_read, expected) else self.roots
        self._check_movie(request, roots, [request.movie])
        self._check_settings(request, roots)
        if not Path(request.movie).exists():
            problem = f"there is no such file on {HOST}, where the server runs"
            raise MovieError(
                request.movie, problem, "put it in a folder that both machines can read, or give --engine local"
            )
        with ExitStack() as on_error:
            movie = on_error.enter_context(open_movie(request.movie))
            self._check_movie(request, roots, [movie.path, *movie.files])
            _check_identity(request, movie)
            on_error.pop_all()
        return movie

    def check_output(self, request: Submit, output: Path) -> None:
        """Check that results may be written.

        Raises
        ------
        ResultsError
            If that is out of bounds.
        """
        expected = self.user_secret.sign_writing(request.output or "", request.identity)
        if self.user_secret.is_mine(request.may_write, expected) or self.roots.allowed(output) is not None:
            return
        problem = f"is outside what the server on {HOST} may write ({self.roots})"
        raise ResultsError(output, problem, "leave out -o, or start launch-workers there with --allow FOLDER")

    def _check_movie(self, request: Submit, roots: DataRoots, files: Sequence[Path | str]) -> None:
        if not all(map(roots.allowed, files)):
            raise MovieError(request.movie, self._outside, _REMEDY)

    def _check_settings(self, request: Submit, roots: DataRoots) -> None:
        if roots is EVERYWHERE:
            return
        settings, folder = read_job_settings(request.settings, request.kind), Path(request.movie).parent
        for key in settings.maps.files:
            found = find_map(key, settings.maps, folder)
            if found is not None and roots.allowed(found[0]) is None:
                raise SettingError(key, f"{found[0]} {self._outside}", _REMEDY)
        copied = settings.copied
        if copied is not None and roots.allowed(copied.name) is None:
            raise SettingError(BACKGROUND_FILE, f"{copied.name} {self._outside}", _REMEDY)

    @property
    def _outside(self) -> str:
        return f"is outside what the server on {HOST} may read ({self.roots})"


def _check_identity(request: Submit, movie: MovieFile) -> None:
    if movie.identity != request.identity:
        if is_growing(movie.path):
            raise MovieError(request.movie, *STILL_WRITTEN)
        problem = f"is another file on {HOST}, where the server runs, or has just been changed"
        raise MovieError(request.movie, problem, "run the command again, or give --engine local")


TRUSTING = AccessPolicy(roots=EVERYWHERE, user_secret=UserSecret(b""))
"""For jobs that a server accepted before it was started again."""
