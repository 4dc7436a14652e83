from .engine import (
    dask_engine as dask_engine,
)
