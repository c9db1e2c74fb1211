"""Whether two protected templates tell that they are of one person.

M. Gomez-Barrero, J. Galbally, C. Rathgeb and C. Busch, "General Framework to Evaluate Unlinkability in Biometric
Template Protection Systems", IEEE Transactions on Information Forensics and Security 13(6), 2018; ISO/IEC 30136.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_BINS, FEWEST_BINS, SCORES_A_BIN = 100, 10, 10
SHUFFLES = 50


@dataclass(frozen=True, slots=True)
class Linkability:
    """Attributes:
    system: Dsys, 0 (no score tells anything) to 1 (each score tells).
    chance: what the same estimate gives where there is nothing to tell: its mean over shuffled labels. Histograms of
        few scores differ by chance, so Dsys is never 0.
    """

    system: float
    chance: float


def linkability(mated: np.ndarray, non_mated: np.ndarray, seed: int = 0) -> Linkability:
    """Dsys with equal priors.

    Args:
        mated: (n,) scores between templates of one person under different keys; a few hundred at least.
        non_mated: (m,) scores between templates of different people under different keys.
        seed: of the shuffles.
    """
    together = np.concatenate([mated, non_mated])
    rng = np.random.default_rng(seed)
    shuffled = []
    for _ in range(SHUFFLES):
        order = rng.permutation(together)
        shuffled.append(_system(order[: len(mated)], order[len(mated) :]))
    return Linkability(_system(mated, non_mated), float(np.mean(shuffled)))


def _system(mated: np.ndarray, non_mated: np.ndarray) -> float:
    count = int(np.clip(min(len(mated), len(non_mated)) // SCORES_A_BIN, FEWEST_BINS, MOST_BINS))
    both = np.concatenate([mated, non_mated])
    low, high = float(both.min()), float(both.max())
    if low == high:
        return 0.0
    edges = np.linspace(low, high, count + 1)
    same = np.histogram(mated, edges)[0] / len(mated)
    other = np.histogram(non_mated, edges)[0] / len(non_mated)
    share = same / np.maximum(same + other, np.finfo(float).tiny)  # chance of being mated, of a score in this bin
    return float(np.sum(same * np.maximum(2 * share - 1, 0)))
