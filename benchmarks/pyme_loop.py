"""PYME's own loop over the first frames of a movie, run by an interpreter that has PYME; prints frames/s last.

python pyme_loop.py MOVIE BACKGROUND N_FRAMES
"""

import contextlib
import io
import os
import sys
import time

import tables
from PYME.IO import MetaDataHandler
from PYME.localization import remFitBuf


def main() -> None:
    movie, background, n_frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with tables.open_file(movie) as file:
        metadata = MetaDataHandler.NestedClassMDHandler(MetaDataHandler.HDFMDHandler(file))
    metadata["Analysis.FitModule"] = "LatGaussFitFR"
    metadata["Analysis.DetectionThreshold"] = 1.0
    metadata["Analysis.DebounceRadius"] = 4
    metadata["Analysis.BGRange"] = tuple(int(end) for end in background.split(":"))
    began = 0.0
    warm = 5
    for frame in range(n_frames):
        if frame == warm:
            began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            task = remFitBuf.fitTask(movie, frame, metadata, dataSourceModule="HDFDataSource")
            task(taskQueue=None)
    print((n_frames - warm) / (time.perf_counter() - began))
    sys.stdout.flush()
    os._exit(0)  # PYME's threads outlive its files


if __name__ == "__main__":
    main()
