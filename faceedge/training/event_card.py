"""The shipped network of events: chosen by development people, calibrated on them, as a file with its card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from faceedge.errors import InputError
from faceedge.inference.registry import find_model
from faceedge.perception.event_expression import MODEL
from faceedge.perception.event_input import CELLS, LABELS, STEP_US
from faceedge.training import export
from faceedge.training.cs3d import C3D, GAIN, WIDTH, SpikingFace
from faceedge.training.event_data import clips, gather, read_sessions
from faceedge.training.event_energy import LayerCount, count
from faceedge.training.event_step import write_step
from faceedge.training.event_streams import Streamed, figures, streamed
from faceedge.training.event_study import Split, summary
from faceedge.training.event_training import all_grids, train_streams

NAME = "faceedge"
RIGHT_SHARES, LEAST_ANSWERED = (0.8, 0.7, 0.6, 0.5, 0.4), 0.05
"""The threshold is where so many of the answers of development people are right: the first share that leaves so many
steps an answer.
"""
SIMULATION = (
    "faceedge simulate basic --people 400 --sessions 1 --seconds 20 --sensors events --script basic "
    "--events-rate 200 --seed 600"
)
TEMPERATURES = np.geomspace(0.3, 5.0, 40)
ENERGY_CLIPS = 64


def ship(
    data: Path, out: Path, models: Path, split: Split, stream_epochs: int, command: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """Write ``event_expression.tflite`` and its card from the runs in ``out``; the card's entries.

    Args:
        stream_epochs: of whole recordings, after the clips.

    Raises:
        InputError: no run of ours lies there.
    """
    runs = [json.loads(path.read_text()) for path in sorted(out.glob(f"{NAME}_*.json"))]
    if not runs:
        raise InputError(f"{out}: no run of the network {NAME!r} lies here; train it first.")
    best = max(runs, key=lambda run: float(run["development"]["balanced"]["value"]))
    network = SpikingFace()
    network.load_state_dict(torch.load(out / f"{NAME}_{best['seed']}.pt"))
    training, development, test = split.of(read_sessions(data, say))

    def watch(network: SpikingFace) -> str:
        found = figures([streamed(network, session) for session in development], development)
        return f"development {found.balanced:.3f}, {found.decided:.2f} of the acts after {found.latency_s:.2f} s"

    if stream_epochs:
        train_streams(network, training, best["seed"], stream_epochs, say, watch)
    torch.save(network.state_dict(), out / "shipped.pt")
    choosing = [streamed(network, session) for session in development]
    temperature, threshold = calibrated(choosing)
    streams = [streamed(network, session) for session in test]
    path = models / f"{MODEL}.tflite"
    write_step(network, path)
    asked = clips(development, None)
    sample = gather(all_grids(development), asked.first[:ENERGY_CLIPS])
    ours, published, trained = count(network, sample), count(C3D(1.0)), count(C3D(WIDTH))
    entries = {
        "name": MODEL,
        "file": path.name,
        "sha256": export.sha256(path),
        "task": "What a face in front of an event camera shows, as a stream: one step of a spiking network.",
        "licence": "Apache-2.0",
        "source": "Trained by the faceedge authors on synthetic people; faceedge/training/cs3d.py.",
        "input": f"log(1 + events) of {STEP_US // 1000} ms (1, polarity, {CELLS}, {CELLS}), the last answer, and the "
        "potentials of three layers; float32.",
        "output": f"Logits before the gain (1, {len(LABELS)}): {', '.join(LABELS)}; the potentials.",
        "processing": {
            "sensor": [320, 320],
            "step_us": STEP_US,
            "gain": GAIN,
            "temperature": temperature,
            "threshold": threshold,
        },
        "training": {
            "data": f"Synthetic: {SIMULATION}; people 0 to {split.training - 1} learnt from, the next "
            f"{split.development} choose and calibrate, the last {split.test} test.",
            "terms": "None: nobody was recorded.",
            "command": command,
            "seed": best["seed"],
            "recipe": best["recipe"],
            "epochs of whole recordings after that": stream_epochs,
        },
        "metrics": {
            "clips of 0.8 s, test people, person-disjoint, synthetic, before the streams": best["test"],
            "as a stream, development people": rounded(dataclasses.asdict(figures(choosing, development))),
            "as a stream, test people": {**rounded(dataclasses.asdict(figures(streams, test))), **answered(
                streams, temperature, threshold)},
            "all networks, same clips": summary(out),
        },
        "energy_uj": {
            "note": "of a clip of 0.8 s by counting, 4.6 pJ a MAC and 0.9 pJ an addition; no measurement",
            "layers": [layer_entry(layer) for layer in ours],
            "all additions made": round(sum(layer.dense_uj for layer in ours), 2),
            "additions for spikes alone": round(sum(layer.event_driven_uj for layer in ours), 2),
            "C3D as published": round(sum(layer.dense_uj for layer in published), 1),
            f"C3D at {WIDTH:g} of its width, as trained": round(sum(layer.dense_uj for layer in trained), 1),
        },
        "float_against_int8": "Float alone: potentials lose their small decays in int8, and a step takes no time.",
        "size_bytes": path.stat().st_size,
        "time_ms": {"note": "one step, one thread of a busy server", "float": export.median_ms(path, "auto")},
        "limits": "Synthetic people and a synthetic sensor, one face that fills most of the picture and sits still; "
        "never tested on real ones. Knows no absence of a face. Right about every second act.",
    }  # fmt: skip
    (models / f"{MODEL}.yaml").write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=120))
    find_model(MODEL, models)
    return entries


def layer_entry(layer: LayerCount) -> dict[str, Any]:
    """One line of the table of layers."""
    return {
        "layer": layer.name, "parameters": layer.parameters, "MACs": layer.macs, "ACs": layer.acs,
        "spike rate of the input": round(layer.spikes, 4), "uJ": round(layer.dense_uj, 3),
        "uJ for spikes alone": round(layer.event_driven_uj, 3),
    }  # fmt: skip


def calibrated(streams: Sequence[Streamed]) -> tuple[float, float]:
    """Temperature of the least cross-entropy, and the threshold; 1 where no share of `RIGHT_SHARES` can be had."""
    answers, labels = _asked(streams)
    losses = []
    for temperature in TEMPERATURES:
        scaled = answers / temperature
        scaled = scaled - scaled.max(1, keepdims=True)
        chosen = scaled[np.arange(len(labels)), labels]
        losses.append(float(np.mean(np.log(np.exp(scaled).sum(1)) - chosen)))
    temperature = float(TEMPERATURES[int(np.argmin(losses))])
    confidence, right = _confidence(answers, labels, temperature)
    order = np.argsort(-confidence)
    shares = np.cumsum(right[order]) / (1 + np.arange(len(order)))
    for share in RIGHT_SHARES:
        enough = np.flatnonzero(shares >= share)
        if len(enough) and enough[-1] >= LEAST_ANSWERED * len(order):
            return round(temperature, 4), round(float(confidence[order[enough[-1]]]), 2)
    return round(temperature, 4), 1.0


def answered(streams: Sequence[Streamed], temperature: float, threshold: float) -> dict[str, Any]:
    """Share of steps that get an answer, share of right ones of these, and the calibration error in ten bins."""
    confidence, right = _confidence(*_asked(streams), temperature)
    given = confidence >= threshold
    bins = np.minimum((10 * confidence).astype(int), 9)
    error = sum(
        abs(float(right[bins == b].mean()) - float(confidence[bins == b].mean())) * float(np.mean(bins == b))
        for b in range(10) if np.any(bins == b)
    )  # fmt: skip
    return rounded({
        "answered": float(given.mean()),
        "right_among_answered": float(right[given].mean()) if given.any() else float("nan"),
        "calibration_error": error,
    })  # fmt: skip


def rounded(values: dict[str, float]) -> dict[str, float]:
    """To four digits behind the point."""
    return {name: round(float(value), 4) for name, value in values.items()}


def _asked(streams: Sequence[Streamed]) -> tuple[np.ndarray, np.ndarray]:
    answers = np.concatenate([stream.answers[stream.labels >= 0] for stream in streams]).astype(np.float64)
    return answers, np.concatenate([stream.labels[stream.labels >= 0] for stream in streams])


def _confidence(answers: np.ndarray, labels: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    scaled = np.exp((answers - answers.max(1, keepdims=True)) / temperature)
    return np.asarray(scaled.max(1) / scaled.sum(1)), np.asarray(answers.argmax(1) == labels)
