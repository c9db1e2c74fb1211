"""From a trained torch network to a shipped model: float and int8 TFLite files, their figures, and the card."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn


def to_tflite(network: nn.Module, sample: torch.Tensor, path: Path) -> None:
    """Convert a network with one picture input (n, channels, h, w) to a float TFLite file with input (n, h, w,
    channels).
    """
    import litert_torch

    path.parent.mkdir(parents=True, exist_ok=True)
    channel_last = litert_torch.to_channel_last_io(network.eval(), args=[0])
    # The converter narrates on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        litert_torch.convert(channel_last, (sample.permute(0, 2, 3, 1).contiguous(),)).export(str(path))


def to_int8(float_path: Path, path: Path, calibration: Iterable[np.ndarray]) -> None:
    """Quantise a float TFLite file to int8 weights and activations, int8 input and output included.

    Args:
        float_path: file with one input.
        path: written atomically.
        calibration: inputs from the training split, from which the ranges of the activations are taken.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    signatures = Interpreter(str(float_path)).get_signature_list()
    key = next(iter(signatures))
    name = signatures[key]["inputs"][0]
    work = quantizer.Quantizer(str(float_path))
    work.load_quantization_recipe(recipe.static_wi8_ai8())
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        ranges = work.calibrate({key: [{name: x} for x in calibration]})
        written = Path(folder) / path.name
        work.quantize(ranges).export_model(str(written), overwrite=True)
        partial = path.with_suffix(".partial")
        shutil.copyfile(written, partial)
    partial.replace(path)


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def median_ms(path: Path, runtime: str, runs: int = 300) -> float:
    """Median time of one inference on one thread, in ms."""
    from faceedge.inference.interpreter import Interpreter

    interpreter = Interpreter(path, threads=1, runtime=runtime)
    inputs = [np.zeros(shape, np.float32) for shape in interpreter.input_shapes]
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        interpreter.run(*inputs)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1e3, 3)
