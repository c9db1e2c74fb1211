"""The shipped expression models beside the published file that they have to beat, on the same pictures.

.venv/cp311/bin/python benchmarks/expression_baseline.py FER2013/public_test.npz
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from faceedge.inference.registry import Model, find_model
from faceedge.perception.expression import ExpressionClassifier
from faceedge.perception.expression_networks import ExpressionNetwork
from faceedge.perception.metrics import Interval
from faceedge.training import fer2013

AS_PUBLISHED = [[1.0, 0.0, 0.0, False]]


def network(name: str, views: list[list[float | bool]] | None = None) -> ExpressionNetwork:
    """The network of a shipped model; ``views`` in place of those of its card."""
    model = find_model(name)
    if views is None:
        return ExpressionNetwork(model)
    extra = {**model.card.extra, "processing": {**model.card.extra["processing"], "views": views}}
    return ExpressionNetwork(Model(model.path, dataclasses.replace(model.card, extra=extra)))


def main() -> int:
    """Print accuracies with intervals, and the paired comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help=".npz with image (n, 48, 48), label, classes in FER2013's order")
    data = fer2013.load(parser.parse_args().data)
    networks = {
        "expression alone": network("expression"),
        "expression_fer with the views of its card": network("expression_fer"),
        "expression_fer as published, one view": network("expression_fer", AS_PUBLISHED),
    }
    right = {
        name: np.array([int(each.log_probabilities(image).argmax()) for image in data.images]) == data.labels
        for name, each in networks.items()
    }
    shipped = ExpressionClassifier(find_model("expression")).classify_crops(data.images).argmax(1) == data.labels
    right["shipped together"] = shipped
    for name, hits in right.items():
        share = Interval.of(int(hits.sum()), len(hits))
        print(f"{name}: {share.value:.4f} (95 %: {share.low:.4f} to {share.high:.4f}, n = {share.count})")
    published = right["expression_fer as published, one view"]
    ours, theirs = int((shipped & ~published).sum()), int((~shipped & published).sum())
    z = (ours - theirs) / np.sqrt(max(1, ours + theirs))
    print(f"only shipped right: {ours}, only the published file right: {theirs}, McNemar z = {z:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
