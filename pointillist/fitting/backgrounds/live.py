"""The background of live frames, from windows in the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.method import WindowMethod
from pointillist.fitting.backgrounds.rolling_windows import RollingWindow
from pointillist.fitting.camera import are_counts


class LiveBackground:
    """The background of each frame of a live movie; memory is bounded by about two windows.

    Parameters
    ----------
    method
        Background method whose window ends with the frame itself or before it.
    earliest
        First frame that may enter a window, >= 0.

    Raises
    ------
    ValueError
        If the window includes later frames.
    """

    def __init__(self, method: WindowMethod, earliest: int = 0) -> None:
        begin, end = method.ends(0, np.iinfo(np.int64).max)
        if end > 1:
            msg = f"background ({method.description}): live data have no later frames; use a window of earlier frames"
            raise ValueError(msg)
        self._method = method
        self._earliest = earliest
        self._longest = end - begin
        self._n_kept = 1 - begin
        self._window: RollingWindow | None = None
        self._frames: NDArray[Any] = np.empty(0)
        self._is_usable: list[bool] = []
        self._first = 0

    def push(self, frames: NDArray[Any]) -> list[NDArray[np.float32] | None]:
        """Add the next frames and return their backgrounds.

        Parameters
        ----------
        frames
            Frames ``(frame, y, x)``, uint8, uint16 or float32, raw counts; many at a time are faster than one by one.
            Those with pixels that are no counts enter no window.

        Returns
        -------
        list
            Background images ``(y, x)``, float32, raw counts; None if the window is empty.
        """
        if self._window is None:
            self._window = self._method.rolling_window(self._longest, frames.shape[1:], frames.dtype)
            self._frames = np.empty((0, *frames.shape[1:]), frames.dtype)
        begin = self._first + len(self._is_usable)
        self._append(frames)
        spans = [self._method.span(frame, begin + len(frames), self._earliest) for frame in range(begin, self._stop)]
        self._window.slide(self._frames, self._first, spans, self._usable)
        images = (self._window.image(number) for number in range(len(spans)))
        return [None if image is None else image.copy() for image in images]

    def _append(self, frames: NDArray[Any]) -> None:
        """Append frames to the buffer; if it is full, the oldest frames are dropped."""
        n_buffered = len(self._is_usable)
        if n_buffered + len(frames) > len(self._frames):
            n_kept = min(n_buffered, self._n_kept)
            buffer = np.empty((2 * self._n_kept + len(frames), *frames.shape[1:]), frames.dtype)
            buffer[:n_kept] = self._frames[n_buffered - n_kept : n_buffered]
            self._first += n_buffered - n_kept
            self._frames, self._is_usable, n_buffered = buffer, self._is_usable[n_buffered - n_kept :], n_kept
        self._frames[n_buffered : n_buffered + len(frames)] = frames
        self._is_usable += are_counts(frames).tolist()

    @property
    def _stop(self) -> int:
        return self._first + len(self._is_usable)

    @property
    def n_buffered(self) -> int:
        """Capacity of the buffer, frames: twice the window plus the last push."""
        return len(self._frames)

    def _usable(self, frame: int) -> bool:
        return self._is_usable[frame - self._first]


def live_backgrounds(
    frames: Iterable[NDArray[Any]], method: WindowMethod, earliest: int = 0
) -> Iterator[tuple[NDArray[Any], NDArray[np.float32] | None]]:
    """Yield each frame with its background.

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
