"""Estimators: sixteen spots at a time in the lanes of a vector."""
