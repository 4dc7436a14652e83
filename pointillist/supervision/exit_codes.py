"""What the exit status of a worker says to whoever started it."""

EXIT_STUCK = 75
"""Status of a worker that took a range for longer than its lease."""

EXIT_COLD = 76
"""Status of a worker whose kernels are lost, or could not be loaded: its successor has the cache filled again."""

EXIT_UNCOMPILED = 78
"""Status of a worker whose kernels cannot be compiled, or not be kept."""
