"""One small door to the TFLite runtimes.

ai-edge-litert is taken where it is installed (maintained, NumPy 2, aarch64, faster kernels), tflite-runtime
otherwise. ``FACEEDGE_RUNTIME`` overrides both that order and the caller's choice. Nothing is imported before the
first ``Interpreter`` is made, so this module loads on a machine that has neither.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceedge.errors import ConfigurationError, InputError, ModelError

RUNTIMES = ("ai-edge-litert", "tflite-runtime")
_MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
_ENVIRONMENT_VARIABLE = "FACEEDGE_RUNTIME"
# A FlatBuffer names its schema in bytes 4 to 8; every TFLite file since schema version 3 says TFL3.
_FILE_IDENTIFIER = b"TFL3"


def available_runtimes() -> list[str]:
    """Names of the runtimes that are installed here, the preferred one first. Imports none of them."""
    return [name for name in RUNTIMES if importlib.util.find_spec(_MODULES[name].partition(".")[0]) is not None]


def choose_runtime(wanted: str = "auto") -> str:
    """Resolve ``wanted`` (a name of RUNTIMES or ``auto``) to an installed runtime.

    Raises:
        ConfigurationError: the name, or the one in FACEEDGE_RUNTIME, is unknown.
        ModelError: the runtime is not installed.
    """
    override = os.environ.get(_ENVIRONMENT_VARIABLE, "")
    name, origin = (override, _ENVIRONMENT_VARIABLE) if override else (wanted, "runtime")
    if name not in (*RUNTIMES, "auto"):
        raise ConfigurationError(f"{origin} is {name!r}, expected one of: auto, {', '.join(RUNTIMES)}.")
    installed = available_runtimes()
    if name == "auto":
        if not installed:
            raise ModelError("No TFLite runtime is installed; run `pip install ai-edge-litert`.")
        return installed[0]
    if name not in installed:
        found = ", ".join(installed) or "none"
        raise ModelError(f"{origin} asks for {name}, which is not installed (found: {found}); `pip install {name}`.")
    return name


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What the file says about one input or output."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> _Tensor:
        scale, zero_point = details["quantization"]
        return cls(
            index=int(details["index"]),
            shape=tuple(int(size) for size in details["shape"]),
            dtype=np.dtype(details["dtype"]),
            scale=float(scale),
            zero_point=int(zero_point),
        )

    @property
    def is_quantised(self) -> bool:
        return self.scale != 0.0 and self.dtype.kind in "iu"

    def quantise(self, values: np.ndarray) -> np.ndarray:
        """Real numbers to the file's integers: q = round(x / scale) + zero_point, clipped to the type's range."""
        limits = np.iinfo(self.dtype)
        steps = np.rint(values * np.float32(1.0 / self.scale))
        steps += self.zero_point
        return np.clip(steps, limits.min, limits.max, out=steps).astype(self.dtype)

    def dequantise(self, values: np.ndarray) -> np.ndarray:
        """The file's integers to real numbers: x = (q - zero_point) * scale."""
        result = values.astype(np.float32)
        result -= self.zero_point
        result *= np.float32(self.scale)
        return result


class Interpreter:
    """A loaded model with its tensors allocated once.

    ``run`` may be called from any thread; calls take turns.

    Args:
        path: the .tflite file.
        threads: threads that one ``run`` may use.
        runtime: a name of RUNTIMES, or ``auto``.

    Raises:
        ModelError: no runtime, no such file, not a TFLite file, or one that this runtime cannot execute.
        ConfigurationError: unknown runtime, or fewer than one thread.
    """

    def __init__(self, path: Path | str, *, threads: int = 1, runtime: str = "auto") -> None:
        if threads < 1:
            raise ConfigurationError(f"threads is {threads}, expected 1 or more.")
        self.path = Path(path)
        _check_file(self.path)
        self.runtime = choose_runtime(runtime)
        try:
            module = importlib.import_module(_MODULES[self.runtime])
        except (ImportError, AttributeError) as error:
            # tflite-runtime 2.14 is built for NumPy 1 and fails with either when it meets NumPy 2.
            raise ModelError(f"{self.runtime} is installed but does not import: {error}.") from error
        try:
            self._interpreter = module.Interpreter(model_path=str(self.path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"{self.path}: {self.runtime} cannot load this model: {reason}") from error
        self._inputs = [_Tensor.of(details) for details in self._interpreter.get_input_details()]
        self._outputs = [_Tensor.of(details) for details in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shape of each input."""
        return [tensor.shape for tensor in self._inputs]

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """Shape of each output."""
        return [tensor.shape for tensor in self._outputs]

    @property
    def input_dtypes(self) -> list[np.dtype[Any]]:
        """The file's own type of each input."""
        return [tensor.dtype for tensor in self._inputs]

    @property
    def output_dtypes(self) -> list[np.dtype[Any]]:
        """The file's own type of each output."""
        return [tensor.dtype for tensor in self._outputs]

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Run the model once.

        Args:
            inputs: one array for each input, of the input's shape. float32 whatever the file's type is: a quantised
                input is quantised here by the file's scale and zero point. An array that has the file's own type
                already goes in as it is.

        Returns:
            One new array for each output: float32, dequantised where the file's output is quantised; an integer
            output without a scale keeps its type.

        Raises:
            InputError: the number, shape or type of the inputs does not fit.
        """
        if len(inputs) != len(self._inputs):
            raise InputError(f"{self.path.name} has {len(self._inputs)} inputs, {len(inputs)} arrays came.")
        prepared = [self._prepare(position, values) for position, values in enumerate(inputs)]
        with self._lock:
            for tensor, values in zip(self._inputs, prepared, strict=True):
                self._interpreter.set_tensor(tensor.index, values)
            self._interpreter.invoke()
            results = [self._interpreter.get_tensor(tensor.index) for tensor in self._outputs]
        return [
            tensor.dequantise(values) if tensor.is_quantised else values
            for tensor, values in zip(self._outputs, results, strict=True)
        ]

    def _prepare(self, position: int, values: np.ndarray) -> np.ndarray:
        tensor = self._inputs[position]
        if values.shape != tensor.shape:
            raise InputError(
                f"{self.path.name}: input {position} must have shape {tensor.shape}, an array of {values.shape} came."
            )
        if values.dtype == tensor.dtype:
            return values
        if values.dtype == np.float32 and tensor.is_quantised:
            return tensor.quantise(values)
        raise InputError(
            f"{self.path.name}: input {position} must be float32 or {tensor.dtype}, an array of {values.dtype} came."
        )


def _check_file(path: Path) -> None:
    """The runtimes answer a text file with a bare parser error, or crash on an empty one; say it in words first."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(f"{path}: the model file cannot be read ({error.strerror}).") from error
    if head[4:8] != _FILE_IDENTIFIER:
        raise ModelError(f"{path} is not a TFLite file: bytes 4 to 8 must be {_FILE_IDENTIFIER!r}, got {head[4:8]!r}.")
