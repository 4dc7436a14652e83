"""PYME's LatGaussFitFR on regions, run by an interpreter that has PYME; prints the seconds of the fits last.

python pyme_fits.py REGIONS.npz FITS.npy
"""

import os
import sys
import time

import numpy as np
from PYME.IO import MetaDataHandler
from PYME.localization.FitFactories import LatGaussFitFR


def main() -> None:
    with np.load(sys.argv[1]) as source:
        data, noise = source["data"], source["noise"]
    metadata = MetaDataHandler.NestedClassMDHandler()
    metadata["voxelsize.x"] = metadata["voxelsize.y"] = 0.1
    metadata["tIndex"] = 0
    half = data.shape[1] // 2
    rows = []
    seconds = 0.0
    # PYME's arrays are (x, y, z)
    for image, sigma in zip(data.transpose(0, 2, 1), noise.transpose(0, 2, 1), strict=True):
        start = time.process_time()
        factory = LatGaussFitFR.GaussianFitFactory(image[:, :, None], metadata, noiseSigma=sigma[:, :, None])
        row = factory.FromPoint(half, half, roiHalfSize=half)
        seconds += time.process_time() - start
        rows.append(row)
    found = np.concatenate(rows)
    values = found["fitResults"]
    table = [values["A"], values["x0"] / 100, values["y0"] / 100, values["sigma"] / 100, values["background"]]
    table += [values["bx"] * 100, values["by"] * 100, found["fitError"]["x0"] / 100]
    np.save(sys.argv[2], np.column_stack(table))
    print(seconds)
    sys.stdout.flush()
    os._exit(0)  # PYME's threads outlive its work


if __name__ == "__main__":
    main()
