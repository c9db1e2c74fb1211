"""What somebody finds out who has a template and its key: embeddings that would pass elsewhere for the person's.

An inverted embedding is compared, unprotected, with another session of the person, as by another system that he would
attack, at that system's thresholds. (On the device itself it always passes: it reproduces the template.)
"""

from __future__ import annotations

import argparse

import numpy as np
from rows import Row
from templates_people import mean_and_error, off_diagonal, populations, threshold_at

from faceedge.perception.templates.inversion import Prior, invert
from faceedge.perception.templates.polyprotect import draw_key, protect

STARTS = 3
FMRS = (0.05, 0.01)


def section(args: argparse.Namespace) -> list[Row]:
    """Of each population, with and without a prior."""
    rng = np.random.default_rng(args.seed)
    rows = []
    for population in populations(args):
        name, enrolled, probes = population.name, population.enrolled, population.probes
        attacked = min(args.attacked, len(enrolled))
        scores = enrolled @ probes.T
        limits = {share: threshold_at(off_diagonal(scores), share) for share in FMRS}
        for who, prior in {
            "no prior": Prior.ignorant(enrolled.shape[1]),
            "prior of other people": Prior.of(population.known),
        }.items():
            found, solved = [], 0
            for vector in enrolled[:attacked]:
                key = draw_key()
                inversion = invert([protect(vector, key)], [key], prior, STARTS, rng)
                found.append(inversion.embedding)
                solved += inversion.solved > 0
            near, interval = mean_and_error(np.sum(found * enrolled[:attacked], axis=1))
            rows.append(Row(f"{name}: cosine to the truth, {who}", near, "", note=interval))
            rows.append(Row(f"{name}: templates reproduced, {who}", 100 * solved / attacked, "%"))
            for share, limit in limits.items():
                passes = np.sum(found * probes[:attacked], axis=1) >= limit
                true = np.mean(np.diag(scores) >= limit)
                note = f"the person passes in {100 * true:.1f} %, others in {100 * share:g} %"
                passed = 100 * float(np.mean(passes))
                rows.append(Row(f"{name}: passes elsewhere at FMR {100 * share:g} %, {who}", passed, "%", note=note))
    return rows
