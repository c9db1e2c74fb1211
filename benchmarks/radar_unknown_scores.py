"""Why scores of a classifier that ask *is it any of the enrolled?* fall to chance, or below it, in a new session.

    python benchmarks/radar_unknown_scores.py ENROLLED [STRANGERS]

Trains the classifier of `faceedge evaluate radar` on the first sessions of the enrolled people and asks it about their
other sessions and about strangers. Without a second folder the last half of the people are the strangers. Needs torch.

Such scores do not depend on the claimed person, so that all people share one comparison: sessions of the enrolled
against those of strangers. The intervals are by bootstrap over both, people with all of their sessions together.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.datasets import load_folders
from faceedge.evaluation.radar.protocols import by_person, session_disjoint
from faceedge.perception.verification import auroc

NAMES = ("MSP", "MaxLogit", "Energy", "ODIN", "GradNorm")
DRAWS = 2000


def over_both(own: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> str:
    """AUROC of recordings in %, and its 95 % interval over people of either side.

    Args:
        own, others: of each person, the mean score of each recording.
    """
    rng = np.random.default_rng(0)

    def drawn(people: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([people[place] for place in rng.integers(0, len(people), len(people))])

    draws = [auroc(drawn(own), drawn(others)) for _ in range(DRAWS)]
    low, high = 100 * np.quantile(draws, (0.025, 0.975))
    return f"{100 * auroc(np.concatenate(own), np.concatenate(others)):.0f} ({low:.0f} to {high:.0f})"


def main() -> None:
    """Train, ask, compare."""
    from faceedge.training.baselines import SCORES, SharedClassifier

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("enrolled", type=Path)
    parser.add_argument("strangers", type=Path, nargs="?")
    args = parser.parse_args()
    data = load_folders(args.enrolled, args.strangers)
    if args.strangers is None:
        data = data.keep_unseen(len(by_person(data.enrolled)) // 2)
    enrolled, strangers = by_person(data.enrolled), by_person(data.strangers)
    protocol = session_disjoint(data.enrolled, data.strangers)
    trained = {person: {clip.session for clip in each.clips} for person, each in protocol.enrolled.items()}
    classifier = SharedClassifier(0, print)
    classifier.fit(protocol.enrolled)
    fresh = {
        person: [clip for clip in clips if clip.session not in trained[person]] for person, clips in enrolled.items()
    }
    right = [
        (classifier(clip).logits.argmax(axis=1) == place).mean()
        for place, person in enumerate(classifier.people)
        for clip in fresh[person]
    ]
    print(f"{data.description}; right in other sessions {100 * np.mean(right):.1f} %, chance {100 / len(enrolled):.1f}")
    distances = [[clip.facts.distance_m for clips in part.values() for clip in clips] for part in (fresh, strangers)]
    print(
        "mean distance {:.3f} m of the enrolled in other sessions, {:.3f} m of strangers".format(
            *map(np.mean, distances)
        )
    )
    for name in NAMES:

        def ask(clip: Clip, name: str = name) -> np.ndarray:
            return SCORES[name](classifier(clip), 0, classifier)

        learnt = np.concatenate([ask(clip) for each in protocol.enrolled.values() for clip in each.clips])
        unknown = np.concatenate([ask(clip) for clips in strangers.values() for clip in clips])
        own, others = (
            [np.array([ask(clip).mean() for clip in clips]) for clips in part.values()] for part in (fresh, strangers)
        )
        near = np.corrcoef(np.concatenate([*own, *others]), np.concatenate(distances))[0, 1]
        print(
            f"{name}: AUROC in %, frames it was trained on against strangers {100 * auroc(learnt, unknown):.0f}; other "
            f"sessions against strangers, recordings, {over_both(own, others)}; correlation with distance {near:.2f}"
        )


if __name__ == "__main__":
    main()
