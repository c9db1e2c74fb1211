"""The event camera's expression stage: streams, state, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, ModelError
from faceedge.events.event import EVENT_DTYPE
from faceedge.inference.registry import Model, find_model

pytest.importorskip("numba", reason="representations need numba (extra: events)")

from faceedge.perception.event_expression import MODEL, SETTLE_STEPS, EventExpression
from faceedge.perception.event_input import LABELS, STEP_US

pytestmark = pytest.mark.models
SIDE = 320


def flicker(seed: int, seconds: float = 2.0, count: int = 60_000) -> np.ndarray:
    random = np.random.default_rng(seed)
    events = np.empty(count, EVENT_DTYPE)
    events["t"] = np.sort(random.integers(0, round(seconds * 1e6), count))
    events["x"], events["y"] = random.normal(160, 50, count).clip(0, 319), random.normal(160, 50, count).clip(0, 319)
    events["p"] = random.random(count) < 0.5
    return events


def other_card(model: Model, **changes: object) -> Model:
    entry = dict(model.card.extra["processing"]) | changes
    return Model(model.path, dataclasses.replace(model.card, extra={"processing": entry}))


def test_there_is_an_estimate_each_step_once_the_face_has_settled() -> None:
    stage, events = EventExpression(SIDE, SIDE), flicker(0)
    found = list(stage.push(events)) + list(stage.advance(2_100_000))
    steps = (2_100_000 - int(events["t"][0]) - STEP_US // 2) // STEP_US
    assert len(found) == steps - SETTLE_STEPS
    assert np.diff([estimate.time_us for estimate in found]).tolist() == [STEP_US] * (len(found) - 1)
    for estimate in found:
        assert estimate.probabilities.sum() == pytest.approx(1, abs=1e-5)
        best = LABELS[int(np.argmax(estimate.probabilities))]
        assert estimate.word == (best if estimate.confidence >= stage.threshold else "")


def test_how_events_are_cut_makes_no_difference() -> None:
    events = flicker(1)
    whole = list(EventExpression(SIDE, SIDE).push(events))
    stage = EventExpression(SIDE, SIDE)
    pieces = [estimate for part in np.array_split(events, 37) for estimate in stage.push(part)]
    assert len(whole) == len(pieces) > 10
    assert all(np.array_equal(one.probabilities, other.probabilities) for one, other in zip(whole, pieces, strict=True))


def test_after_a_reset_nothing_of_the_face_before_is_left() -> None:
    stage, events = EventExpression(SIDE, SIDE), flicker(2)
    first = [estimate.probabilities for estimate in stage.push(events)]
    list(stage.push(flicker(3)))
    stage.reset()
    again = [estimate.probabilities for estimate in stage.push(events)]
    assert np.array_equal(np.stack(first), np.stack(again))


def test_another_sensor_and_a_wrong_card_are_refused_with_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"made for a sensor of 320x320 pixels .* this one has 640x480"):
        EventExpression(640, 480)
    with pytest.raises(ConfigurationError, match=r"expected 0 to 1, got 1\.5"):
        EventExpression(SIDE, SIDE, threshold=1.5)
    model = find_model(MODEL)
    with pytest.raises(ModelError, match="must give sensor"):
        EventExpression(SIDE, SIDE, other_card(model, temperature="warm"))
    with pytest.raises(ModelError, match="expected one step of grids"):
        EventExpression(SIDE, SIDE, Model(find_model("radar_identity").path, model.card))


def test_a_burst_of_a_hundred_times_as_many_events_is_a_large_input_and_no_more() -> None:
    stage = EventExpression(SIDE, SIDE)
    list(stage.push(flicker(4)))
    burst = flicker(5, count=6_000_000)
    burst["t"] += 2_000_000
    found = list(stage.push(burst))
    assert len(found) > 30
    assert np.isfinite(np.stack([estimate.probabilities for estimate in found])).all()
