"""Exit statuses by which a worker tells its supervisor why it has ended."""

EXIT_STUCK = 75
"""Status of a worker that computed a range for longer than its lease."""

EXIT_COLD = 76
"""Status of a worker whose kernels are lost, or could not be loaded: its successor has the cache filled again."""

EXIT_UNCOMPILED = 78
"""Status of a worker whose kernels cannot be compiled or stored."""
