"""The data of a job for a worker: from files that it may open, otherwise from the server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointillist.errors import MessageError, MovieError, PointillistError, SettingError
from pointillist.pipeline_files import EVERYWHERE, DataRoots
from pointillist.pipeline_files.backgrounds import copied_images, images_of_range
from pointillist.pipeline_files.maps import find_map, load_map
from pointillist.pipeline_protocol.messages import BACKGROUND, BACKGROUND_ROWS, JobSpec
from pointillist.pipeline_protocol.security import UserSecret
from pointillist.pipeline_worker.frame_client import FrameClient
from pointillist.pipeline_worker.remote_frames import RemoteFrames
from pointillist.settings import BACKGROUND_FILE, MapSettings, SourceFile
from pointillist.system import note

if TYPE_CHECKING:  # numba
    from pointillist.fitting.backgrounds import BackgroundImages, ImagesOfRange
    from pointillist.fitting.camera import CameraMap

log = logging.getLogger("pointillist.worker")

_N_MAPS = 6
"""Number of maps that are kept: those of two cameras."""


class MapCache:
    """Camera maps that came from the server, by the digest of their content."""

    def __init__(self) -> None:
        self._maps: dict[str, CameraMap] = {}

    def get(self, frames: RemoteFrames) -> CameraMap:
        """Return a map, fetched unless it is here.

        Raises
        ------
        MessageError
            If what comes is another one.
        """
        found = self._maps.pop(frames.digest, None)
        if found is None:
            found = np.ascontiguousarray(frames.read(0, 1)[0], np.float32)
            if sha256(found.tobytes()).hexdigest() != frames.digest:
                raise MessageError("camera map", "is not what the server announced", "submit the job again")
        self._maps[frames.digest] = found
        while len(self._maps) > _N_MAPS:
            del self._maps[next(iter(self._maps))]
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class DataAccess:
    """Which files a worker may open, and where it gets the others.

    Parameters
    ----------
    roots
        Folders whose files it may open for any job.
    user_secret
        Secret of the account whose own jobs may name any file that it can open.
    frame_client
        Fetches frames from the server; None for files only.
    maps
        Camera maps that came from the server.
    """

    roots: DataRoots = EVERYWHERE
    user_secret: UserSecret = UserSecret(b"")  # noqa: RUF009 - frozen
    frame_client: FrameClient | None = None
    maps: MapCache | None = None

    def roots_for(self, spec: JobSpec) -> DataRoots:
        """Return the folders whose files it may open for a job."""
        expected = self.user_secret.sign_reading(spec.movie, spec.identity, spec.settings)
        return EVERYWHERE if self.user_secret.is_mine(spec.may_read, expected) else self.roots

    def fetched(self, spec: JobSpec, part: str, error: PointillistError) -> RemoteFrames:
        """Return a part of a job from the server, since it cannot be opened here.

        Raises
        ------
        PointillistError
            That error, if there is no server to ask.
        BlockedError
            If the server does not have it either.
        """
        if self.frame_client is None:
            raise error
        note(log, logging.INFO, "fetching", job=spec.job, part=part, why=str(error))
        return RemoteFrames(self.frame_client, spec.job, part)

    def load_map(self, spec: JobSpec, key: str, maps: MapSettings, frame_shape: tuple[int, int]) -> CameraMap | None:
        """Return a camera map, turned and cut to the movie; None if the job has none of this kind.

        Raises
        ------
        SettingError
            If it cannot be had.
        """
        if key not in maps.files:
            return None
        folder = Path(spec.movie).parent
        try:
            self._check_map(spec, key, maps)
            return load_map(key, maps, frame_shape, folder)
        except SettingError as error:
            fetched = self.fetched(spec, key, error)
        if fetched.shape != (1, *frame_shape):
            raise MessageError(key, f"came with the shape {fetched.shape}", "use the same version everywhere")
        return (self.maps or MapCache()).get(fetched)

    def _check_map(self, spec: JobSpec, key: str, maps: MapSettings) -> None:
        """Check that a map may be opened, and that it is known whether it is the right one."""
        found, roots = find_map(key, maps, Path(spec.movie).parent), self.roots_for(spec)
        if found is not None and roots.allowed(found[0]) is None:
            raise SettingError(key, f"{found[0]} is outside {roots}", "start launch-workers with --allow FOLDER")
        if self.frame_client is not None and not maps.files[key].identity:
            raise SettingError(key, "it cannot be identified", "submit the job again")

    @contextmanager
    def copied_images(self, spec: JobSpec, copied: SourceFile | None) -> Iterator[ImagesOfRange | None]:
        """Open the background that a job copies, or yield None.

        Raises
        ------
        PointillistError
            If it cannot be had.
        """
        if copied is None:
            yield None
            return
        with ExitStack() as stack:
            try:
                self._check_background(spec, copied)
                images = stack.enter_context(copied_images(copied))
            except PointillistError as error:
                images = self._fetched_images(spec, error)
            yield images

    def _check_background(self, spec: JobSpec, copied: SourceFile) -> None:
        path, roots = Path(copied.name), self.roots_for(spec)
        if roots.allowed(path) is None:
            problem = f"{path} is outside {roots}"
            raise SettingError(BACKGROUND_FILE, problem, "start launch-workers with --allow FOLDER")

    def _fetched_images(self, spec: JobSpec, error: PointillistError) -> ImagesOfRange:
        rows = self.fetched(spec, BACKGROUND_ROWS, error)
        pixels = self.fetched(spec, BACKGROUND, error)

        def images(start: int, stop: int) -> BackgroundImages:
            if stop > rows.shape[0]:
                raise MovieError(BACKGROUND_FILE, f"has {rows.shape[0]} frames, not {stop}", "write it again")
            return images_of_range(rows, pixels, start, stop)

        return images


HERE = DataAccess()
"""Of who works for nobody but the user that started it, where the files are."""
