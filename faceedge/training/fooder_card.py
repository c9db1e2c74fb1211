"""From a trained body part to the files that ship: float and int8 TFLite, their difference, and the card."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn
from torch.nn.utils import fusion

from faceedge.inference.registry import Model, ModelCard, find_model
from faceedge.perception.authentication.body_part import MODEL_NAME, BodyPart
from faceedge.training import export
from faceedge.training.fooder import FooderSettings
from faceedge.training.fooder_network import SIDE, Exported
from faceedge.training.fooder_network import BodyPart as TorchBodyPart

CALIBRATION_PAIRS = 400


def folded(body_part: TorchBodyPart) -> TorchBodyPart:
    """The same function without batch normalisation, whose factors go into the layers before it."""
    made = copy.deepcopy(body_part).eval()
    for layers in [module for module in made.modules() if isinstance(module, nn.Sequential)]:
        for place in range(len(layers) - 1):
            layer, norm = layers[place], layers[place + 1]
            if isinstance(norm, nn.BatchNorm2d):
                transposed = isinstance(layer, nn.ConvTranspose2d)
                layers[place] = fusion.fuse_conv_bn_eval(layer, norm, transpose=transposed)
            elif isinstance(norm, nn.BatchNorm1d):
                layers[place] = fusion.fuse_linear_bn_eval(layer, norm)
            else:
                continue
            layers[place + 1] = nn.Identity()
    return made


def write_files(body_part: TorchBodyPart, images: np.ndarray, output: Path, models: Path) -> tuple[Path, Path]:
    """Write weights and float (to ``output``) and int8 (to ``models``) files; images (n, 2, 64, 64) give the ranges."""
    float_path, int8_path = output / f"{MODEL_NAME}_float.tflite", models / f"{MODEL_NAME}.tflite"
    for folder in (models, output):
        folder.mkdir(parents=True, exist_ok=True)
    torch.save(body_part.state_dict(), output / "body_part.pt")
    export.to_tflite(Exported(folded(body_part)), torch.zeros(1, 2, SIDE, SIDE), float_path)
    step = max(1, len(images) // CALIBRATION_PAIRS)
    pairs = images[::step].transpose(0, 2, 3, 1).astype(np.float32)
    export.to_int8(float_path, int8_path, (np.ascontiguousarray(pair)[None] for pair in pairs))
    return float_path, int8_path


def write_card(
    paths: tuple[Path, Path], settings: FooderSettings, training: Mapping[str, Any], held_out: Mapping[str, np.ndarray]
) -> Model:
    """Write the card beside the int8 file and measure both forms on images (n, 2, 64, 64) by name of the split."""
    float_path, int8_path = paths
    metrics, difference = {}, {}
    both = {form: _opened(path) for form, path in (("float", float_path), ("int8", int8_path))}
    for split, images in held_out.items():
        errors = {form: np.mean([part(pair).errors for pair in images], axis=0) for form, part in both.items()}
        mean_image = float(np.mean((images - images.mean(axis=0)) ** 2))
        metrics[split] = {
            "pairs of images": len(images),
            "mean squared error, range-Doppler and micro range-Doppler": _rounded(errors["int8"]),
            "variance about the mean image, for comparison": round(mean_image, 5),
        }
        difference[split] = {form: _rounded(error) for form, error in errors.items()}
    card = {
        "name": MODEL_NAME,
        "file": int8_path.name,
        "sha256": export.sha256(int8_path),
        "task": "Encodes and decodes the range-Doppler and micro range-Doppler image of a face: the frozen features "
        "on which a person's one-class model (FOODER) is computed at enrolment.",
        "licence": "Apache-2.0",
        "source": "Trained by the faceedge authors on synthetic data; faceedge/training/fooder_network.py.",
        "input": "One pair of images (1, 64, 64, 2), int8; range bin, Doppler bin, then range-Doppler and micro "
        "range-Doppler of faceedge.radar.face_frames, 0 to 1 in dB, chirp bgt60_face_full_band.",
        "output": f"Ends of both encoders (1, {2 * settings.latent}), maps before the decoders' last layers as means "
        "over 8 x 8 pixels (1, 2048), both images as decoded (1, 64, 64, 2); int8.",
        "training": {**training, "seed": settings.seed, "recipe": dataclasses.asdict(settings)},
        "metrics": metrics,
        "float_against_int8": {**difference, "size_float_bytes": float_path.stat().st_size},
        "size_bytes": int8_path.stat().st_size,
        "time_ms": {
            "note": "median of one inference on one thread of a shared server core",
            "int8, ai-edge-litert": export.median_ms(int8_path, "ai-edge-litert"),
            "float, ai-edge-litert": export.median_ms(float_path, "ai-edge-litert"),
        },
        "limits": "Seen synthetic faces only, at 18 to 45 cm, with the chirp named. Its features are of a person and "
        "must not be stored. They tell whether it is still the same recording, not who it is on another day: "
        "docs/radar_networks.md has both figures.",
    }
    card_path = int8_path.with_suffix(".yaml")
    card_path.write_text(yaml.safe_dump(card, sort_keys=False, width=120), encoding="utf-8")
    return find_model(MODEL_NAME, int8_path.parent)


def _opened(path: Path) -> BodyPart:
    """The runtime on a file that has no card yet."""
    return BodyPart(Model(path, ModelCard(name=MODEL_NAME, file=path.name, sha256="", task="")))


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]
