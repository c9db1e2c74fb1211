"""How templates of one person under several known keys add up: the reason for a limit on issuing them."""

from __future__ import annotations

import argparse

import numpy as np
from rows import Row
from templates_people import SIZE, mean_and_error, off_diagonal, populations, threshold_at, unit

from faceedge.perception.templates.inversion import Prior, invert
from faceedge.perception.templates.polyprotect import draw_key, protect

COPIES = (1, 2, 3, 4, 6, 8)
STARTS = 2
FMR = 0.01
PEOPLE = 30


def section(args: argparse.Namespace) -> list[Row]:
    """Of each population: copies of one embedding, with a prior of other people."""
    rng = np.random.default_rng(args.seed)
    rows = []
    for population in populations(args):
        if population.known.shape[1] > SIZE:  # one copy is enough there, see the section inversion
            continue
        enrolled, probes = population.enrolled, population.probes
        limit = threshold_at(off_diagonal(enrolled @ probes.T), FMR)
        prior = Prior.of(population.known)
        people = min(PEOPLE, len(enrolled))
        for copies in COPIES:
            found = []
            for vector in enrolled[:people]:
                keys = [draw_key() for _ in range(copies)]
                found.append(invert([protect(vector, key) for key in keys], keys, prior, STARTS, rng).embedding)
            near, interval = mean_and_error(np.sum(unit(np.array(found)) * enrolled[:people], axis=1))
            passed = 100 * float(np.mean(np.sum(found * probes[:people], axis=1) >= limit))
            note = f"{interval}; {passed:.0f} % pass elsewhere at FMR 1 %"
            rows.append(Row(f"{population.name}: cosine to the truth, {copies} copies", near, "", note=note))
    return rows
