"""The parameters of a sparse median, as its computation sees them."""

from __future__ import annotations

from typing import Protocol


class SparseParameters(Protocol):
    """Parameters of :class:`pointillist.fitting.backgrounds.SparseMedian`."""

    @property
    def code(self) -> str:
        """Name of the method."""

    @property
    def kernel_size(self) -> int:
        """Number of frames in each median."""

    @property
    def split_time(self) -> float:
        """Time between images, s."""

    @property
    def thresh_cleansing(self) -> float:
        """Largest deviation of an image from its neighbours."""

    @property
    def frac_cleansing(self) -> float:
        """Fraction of the images that is kept."""

    @property
    def interval(self) -> int:
        """Number of frames between images."""

    @property
    def dcnum(self) -> bool:
        """Whether the background is dcnum's, bit for bit."""

    @property
    def needs_cycle_time(self) -> bool:
        """Whether the time between frames is required."""
