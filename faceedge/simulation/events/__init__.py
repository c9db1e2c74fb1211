"""Synthetic event camera: pixels that see logarithmic changes of a rendered picture."""
