"""What a range of frames came to."""

from __future__ import annotations

from msgspec import Struct

from pointillist.pipeline_protocol.messages.fields import Count, Seconds, Text


class RangeResult(Struct, frozen=True, kw_only=True, tag="range"):
    """The result of a range of frames, from the worker that computed it to the journal; its buffers travel beside it.

    Parameters
    ----------
    start, stop
        Frames ``[start, stop)``.
    n_items
        Number of localizations, or of images.
    failures
        Frames that the task itself gave up, with the reasons.
    seconds
        Computing time of each step, s.
    sizes
        Lengths of the buffers, bytes.
    build
        Build of the kernels that computed it (:mod:`pointillist.supervision`); empty if it needed none.
    """

    start: Count
    stop: Count
    n_items: Count
    failures: dict[int, Text]
    seconds: dict[str, Seconds]
    sizes: list[Count]
    build: Text = ""
