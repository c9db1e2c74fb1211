"""Finishing FOODER's expression stage: export, calibrate on people kept for it, test on others, write the cards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import find_model
from faceedge.perception.expression_networks import softmax
from faceedge.perception.radar_expression import LEAVES
from faceedge.perception.radar_expression_images import MODELS, SIDE, leaf_log_probabilities
from faceedge.radar.chirp import ChirpSettings
from faceedge.training import export
from faceedge.training.calibration import fit_temperature, threshold_for
from faceedge.training.radar_expression_card import CHIRP_FACTS, WANTED_ACCURACY, figures, referenced, rest_means
from faceedge.training.radar_expression_data import PERIOD_S, REST
from faceedge.training.radar_expression_figures import act_samples, balanced, frame_samples
from faceedge.training.radar_expression_images import Networks
from faceedge.training.radar_expression_images_data import (
    LEVELS,
    STEP_FRAMES,
    ImageSession,
    delay_steps,
    places,
    stacks,
)
from faceedge.training.radar_expression_images_network import Exported

CALIBRATION = 200
REFERENCE_SHARE = 0.5
TASKS = ("dynamic (smile, shock) or static (neutral, anger)", "smile or shock", "neutral or anger")

Say = Callable[[str], None]


def write_models(
    networks: Networks, training: Sequence[ImageSession], work: Path
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The three float and the three int8 files, in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    torch.save(networks.state_dict(), work / "weights.pt")
    where = places(training, networks.moments)
    where = where.at(np.linspace(0, len(where.labels) - 1, CALIBRATION).astype(int))
    inputs = stacks(training, where, networks.moments).transpose(0, 2, 3, 1).astype(np.float32) / LEVELS
    sample = torch.zeros(1, 2 * networks.moments, SIDE, SIDE)
    made: dict[str, list[Path]] = {"float": [], "int8": []}
    for name, network in zip(MODELS, (networks.stage, networks.dynamic, networks.static), strict=True):
        paths = [work / f"{name}_{form}.tflite" for form in made]
        export.to_tflite(Exported(network).eval(), sample, paths[0])
        shorten_names(paths[0])
        export.to_int8(paths[0], paths[1], (x[None] for x in inputs))
        for form, path in zip(made, paths, strict=True):
            made[form].append(path)
    return tuple(made["float"]), tuple(made["int8"])


def shorten_names(path: Path) -> None:
    """Give the tensors of a file, other than its inputs and outputs, short names: the converter's are a quarter of
    the size of a small network.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as files

    model = files.read_model(str(path))
    for graph in model.subgraphs:
        kept = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if number not in kept:
                tensor.name = f"t{number}".encode()
    files.write_model(model, str(path))


def file_answers(paths: Sequence[Path], sessions: Sequence[ImageSession], moments: int) -> list[np.ndarray]:
    """(time, 4) log-probabilities of each session by files, nan where images are missing."""
    interpreters = [Interpreter(path) for path in paths]
    found = []
    for session in sessions:
        where = places([session], moments)
        values = np.full((len(session.labels), len(LEAVES)), np.nan)
        for row, frame in enumerate(where.frames):
            stack = stacks([session], where.at(np.array([row])), moments).transpose(0, 2, 3, 1)
            picture = np.ascontiguousarray(stack, np.float32) / LEVELS
            logits = [interpreter.run(picture)[0][0] for interpreter in interpreters]
            values[frame // STEP_FRAMES] = leaf_log_probabilities(*(np.log(softmax(each)) for each in logits))
        found.append(values)
    return found


def late(session: ImageSession, moments: int) -> ImageSession:
    """The session with labels as late as the networks answer; people of several data sets numbered apart."""
    delay = delay_steps(moments)
    labels = np.concatenate([np.full(delay, REST, np.int64), session.labels[:-delay]])
    return dataclasses.replace(session, labels=labels, person=1000 * session.data + session.person)


def scaled(values: Sequence[np.ndarray], temperature: float) -> list[np.ndarray]:
    """Log-probabilities at another temperature."""
    return [np.log(softmax(np.where(np.isfinite(v), v, 0) / temperature)) + 0 * v for v in values]


def processing(
    chirp: ChirpSettings, moments: int, sessions: Sequence[ImageSession], values: Sequence[np.ndarray]
) -> dict[str, Any]:
    """The first card's entry, with temperature, threshold and rest from people who were not learnt from."""
    moved = [late(session, moments) for session in sessions]
    samples = frame_samples(moved, values)
    temperature = fit_temperature(samples.values, samples.leaves)
    samples = frame_samples(moved, scaled(values, temperature))
    probabilities = softmax(samples.values)
    rest = np.mean(list(rest_means(moved, scaled(values, temperature)).values()), axis=0)
    facts: dict[str, Any] = {
        name: getattr(chirp, name) for name in (*CHIRP_FACTS, "chirps_per_frame", "frame_period_s")
    }
    facts["rx_antennas"] = len(chirp.rx_antennas)
    return {
        "moments": moments, "temperature": round(float(temperature), 3),
        "threshold": round(float(threshold_for(probabilities, samples.leaves, WANTED_ACCURACY)), 3),
        "rest": [round(float(value), 3) for value in rest], "reference_share": 0.0, "chirp": facts,
    }  # fmt: skip


def tested(entry: dict[str, Any], sessions: Sequence[ImageSession], values: Sequence[np.ndarray]) -> dict[str, Any]:
    """Figures of people who decided nothing."""
    moments = entry["moments"]
    moved = [late(session, moments) for session in sessions]
    values = scaled(values, entry["temperature"])
    delay_s = delay_steps(moments) * PERIOD_S
    corrected = referenced(moved, values, rest_means(moved, values), np.array(entry["rest"]), REFERENCE_SHARE)
    noisy = [balanced(act_samples(moved, values, 0.1, seed, delay_s)).mean for seed in range(10)]
    frames = frame_samples(moved, values)
    counts = np.bincount(frames.leaves, minlength=len(LEAVES))
    return {
        "frames": figures(frames, entry["threshold"])
        | {"always the commonest leaf, plain accuracy": round(float(counts.max() / counts.sum()), 3)},
        "acts": figures(act_samples(moved, values, delay_s=delay_s)),
        "acts, their start 10 % of their length wrong": round(float(np.mean(noisy)), 3),
        f"frames, with a neutral reference of another session, share {REFERENCE_SHARE}": figures(
            frame_samples(moved, corrected)
        ),
        "acts, with it": figures(act_samples(moved, corrected, delay_s=delay_s)),
        "the three decisions, frames": decisions(frames.values, frames.leaves),
    }


def decisions(values: np.ndarray, leaves: np.ndarray) -> dict[str, float]:
    """Balanced accuracy of each network alone, on the frames that are its own; chance is 0.5."""
    neutral, smile, shock, anger = range(len(LEAVES))
    dynamic = np.logaddexp(values[:, smile], values[:, shock]) - np.logaddexp(values[:, neutral], values[:, anger])

    def both(score: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
        return round(float((np.mean(score[yes] > 0) + np.mean(score[no] <= 0)) / 2), 3)

    is_dynamic = np.isin(leaves, (smile, shock))
    return {
        "dynamic or static": both(dynamic, is_dynamic, ~is_dynamic),
        "smile or shock": both(values[:, shock] - values[:, smile], leaves == shock, leaves == smile),
        "neutral or anger": both(values[:, anger] - values[:, neutral], leaves == anger, leaves == neutral),
    }


def write_cards(
    paths: Sequence[Path], float_paths: Sequence[Path], models: Path, entry: dict[str, Any], facts: dict[str, Any],
    metrics: dict[str, Any], against: dict[str, Any],
) -> None:  # fmt: skip
    """Copy the int8 files and write their cards; the first one carries calibration and figures of all three."""
    models.mkdir(parents=True, exist_ok=True)
    for name, task, path, float_path in zip(MODELS, TASKS, paths, float_paths, strict=True):
        target = models / f"{name}.tflite"
        target.write_bytes(path.read_bytes())
        first = name == MODELS[0]
        card: dict[str, Any] = {
            "name": name,
            "file": target.name,
            "sha256": export.sha256(target),
            "task": f"FOODER's expression stage, decision between {task}. What a face shows, not what is felt.",
            "licence": "Apache-2.0",
            "source": "Trained by the faceedge authors on synthetic people; "
            "faceedge/training/radar_expression_images.py.",
            "input": f"{entry['moments']} moments, 0.4 s apart, oldest first, of faceedge.radar.face_frames images "
            f"(1, {SIDE}, {SIDE}, {2 * entry['moments']}), 0 to 1, int8; the nearest 32 range bins are looked at.",
            "output": "Logits (1, 2), int8; " + task + ", in this order.",
        }
        if first:
            card["processing"] = entry
        card |= {
            "training": facts,
            "metrics": metrics if first else f"All three together: see {MODELS[0]}.yaml.",
            "float_against_int8": against if first else f"All three together: see {MODELS[0]}.yaml.",
            "size_bytes": target.stat().st_size,
            "time_ms": {
                "note": "network alone, one thread of a busy server, ai-edge-litert",
                "int8": export.median_ms(path, "ai-edge-litert", 100),
                "float": export.median_ms(float_path, "ai-edge-litert", 100),
            },
            "limits": "Synthetic people only; never tested on real ones. About half of the frames of strangers "
            "are read wrongly: it abstains often. Neutral and anger are hardly told apart. One chirp "
            "file, bgt60_face_full_band.",
        }
        (models / f"{name}.yaml").write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=120))
        find_model(name, models)
