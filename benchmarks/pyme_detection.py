"""PYME's detection in corrected frames, run by an interpreter that has PYME; prints the median seconds/frame last.

python pyme_detection.py FRAMES.npz
"""

import os
import statistics
import sys
import time

import numpy as np
from PYME.localization import ofind


def main() -> None:
    with np.load(sys.argv[1]) as source:
        signals, noises = source["signal"], source["noise"]
    seconds = []
    for signal, noise in zip(signals, noises, strict=True):
        start = time.perf_counter()
        ofind.ObjectIdentifier(signal).FindObjects(noise, 0, debounceRadius=4)
        seconds.append(time.perf_counter() - start)
    print(statistics.median(seconds))
    sys.stdout.flush()
    os._exit(0)  # PYME's threads outlive its work


if __name__ == "__main__":
    main()
