"""What protection costs in accuracy: without it, with everybody's own key, and with the enrolled person's key known.

On a device that claims are made at, the probe is protected with the key of the claimed person, whoever stands there:
*stolen keys* is then the usual case and not an attack.
"""

from __future__ import annotations

import argparse

import numpy as np
from rows import Row
from templates_people import Population, mean_and_error, off_diagonal, populations, threshold_at

from faceedge.perception.templates.polyprotect import draw_key, protect, similarity
from faceedge.perception.verification import auroc

ROUNDS = 5
"""Draws of all keys; figures are means over them."""
FMR = 0.01


def scores(population: Population) -> dict[str, np.ndarray]:
    """(template, probe) cosines by protection; the diagonal is genuine."""
    enrolled, probes = population.enrolled, population.probes
    keys = [draw_key() for _ in enrolled]
    templates = np.stack([protect(vector, key) for vector, key in zip(enrolled, keys, strict=True)])
    own = np.stack([protect(vector, key) for vector, key in zip(probes, keys, strict=True)])
    return {
        "unprotected": enrolled @ probes.T,
        "own keys": np.stack([similarity(own, template) for template in templates]),
        "stolen keys": np.stack(
            [similarity(protect(probes, key), template) for key, template in zip(keys, templates, strict=True)]
        ),
    }


def figures(matrix: np.ndarray) -> dict[str, list[float]]:
    """AUROC of each person; EER and FNMR at FMR 1 % of all people, as lists of one."""
    genuine, impostor = np.diag(matrix), off_diagonal(matrix)
    each = [auroc(row[place : place + 1], np.delete(row, place)) for place, row in enumerate(matrix)]
    thresholds = np.sort(np.concatenate([genuine, impostor]))[:: max(1, len(impostor) // 4000)]
    misses = np.array([np.mean(genuine < value) for value in thresholds])
    false = np.array([np.mean(impostor >= value) for value in thresholds])
    eer = float((misses + false)[np.argmin(np.abs(misses - false))] / 2)
    return {"AUROC": each, "EER": [eer], "FNMR at FMR 1 %": [float(np.mean(genuine < threshold_at(impostor, FMR)))]}


def section(args: argparse.Namespace) -> list[Row]:
    """Of each population."""
    rows = []
    for population in populations(args):
        rounds = [{how: figures(matrix) for how, matrix in scores(population).items()} for _ in range(ROUNDS)]
        for how in rounds[0]:
            for figure in rounds[0][how]:
                value, interval = mean_and_error(np.mean([each[how][figure] for each in rounds], axis=0))
                note = interval if figure == "AUROC" else ""
                rows.append(Row(f"{population.name}: {figure}, {how}", value, "", note=note))
    return rows
