"""The worker: lease, read, fit, answer; and the launcher that starts one per core."""
