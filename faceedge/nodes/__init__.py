"""The only folder that imports rclpy: one lifecycle node a file, message conversions, QoS, diagnostics."""

import os

# The matrices of a frame are small: sharing one product among threads costs more than it saves, and a thread that has
# to wait for a core makes the slowest frames a hundred times slower. OpenBLAS reads this once, when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
