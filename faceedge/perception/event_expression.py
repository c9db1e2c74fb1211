"""What the face in front of an event camera shows, step by step, by a spiking network whose memory is all there is.

Events become voxel grids of `STEP_US`, each grid one step of the network: its potentials go in and come out, so that
time and memory for a step are always the same. Below the card's threshold the answer is "", an abstention.

An expression is what a face shows, not what a person feels; inferring emotions is regulated and off by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError, ModelError
from faceedge.events.representation import Geometry, VoxelStream
from faceedge.inference.interpreter import Interpreter
from faceedge.inference.registry import Model, find_model
from faceedge.perception.event_input import CELLS, LABELS, STEP_US, as_input
from faceedge.perception.expression_networks import softmax

MODEL = "event_expression"
SETTLE_STEPS = 10
"""After a reset the first answers are of a face that has just appeared, and are not given."""


@dataclass(frozen=True, slots=True)
class EventExpressionEstimate:
    """What a face shows now.

    Attributes:
        word: one of `LABELS`, or "" when the network cannot tell.
        confidence: calibrated probability of the most likely label, also when it abstains.
        probabilities: (label,) float32 in the order of `LABELS`.
        time_us: end of the step, on the events' clock.
    """

    word: str
    confidence: float
    probabilities: np.ndarray
    time_us: int


class EventExpression:
    """The expression of the face in front of one event camera.

    Args:
        width, height: of the sensor.
        model: the verified model; None takes the one that ships.
        threshold: abstain below this confidence; None takes the card's.

    Attributes:
        stream: of the grids; counts what lay outside the sensor or came late.

    Raises:
        ConfigurationError: the model was made for another sensor, or the threshold is not within 0 to 1.
        ModelError: the model's file or card does not fit.
    """

    def __init__(self, width: int, height: int, model: Model | None = None, threshold: float | None = None) -> None:
        self.model = find_model(MODEL) if model is None else model
        try:
            entry = self.model.card.extra["processing"]
            sensor, step_us = tuple(entry["sensor"]), int(entry["step_us"])
            self._scale = float(entry["gain"]) / float(entry["temperature"])
            self.threshold = float(entry["threshold"]) if threshold is None else threshold
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.model.path}: its card must give sensor, step_us, gain, temperature and threshold under "
                f"processing; {error!r}"
            ) from error
        if sensor != (width, height) or step_us != STEP_US:
            raise ConfigurationError(
                f"the event expression model was made for a sensor of {sensor[0]}x{sensor[1]} pixels and steps of "
                f"{step_us} us, this one has {width}x{height} and {STEP_US}; use a GenX320, or train another model."
            )
        if not 0.0 <= self.threshold <= 1.0:
            raise ConfigurationError(f"event expression threshold: expected 0 to 1, got {self.threshold}.")
        self._interpreter = Interpreter(self.model.path)
        shapes, state = self._interpreter.input_shapes, self._interpreter.input_shapes[1:]
        if shapes[:2] != [(1, 2, CELLS, CELLS), (1, len(LABELS))] or self._interpreter.output_shapes != state:
            raise ModelError(f"{self.model.path}: expected one step of grids with its state, got inputs {shapes}.")
        self._start = [np.zeros(shape, np.float32) for shape in state]
        self.stream = VoxelStream(Geometry(width, height, CELLS, CELLS), STEP_US)
        self.reset()

    def reset(self) -> None:
        """Forget all events: somebody else may sit there now."""
        self._state, self._steps = self._start, 0
        self.stream.reset()

    def push(self, events: np.ndarray) -> Iterator[EventExpressionEstimate]:
        """The estimates that these events complete.

        Args:
            events: (n,) of `faceedge.events.event.EVENT_DTYPE`.
        """
        for grid in self.stream.push(events):
            yield from self._step(grid)

    def advance(self, now_us: int) -> Iterator[EventExpressionEstimate]:
        """The estimates up to a time, without further events."""
        for grid in self.stream.advance(now_us):
            yield from self._step(grid)

    def _step(self, grid: np.ndarray) -> Iterator[EventExpressionEstimate]:
        self._state = self._interpreter.run(as_input(grid)[np.newaxis], *self._state)
        self._steps += 1
        if self._steps > SETTLE_STEPS:
            yield self._estimate()

    def _estimate(self) -> EventExpressionEstimate:
        probabilities = np.asarray(softmax(self._scale * self._state[0][0].astype(np.float64)), np.float32)
        best = int(np.argmax(probabilities))
        confidence = float(probabilities[best])
        word = LABELS[best] if confidence >= self.threshold else ""
        return EventExpressionEstimate(word, confidence, probabilities, self.stream.complete_us)
