from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STEPS = """
import hashlib
import numpy as np
from faceedge.simulation.events.pixels import Pixels

light = np.random.default_rng(0).random((20, 64, 64), np.float32)
pixels = Pixels(64, 64)
pixels.start(light[0], 0)
events = [pixels.step(picture, 1000 * number) for number, picture in enumerate(light[1:], 1)]
print(hashlib.sha256(np.concatenate(events).tobytes()).hexdigest())
"""


def test_a_process_that_compiles_gets_the_bits_of_one_that_finds_it_compiled(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", STEPS], env=environment, check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert len(first) == 65
    assert first == second
