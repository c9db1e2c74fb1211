"""Every network of events with several seeds on one data set, resumable: what is done is not done again."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceedge.errors import ConfigurationError
from faceedge.perception.event_input import LABELS
from faceedge.training.cs3d import NETWORKS
from faceedge.training.event_data import Session, read_sessions
from faceedge.training.event_training import Recipe, Score, score, train

LEARNING_RATES = {"faceedge": 6e-3}
"""Where it is not the recipe's; chosen by development people (15 epochs: 0.45 with it, 0.39 with 2e-3)."""


@dataclass(frozen=True, slots=True)
class Split:
    """People of a data set from 0 on: the first learn, the next choose, the last test."""

    training: int
    development: int
    test: int

    def of(self, sessions: Sequence[Session]) -> tuple[list[Session], list[Session], list[Session]]:
        """Sessions of training, development and test people.

        Raises:
            ConfigurationError: a part has no session.
        """
        borders = np.cumsum([0, self.training, self.development, self.test])
        parts = [
            [session for session in sessions if first <= session.person < last]
            for first, last in itertools.pairwise(borders)
        ]
        if not all(parts):
            raise ConfigurationError(
                f"expected people 0 to {borders[-1] - 1} in the data set, found {len(sessions)} sessions; simulate "
                "more, or give other numbers with --people."
            )
        return parts[0], parts[1], parts[2]


def study(
    data: Path, out: Path, networks: Sequence[str], seeds: Sequence[int], split: Split, recipe: Recipe,
    say: Callable[[str], None], learning_rate: float | None = None,
) -> None:  # fmt: skip
    """Train what is missing in ``out``: ``<network>_<seed>.pt`` and ``.json`` with its scores.

    Args:
        learning_rate: of all networks; None: `LEARNING_RATES`, or the recipe's.
    """
    out.mkdir(parents=True, exist_ok=True)
    training, development, test = split.of(read_sessions(data, say))
    for seed in seeds:
        for name in networks:
            place = out / f"{name}_{seed}"
            if place.with_suffix(".json").exists():
                continue
            say(f"{name}, seed {seed}")
            began = time.monotonic()

            def watch(network: torch.nn.Module, began: float = began) -> str:
                found = score(network, development)
                return f"development {found.balanced:.3f} {time.monotonic() - began:.0f} s"

            rate = LEARNING_RATES.get(name, recipe.learning_rate) if learning_rate is None else learning_rate
            own = dataclasses.replace(recipe, learning_rate=rate)
            network = train(NETWORKS[name], training, seed, own, say, watch)
            torch.save(network.state_dict(), place.with_suffix(".pt"))
            facts: dict[str, Any] = {
                "network": name,
                "seed": seed,
                "seconds": round(time.monotonic() - began),
                "parameters": sum(parameter.numel() for parameter in network.parameters()),
                "recipe": dataclasses.asdict(own),
                "split": dataclasses.asdict(split),
                "development": as_facts(score(network, development)),
                "test": as_facts(score(network, test)),
            }
            partial = place.with_suffix(".partial")
            partial.write_text(json.dumps(facts, indent=1))
            partial.replace(place.with_suffix(".json"))


def as_facts(found: Score) -> dict[str, Any]:
    """Figures of a score, with intervals over people of the balanced accuracy."""
    spread = balanced_spread(found)
    return {
        "balanced": {"value": round(found.balanced, 4), "low": round(spread[0], 4), "high": round(spread[1], 4)},
        "macro F1": round(found.macro_f1, 4),
        "recall": found.recall,
        "clips": len(found.clips.labels),
        "people": len(np.unique(found.clips.people)),
        "majority": round(float(np.bincount(found.clips.labels).max() / len(found.clips.labels)), 4),
        "chance": 1 / len(LABELS),
    }


def balanced_spread(found: Score, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the balanced accuracy by bootstrap over people."""
    right = found.answers.argmax(1) == found.clips.labels
    people = np.unique(found.clips.people, return_inverse=True)[1]
    table = np.zeros((people.max() + 1, 2, len(LABELS)))
    np.add.at(table[:, 0], (people, found.clips.labels), right)
    np.add.at(table[:, 1], (people, found.clips.labels), 1)
    picks = np.random.default_rng(0).integers(0, len(table), (draws, len(table)))
    sums = table[picks].sum(1)
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile(np.nanmean(sums[:, 0] / sums[:, 1], axis=1), (2.5, 97.5))
    return float(low), float(high)


def summary(out: Path) -> list[dict[str, Any]]:
    """Of each network: mean and spread over seeds of what lies in ``out``."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(out.glob("*.json")):
        facts = json.loads(path.read_text())
        found.setdefault(facts["network"], []).append(facts)
    rows = []
    for name, runs in found.items():
        row: dict[str, Any] = {"network": name, "seeds": len(runs), "parameters": runs[0]["parameters"]}
        for part in ("development", "test"):
            values = [run[part]["balanced"]["value"] for run in runs]
            row[part] = {
                "balanced": round(float(np.mean(values)), 4),
                "from": min(values),
                "to": max(values),
                "macro F1": round(float(np.mean([run[part]["macro F1"] for run in runs])), 4),
            }
        rows.append(row)
    return rows
