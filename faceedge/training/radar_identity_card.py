"""Figures of a model of identity, its TFLite file and its card."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from faceedge.perception.identity.embedding import NAME, chirp_facts
from faceedge.perception.identity.window_statistics import FEATURES
from faceedge.perception.verification import Spread, auroc, fpr_at_tpr
from faceedge.radar.chirp import ChirpSettings
from faceedge.training import export
from faceedge.training.radar_identity import CLIP, SIZE, LinearModel, Windows

SIMULATION = (
    "faceedge simulate {folder} --people {people} --sessions 4 --seconds 10 --sensors radar --chirp bgt60_face_looks "
    "--seed {seed}"
)
FOLDER, PEOPLE, SEED = "looks", 300, 100
"""Of the first data set; the next is `looks2` with the next seed."""


class Network(nn.Module):
    """`LinearModel` as torch has it."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1 / model.spread, dtype=torch.float32))
        self.shift = nn.Parameter(torch.tensor(-model.mean / model.spread, dtype=torch.float32))
        self.linear = nn.Linear(*model.matrix.shape)
        self.linear.weight.data = torch.tensor(model.matrix.T.copy(), dtype=torch.float32)
        self.linear.bias.data = torch.tensor(model.bias, dtype=torch.float32)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(1, feature) to (1, 1 + d)"""
        return self.linear(torch.clamp(features * self.scale + self.shift, -CLIP, CLIP))


def write_file(model: LinearModel, path: Path) -> None:
    """The float TFLite file."""
    import litert_torch

    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):
        litert_torch.convert(Network(model).eval(), (torch.zeros(1, FEATURES),)).export(str(path))


def figures(vectors: np.ndarray, enrolled: tuple[int, ...] | None = None) -> dict[str, Any]:
    """AUROC, FPR95 and equal error rate over people, each session in turn the probe, all other people impostors.

    Args:
        vectors: (person, session, window, d) of length 1.
        enrolled: how many of the other sessions enrol, as a tuple of their number alone; None: all of them.
    """
    people, sessions, windows, size = vectors.shape
    areas, rates = np.zeros((people, sessions)), np.zeros((people, sessions))
    same, other = [], []
    for probe in range(sessions):
        rest = [session for session in range(sessions) if session != probe][: enrolled[0] if enrolled else None]
        templates = vectors[:, rest].mean(axis=(1, 2))
        templates /= np.linalg.norm(templates, axis=-1, keepdims=True)
        scores = (templates @ vectors[:, probe].reshape(-1, size).T).reshape(people, people, windows)
        for person in range(people):
            genuine, impostor = scores[person, person], np.delete(scores[person], person, axis=0).ravel()
            areas[person, probe], rates[person, probe] = auroc(genuine, impostor), fpr_at_tpr(genuine, impostor)
            same.append(genuine)
            other.append(impostor)
    pooled, strangers = np.concatenate(same), np.concatenate(other)
    return {
        "AUROC": _entry(Spread.of(areas.mean(axis=1))),
        "AUROC, one threshold for all": round(auroc(pooled, strangers), 4),
        "FPR95, one threshold for all": round(fpr_at_tpr(pooled, strangers), 4),
        "equal error rate, one threshold for all": round(equal_error(pooled, strangers), 4),
        "FNMR at FMR 1 %, one threshold for all": round(float(np.mean(pooled < np.quantile(strangers, 0.99))), 4),
        "chance": 0.5,
    }


def equal_error(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Rate at which as many genuine ones are refused as impostors are accepted."""
    thresholds = np.sort(genuine)
    refused = np.arange(len(thresholds)) / len(thresholds)
    accepted = 1 - np.searchsorted(np.sort(impostor), thresholds) / len(impostor)
    place = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[place] + accepted[place]) / 2)


def write_card(path: Path, chirp: ChirpSettings, people: list[int], metrics: dict[str, Any]) -> None:
    """Beside the file ``path``; ``people`` of the fit from the first data set, then of each further one."""
    first = SIMULATION.format(folder=FOLDER, people=PEOPLE, seed=SEED)
    data, command = (
        f"Synthetic: {first}; the first {people[0]} people.",
        f"faceedge train radar-identity --data {FOLDER}",
    )
    for place, further in enumerate(people[1:], 1):
        folder = f"{FOLDER}{place + 1}"
        data += f" And {further} people of: {SIMULATION.format(folder=folder, people=further, seed=SEED + place)}."
        command += f"{' --more' if place == 1 else ''} {folder}"
    card = {
        "name": NAME,
        "file": path.name,
        "sha256": export.sha256(path),
        "task": "Who is in front of a near-face radar: a vector whose cosine to that of another session tells the same "
        "person from others.",
        "licence": "Apache-2.0",
        "source": "Computed by the faceedge authors from synthetic people; faceedge/training/radar_identity.py.",
        "input": f"Statistics of a window of looks (1, {FEATURES}), float32; "
        "faceedge/perception/identity/window_statistics.py.",
        "output": f"(1, {1 + SIZE}) float32: by how many m the face begins farther away, then the embedding, not of "
        "length 1 yet.",
        "chirp": chirp_facts(chirp),
        "training": {
            "data": data,
            "terms": "None: nobody was recorded.",
            "command": command,
            "seed": 0,
        },
        "metrics": metrics,
        "float_against_int8": "Float alone; int8 was not made or measured.",
        "size_bytes": path.stat().st_size,
        "time_ms": {
            "note": "one run on one core; three are made for an embedding",
            "float": export.median_ms(path, "auto"),
        },
        "limits": "Synthetic people and a synthetic radar; never tested on real ones. Does not tell people apart well "
        "enough to open anything: see the figures. Another chirp, radar or place of mounting needs another model.",
    }
    path.with_suffix(".yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=120, allow_unicode=True))


def measure(model: LinearModel, by_window: dict[str, Windows], people: slice) -> dict[str, Any]:
    """Figures of these people by length of window; what enrols has the same length."""
    return {length: figures(model.embed(windows.of(people))) for length, windows in by_window.items()}


def _entry(spread: Spread) -> dict[str, float]:
    return {
        "value": round(spread.mean, 4),
        "low": round(spread.low, 4),
        "high": round(spread.high, 4),
        "n": spread.people,
    }
