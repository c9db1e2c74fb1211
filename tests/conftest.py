"""Before anything imports NumPy."""

from __future__ import annotations

import os

# As the nodes do: matrices this small gain nothing from more threads, which wait for each other on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
