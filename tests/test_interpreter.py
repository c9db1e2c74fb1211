from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference import interpreter
from faceedge.inference.interpreter import RUNTIMES, Interpreter, available_runtimes, choose_runtime
from faceedge.inference.registry import find_model, list_models

pytestmark = pytest.mark.models

SHIPPED = Path(__file__).resolve().parents[1] / "models"


@pytest.fixture
def landmarks() -> Path:
    return find_model("face_landmarks").path


@pytest.fixture
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEEDGE_RUNTIME", raising=False)
    monkeypatch.setattr(interpreter, "available_runtimes", list)


def quantised(scale: float, zero_point: int, dtype: str) -> interpreter._Tensor:
    details = {
        "index": 0,
        "shape": np.array([1, 4]),
        "dtype": np.dtype(dtype).type,
        "quantization": (scale, zero_point),
    }
    return interpreter._Tensor.of(details)


@pytest.mark.parametrize("runtime", available_runtimes())
def test_each_installed_runtime_runs_a_shipped_model(
    landmarks: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEEDGE_RUNTIME", raising=False)
    model = Interpreter(landmarks, runtime=runtime)
    mesh, presence = model.run(np.zeros((1, 192, 192, 3), np.float32))
    assert model.runtime == runtime
    assert mesh.size == 468 * 3
    assert np.isfinite(mesh).all()
    assert presence.item() < 0, "a black picture has no face"


def test_a_model_tells_its_shapes_and_types(landmarks: Path) -> None:
    model = Interpreter(landmarks)
    assert model.input_shapes == [(1, 192, 192, 3)]
    assert model.output_shapes == [(1, 1, 1, 1404), (1, 1, 1, 1)]
    assert model.input_dtypes == [np.dtype(np.float32)]


def test_results_of_two_runs_do_not_share_memory(landmarks: Path) -> None:
    model = Interpreter(landmarks)
    first = model.run(np.zeros((1, 192, 192, 3), np.float32))[0].copy()
    kept = model.run(np.zeros((1, 192, 192, 3), np.float32))[0]
    model.run(np.ones((1, 192, 192, 3), np.float32))
    np.testing.assert_array_equal(kept, first)


def test_an_input_of_another_shape_is_refused_with_both_shapes(landmarks: Path) -> None:
    with pytest.raises(InputError, match=r"\(1, 192, 192, 3\).*\(192, 192, 3\)"):
        Interpreter(landmarks).run(np.zeros((192, 192, 3), np.float32))


def test_an_input_of_another_type_is_refused(landmarks: Path) -> None:
    with pytest.raises(InputError, match="must be float32 or float32, an array of uint8 came"):
        Interpreter(landmarks).run(np.zeros((1, 192, 192, 3), np.uint8))


def test_a_missing_input_is_refused(landmarks: Path) -> None:
    with pytest.raises(InputError, match="has 1 inputs, 0 arrays came"):
        Interpreter(landmarks).run()


def test_zero_threads_are_refused(landmarks: Path) -> None:
    with pytest.raises(ConfigurationError, match="threads is 0"):
        Interpreter(landmarks, threads=0)


def test_int8_values_round_trip_within_half_a_step() -> None:
    tensor = quantised(0.05, -3, "int8")
    values = np.array([[-6.0, -0.02, 0.03, 6.0]], np.float32)
    steps = tensor.quantise(values)
    assert steps.dtype == np.int8
    assert steps.tolist() == [[-123, -3, -2, 117]]
    np.testing.assert_allclose(tensor.dequantise(steps), values, atol=0.025 + 1e-6)


def test_values_beyond_the_range_of_uint8_saturate() -> None:
    assert quantised(0.1, 128, "uint8").quantise(np.array([[-100.0, 100.0, 0.0, 1.0]], np.float32)).tolist() == [
        [0, 255, 128, 138]
    ]


def test_a_text_file_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ModelError, match=r"model\.tflite is not a TFLite file"):
        Interpreter(path)


def test_a_truncated_model_is_refused_with_its_name(tmp_path: Path, landmarks: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(landmarks.read_bytes()[:9])
    with pytest.raises(ModelError, match=r"model\.tflite"):
        Interpreter(path)


def test_an_absent_model_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.tflite.*cannot be read"):
        Interpreter(tmp_path / "nowhere.tflite")


def test_without_a_runtime_the_error_says_what_to_install(no_runtime: None, landmarks: Path) -> None:
    with pytest.raises(ModelError, match="pip install ai-edge-litert"):
        Interpreter(landmarks)


def test_a_runtime_that_is_not_installed_is_named(no_runtime: None) -> None:
    with pytest.raises(ModelError, match=r"tflite-runtime, which is not installed \(found: none\)"):
        choose_runtime("tflite-runtime")


def test_the_environment_variable_overrides_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "available_runtimes", lambda: list(RUNTIMES))
    monkeypatch.setenv("FACEEDGE_RUNTIME", "tflite-runtime")
    assert choose_runtime("ai-edge-litert") == "tflite-runtime"


def test_litert_is_preferred_where_both_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "available_runtimes", lambda: list(RUNTIMES))
    monkeypatch.delenv("FACEEDGE_RUNTIME", raising=False)
    assert choose_runtime() == "ai-edge-litert"


def test_an_unknown_runtime_is_refused_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEEDGE_RUNTIME", "onnx")
    with pytest.raises(ConfigurationError, match="FACEEDGE_RUNTIME is 'onnx', expected one of: auto, ai-edge-litert"):
        choose_runtime()


def test_importing_the_module_loads_no_runtime() -> None:
    script = (
        "import sys, faceedge.inference.interpreter;"
        "print([m for m in sys.modules if m.startswith(('ai_edge_litert', 'tflite_runtime'))])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize("runtime", available_runtimes())
@pytest.mark.parametrize("name", [card.name for card in list_models([SHIPPED]) if card.file.endswith(".tflite")])
def test_each_shipped_model_runs_on_each_installed_runtime(
    name: str, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEEDGE_RUNTIME", raising=False)
    model = Interpreter(find_model(name, SHIPPED).path, runtime=runtime)
    rng = np.random.default_rng(1)
    outputs = model.run(*(rng.uniform(-1, 1, shape).astype(np.float32) for shape in model.input_shapes))
    assert [output.shape for output in outputs] == model.output_shapes
    assert all(np.isfinite(output).all() for output in outputs)
    assert any(np.ptp(output) > 0 for output in outputs)
