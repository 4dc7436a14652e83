"""The background of frames as they come, of windows that lie in the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.method import WindowMethod
from pointillist.fitting.backgrounds.sliding import RollingWindow, slider_of


class LiveBackground:
    """Takes frames in order, and gives the background of each; holds few more frames than the window.

    Parameters
    ----------
    method
        Background method whose window ends with the frame itself or before it.
    earliest
        First frame that may enter a window, >= 0.

    Raises
    ------
    ValueError
        If the window lies in the future.
    """

    def __init__(self, method: WindowMethod, earliest: int = 0) -> None:
        begin, end = method.ends(0, np.iinfo(np.int64).max)
        if end > 1:
            msg = f"{method.identifier}: live data has no frames after each one; take a window in the past"
            raise ValueError(msg)
        self._method = method
        self._earliest = earliest
        self._longest = end - begin
        self._n_kept = 1 - begin
        self._slider: RollingWindow | None = None
        self._frames: NDArray[Any] = np.empty(0)
        self._is_usable: list[bool] = []
        self._first = 0

    def push(self, frames: NDArray[Any]) -> list[NDArray[np.float32] | None]:
        """Take the next frames, and return their backgrounds.

        Parameters
        ----------
        frames
            Frames ``(frame, y, x)``, uint8, uint16 or float32, raw counts; many at a time are faster than one by one.
            Those with pixels that are not finite enter no window.

        Returns
        -------
        list
            Background images ``(y, x)``, float32, raw counts; None if the window is empty.
        """
        if self._slider is None:
            self._slider = slider_of(self._method, self._longest, frames.shape[1:], frames.dtype)
            self._frames = np.empty((0, *frames.shape[1:]), frames.dtype)
        begin = self._first + len(self._is_usable)
        self._append(frames)
        spans = [self._method.span(frame, begin + len(frames), self._earliest) for frame in range(begin, self._stop)]
        self._slider.slide(self._frames, self._first, spans, self._usable)
        images = (self._slider.image(number) for number in range(len(spans)))
        return [None if image is None else image.copy() for image in images]

    def _append(self, frames: NDArray[Any]) -> None:
        """Put frames behind those that are held; when there is no room, the oldest are let go."""
        n_held = len(self._is_usable)
        if n_held + len(frames) > len(self._frames):
            n_kept = min(n_held, self._n_kept)
            room = np.empty((2 * self._n_kept + len(frames), *frames.shape[1:]), frames.dtype)
            room[:n_kept] = self._frames[n_held - n_kept : n_held]
            self._first += n_held - n_kept
            self._frames, self._is_usable, n_held = room, self._is_usable[n_held - n_kept :], n_kept
        self._frames[n_held : n_held + len(frames)] = frames
        self._is_usable += [bool(np.isfinite(frame).all()) for frame in frames]

    @property
    def _stop(self) -> int:
        return self._first + len(self._is_usable)

    @property
    def n_held(self) -> int:
        """Frames that there is room for: those of the window twice, and those of the last push."""
        return len(self._frames)

    def _usable(self, frame: int) -> bool:
        return self._is_usable[frame - self._first]


def live_backgrounds(
    frames: Iterable[NDArray[Any]], method: WindowMethod, earliest: int = 0
) -> Iterator[tuple[NDArray[Any], NDArray[np.float32] | None]]:
    """Give each frame with its background, as it comes.

    Parameters
    ----------
    frames
        Frames ``(y, x)``, uint8, uint16 or float32, raw counts.
    method, earliest
        Parameters of :class:`LiveBackground`.

    Yields
    ------
    frame, background
        Frame and background ``(y, x)``, raw counts; None if the window is empty.
    """
    live = LiveBackground(method, earliest)
    for frame in frames:
        yield frame, live.push(frame[np.newaxis])[0]
