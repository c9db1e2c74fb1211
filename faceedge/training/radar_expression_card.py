"""Finishing the radar's expression network: export, calibrate on people kept for it, test on others, write the card.

The test goes through `RadarExpression`, frame by frame as on a robot, so that what is reported is what runs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from faceedge.inference.registry import Model, ModelCard, find_model
from faceedge.perception.expression_networks import softmax
from faceedge.perception.metrics import calibration_error
from faceedge.perception.radar_expression import LEAVES, MODEL, RadarExpression
from faceedge.perception.radar_expression_features import BINS, CHANNELS
from faceedge.perception.verification import Spread
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import LOOK_CHIRPS, FaceFrame
from faceedge.radar.recordings import open_recording
from faceedge.training import export
from faceedge.training.calibration import fit_temperature, threshold_for
from faceedge.training.radar_expression_data import MARGIN_BINS, PERIOD_S, MotionSession
from faceedge.training.radar_expression_figures import (
    Labelled,
    Samples,
    act_samples,
    balanced,
    confusion,
    frame_samples,
    recalls,
)
from faceedge.training.radar_expression_network import Exported, MotionNetwork

WINDOW, HISTORY, DELAY, SPAN = 40, 100, 15, 1
"""Steps of 0.1 s: what the network sees, what levels are relative to, how late it answers (having seen 1.5 s of what
came after), and over how many steps it is averaged."""
WANTED_ACCURACY = 0.7
"""The abstention threshold is the lowest one at which so many answers are right on the choosing people."""
REFERENCE_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CHIRP_FACTS = ("start_frequency_hz", "end_frequency_hz", "samples_per_chirp", "sample_rate_hz", "chirp_period_s")

Say = Callable[[str], None]


def write_model(network: MotionNetwork, training: Sequence[MotionSession], work: Path) -> tuple[Path, Path]:
    """The float and the int8 file, in ``work``."""
    sample = torch.zeros(1, CHANNELS, WINDOW, BINS)
    float_path, int8_path = work / f"{MODEL}_float.tflite", work / f"{MODEL}_int8.tflite"
    export.to_tflite(Exported(network).eval(), sample, float_path)
    chosen = training[:: max(1, len(training) // 200)]
    inputs = [s.features[:1, 20 : 20 + WINDOW, MARGIN_BINS:-MARGIN_BINS].astype(np.float32) for s in chosen]
    export.to_int8(float_path, int8_path, inputs)
    return float_path, int8_path


def processing(chirp: ChirpSettings) -> dict[str, Any]:
    """The card's entry before anything is fitted."""
    facts: dict[str, Any] = {name: getattr(chirp, name) for name in CHIRP_FACTS}
    facts["rx_antennas"] = len(chirp.rx_antennas)
    return {
        "window": WINDOW, "history": HISTORY, "period_s": PERIOD_S, "delay": DELAY, "span": SPAN, "temperature": 1.0,
        "threshold": 0.0, "rest": [0.0] * len(LEAVES), "reference_share": 0.0, "chirp": facts,
    }  # fmt: skip


def with_processing(path: Path, entry: dict[str, Any]) -> Model:
    """A model that need not have a card on the disk yet."""
    return Model(path, ModelCard(MODEL, path.name, "-", "-", extra={"processing": entry}))


def streamed(model: Model, folder: Path, session: MotionSession) -> np.ndarray:
    """(time, 4) log-probabilities that `RadarExpression` gives at each look of a session, nan before the first."""
    path = folder / f"p{session.person:03}" / f"s{session.index}"
    recording = open_recording(path / "radar")
    stage = RadarExpression(recording.chirp, model, threshold=0.0)
    every = max(1, round(PERIOD_S / recording.chirp.frame_period_s))
    samples = np.load(path / "radar" / "radar.npy", mmap_mode="r")[:, :, :LOOK_CHIRPS].astype(np.float32)
    first, second = (half.mean(axis=2) for half in np.split(samples, 2, axis=2))
    found = np.full((len(session.labels), len(LEAVES)), np.nan)
    for k in range(len(samples)):
        frame = FaceFrame(k, 0, None, (first[k] + second[k]) / 2, 0.0, False, second[k] - first[k])
        estimate = stage.push(frame)
        if estimate is not None:
            found[k // every] = np.log(np.maximum(estimate.probabilities, 1e-9))
    return found


def late(session: MotionSession) -> MotionSession:
    """The session with labels as late as the network answers."""
    labels = np.concatenate([np.full(DELAY, -1, np.int64), session.labels[:-DELAY]])
    return dataclasses.replace(session, labels=labels)


def rest_means(sessions: Sequence[Labelled], values: Sequence[np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Mean log-probabilities (4,) of each session's frames between acts and in neutral acts."""
    found = {}
    for session, each in zip(sessions, values, strict=True):
        still = (session.labels <= 0) & np.isfinite(each).all(axis=1)
        if still.any():
            found[session.person, session.index] = each[still].mean(axis=0)
    return found


def referenced(
    sessions: Sequence[Labelled], values: Sequence[np.ndarray], means: dict[tuple[int, int], np.ndarray],
    rest: np.ndarray, share: float,
) -> list[np.ndarray]:  # fmt: skip
    """Values corrected by what the person's *other* sessions say at rest, which an enrolment would have."""
    corrected = []
    for session, each in zip(sessions, values, strict=True):
        others = [
            mean for (person, index), mean in means.items() if person == session.person and index != session.index
        ]
        shift = share * (np.mean(others, axis=0) - rest) if others else np.zeros(len(LEAVES))
        corrected.append(np.log(softmax(np.where(np.isfinite(each), each - shift, 0.0))) + 0 * each)
    return corrected


def figures(samples: Samples, threshold: float | None = None) -> dict[str, Any]:
    """Balanced accuracy with its interval, recalls, confusion; with a threshold also what is answered."""
    spread = balanced(samples)
    found: dict[str, Any] = {
        "balanced_accuracy": _rounded(spread),
        "chance": 0.25,
        "recall": {name: round(float(value), 3) for name, value in zip(LEAVES, recalls(samples), strict=True)},
        "confusion": confusion(samples).tolist(),
        "n": len(samples.leaves),
    }
    if threshold is not None:
        probabilities = softmax(samples.values)
        confidence, right = probabilities.max(axis=1), samples.values.argmax(axis=1) == samples.leaves
        given = confidence >= threshold
        found["answered"] = round(float(given.mean()), 3)
        found["right_among_answered"] = round(float(right[given].mean()), 3) if given.any() else None
        found["calibration_error"] = round(calibration_error(confidence, right), 3)
    return found


def _rounded(spread: Spread) -> dict[str, float | int]:
    return {"value": round(spread.mean, 3), "low": round(spread.low, 3), "high": round(spread.high, 3),
            "people": spread.people}  # fmt: skip


def calibrated(
    path: Path, entry: dict[str, Any], folder: Path, choosing: Sequence[MotionSession]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Temperature, reference and threshold from people who were not learnt from, and their figures."""
    moved = [late(session) for session in choosing]
    values = [streamed(with_processing(path, entry), folder, session) for session in choosing]
    samples = frame_samples(moved, values)
    temperature = fit_temperature(samples.values, samples.leaves)
    values = [np.log(softmax(np.where(np.isfinite(v), v, 0) / temperature)) + 0 * v for v in values]
    means = rest_means(moved, values)
    rest = np.mean(list(means.values()), axis=0)
    by_share = {
        share: balanced(frame_samples(moved, referenced(choosing, values, means, rest, share))).mean
        for share in REFERENCE_SHARES
    }
    share = max(by_share, key=lambda value: by_share[value])
    samples = frame_samples(moved, values)
    threshold = threshold_for(softmax(samples.values), samples.leaves, WANTED_ACCURACY)
    fitted = entry | {
        "temperature": round(temperature, 3), "threshold": round(threshold, 2),
        "rest": [round(float(value), 3) for value in rest], "reference_share": share,
    }  # fmt: skip
    found = figures(samples, threshold) | {
        "with_neutral_reference_by_share": {str(key): round(value, 3) for key, value in by_share.items()}
    }
    return fitted, found


def tested(path: Path, entry: dict[str, Any], folder: Path, sessions: Sequence[MotionSession]) -> dict[str, Any]:
    """Figures of people who decided nothing."""
    values = [streamed(with_processing(path, entry), folder, session) for session in sessions]
    moved = [late(session) for session in sessions]
    delay_s = DELAY * PERIOD_S
    rest, share = np.array(entry["rest"]), entry["reference_share"] or 0.5
    corrected = referenced(sessions, values, rest_means(moved, values), rest, share)
    noisy = [balanced(act_samples(sessions, values, 0.1, seed, delay_s)).mean for seed in range(10)]
    return {
        "frames": figures(frame_samples(moved, values), entry["threshold"]),
        "acts": figures(act_samples(sessions, values, delay_s=delay_s)),
        "acts, their start 10 % of their length wrong": round(float(np.mean(noisy)), 3),
        f"frames, with a neutral reference of other sessions, share {share}": figures(frame_samples(moved, corrected)),
        "acts, with it": figures(act_samples(sessions, corrected, delay_s=delay_s)),
    }


def finish(
    network: MotionNetwork, training: Sequence[MotionSession], choosing: Sequence[MotionSession],
    testing: Sequence[MotionSession], folder: Path, work: Path, models: Path, facts: dict[str, Any], say: Say = print,
) -> None:  # fmt: skip
    """Export, choose float or int8, calibrate, test, and write file and card."""
    work.mkdir(parents=True, exist_ok=True)
    paths = dict(zip(("float", "int8"), write_model(network, training, work), strict=True))
    chirp = open_recording(folder / f"p{testing[0].person:03}" / f"s{testing[0].index}" / "radar").chirp
    fitted, of_choosing, of_testing, times = {}, {}, {}, {}
    for name, path in paths.items():
        fitted[name], of_choosing[name] = calibrated(path, processing(chirp), folder, choosing)
        of_testing[name] = tested(path, fitted[name], folder, testing)
        times[name] = export.median_ms(path, "ai-edge-litert", 100)
        say(f"{name}: {json.dumps(of_testing[name]['frames'])} {times[name]} ms, {path.stat().st_size} bytes")
    value = {name: each["balanced_accuracy"]["value"] for name, each in of_choosing.items()}
    shipped = "int8" if value["int8"] >= value["float"] - 0.005 else "float"
    models.mkdir(parents=True, exist_ok=True)
    target = models / f"{MODEL}.tflite"
    target.write_bytes(paths[shipped].read_bytes())
    card = {
        "name": MODEL, "file": target.name, "sha256": export.sha256(target),
        "task": "What a face in front of a near-face radar shows: neutral, smile, shock or anger. Not what is felt.",
        "licence": "Apache-2.0",
        "source": "Trained by the faceedge authors on synthetic people; faceedge/training/radar_expression.py.",
        "input": f"Motion by range (1, {WINDOW}, {BINS}, {CHANNELS}): faceedge.perception.radar_expression_features",
        "output": f"Logits (1, {WINDOW}, 4) at each step: {', '.join(LEAVES)}.",
        "processing": fitted[shipped],
        "training": facts,
        "metrics": {"people 200 to 239, who chose": of_choosing[shipped],
                    "people 240 to 299, test, person-disjoint, synthetic": of_testing[shipped]},
        "float_against_int8": {
            "shipped": shipped, "why": "int8 where it loses at most 0.005 on the choosing people",
            "choosing people, frames": value,
            "test people, frames": {k: v["frames"]["balanced_accuracy"]["value"] for k, v in of_testing.items()},
            "size_bytes": {k: p.stat().st_size for k, p in paths.items()},
        },
        "size_bytes": target.stat().st_size,
        "time_ms": {"note": "network alone, one thread of a busy server, ai-edge-litert"} | times,
        "limits": "Synthetic people only; never tested on real ones. Wrong about more than every third act of a "
                  "stranger, worst about smiles: abstains often. Only the four expressions, by somebody who sits and "
                  "does not talk.",
    }  # fmt: skip
    (models / f"{MODEL}.yaml").write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=120))
    find_model(MODEL, models)
