"""Results of ranges that nobody has computed."""

from __future__ import annotations

from collections.abc import Sequence

from pointillist.pipeline_protocol.messages import Answer, RangeResult, Ref
from pointillist.pipeline_worker.tasks import Computed


def computed(start: int, stop: int, buffers: Sequence[bytes] = (), n_items: int = 1, seconds: float = 1.0) -> Computed:
    """Return a result without failures, and its buffers."""
    sizes = [len(buffer) for buffer in buffers]
    result = RangeResult(start=start, stop=stop, n_items=n_items, failures={}, seconds={"fit": seconds}, sizes=sizes)
    return result, buffers


def answer(worker: str, ref: Ref, result: RangeResult) -> Answer:
    """Return a worker's message."""
    return Answer(worker=worker, job=ref.job, generation=ref.generation, result=result)
