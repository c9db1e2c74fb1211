"""Fuzz target of everything that reads bytes from outside: mutated good input may only raise a FaceedgeError.

    python tests/fuzz.py --seconds 60 --seed 1

prints the seed and the offending bytes of any other exception. `test_fuzz.py` runs a short round of it. ``one_input``
is what a coverage-guided fuzzer would be given.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import fuzz_radar
import fuzz_templates
import numpy as np

from faceedge.camera.calibration import load_calibration
from faceedge.camera.pictures import decode_picture
from faceedge.errors import FaceedgeError
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import read_card

CALIBRATION = b"""image_width: 640
image_height: 480
camera_name: c
camera_matrix: {rows: 3, cols: 3, data: [600, 0, 320, 0, 600, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [600, 0, 320, 0, 0, 600, 240, 0, 0, 0, 1, 0]}
"""
CARD = b"name: input\nfile: m.tflite\nsha256: ab\ntask: faces\nlicence: MIT\nmetrics: {a: [1, 2]}\n"
INTERESTING = (b"", b"\x00", b"\xff\xd9", b"nan", b"-1", b"1e999", b"[]", b"{}", b"&a *a", b"\xff" * 8, b": ", b"\n- ")


def _as_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return read(path)

    return run


def _picture(suffix: str) -> bytes:
    gradient = np.add.outer(np.arange(24), np.arange(32)).astype(np.uint8)
    return bytes(cv2.imencode(suffix, cv2.cvtColor(gradient * 4, cv2.COLOR_GRAY2BGR))[1])


TARGETS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "jpeg": (lambda data: decode_picture(data, "fuzz"), _picture(".jpg")),
    "png": (lambda data: decode_picture(data, "fuzz"), _picture(".png")),
    "calibration": (_as_file(lambda path: load_calibration(str(path)), "input.yaml"), CALIBRATION),
    "card": (_as_file(read_card, "input.yaml"), CARD),
    "model head": (_as_file(Interpreter, "input.tflite"), b"\x1c\x00\x00\x00NOPE" + bytes(64)),
    **fuzz_templates.TARGETS,
}


for _name, _target in ((name, make()) for name, make in fuzz_radar.TARGETS.items()):
    TARGETS[f"radar {_name}"] = (_target.run, _target.seeds[0])


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A few random edits: cut, flip, repeat, insert something interesting."""
    result = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(result) + 1))
        kind = int(rng.integers(0, 4))
        if kind == 0:
            del result[at : at + int(rng.integers(1, 40))]
        elif kind == 1 and at < len(result):
            result[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            result[at:at] = result[at : at + int(rng.integers(1, 30))]
        else:
            result[at:at] = INTERESTING[int(rng.integers(0, len(INTERESTING)))]
    return bytes(result)


def one_input(target: str, data: bytes) -> None:
    """Give ``data`` to a reader of ``TARGETS``; anything but success or a FaceedgeError escapes."""
    read, _ = TARGETS[target]
    try:
        read(data)
    except FaceedgeError as error:
        if not str(error).strip():
            raise AssertionError("an error without a sentence") from error


def run(rounds: int, seed: int, deadline: float = float("inf")) -> int:
    """Up to ``rounds`` mutations of each target's good input; how many ran."""
    rng, done = np.random.default_rng(seed), 0
    while done < rounds and time.monotonic() < deadline:
        for target, (_, good) in TARGETS.items():
            data = mutate(good, rng)
            try:
                one_input(target, data)
            except Exception:
                print(f"target {target}, seed {seed}, round {done}: {data!r}", file=sys.stderr)
                raise
        done += 1
    return done


def main() -> int:
    """Fuzz for a while."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    done = run(sys.maxsize, args.seed, time.monotonic() + args.seconds)
    print(f"{done} rounds over {len(TARGETS)} targets, seed {args.seed}: nothing but sentences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
