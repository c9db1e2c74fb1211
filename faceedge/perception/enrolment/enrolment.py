"""One person's enrolment with a near-face radar, from the first frame to a protected template; nothing is written.

A sitting is what happens between sitting down and standing up. Templates and thresholds come from different sittings
(`threshold`), so there are at least two. Between two of them the person stands up and goes away, and the radar sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.inference.registry import Model
from faceedge.perception.enrolment.consent import Consent
from faceedge.perception.enrolment.duplicates import USUAL
from faceedge.perception.enrolment.guidance import STEPS, Coverage, CoverageMeter, Guide, Step
from faceedge.perception.enrolment.quality import Quality
from faceedge.perception.enrolment.sight import Watch
from faceedge.perception.enrolment.threshold import ACCEPT, LEAST_VALUE, Threshold, held_out_count, threshold_of
from faceedge.perception.templates.polyprotect import Key, draw_key, protect, similarity
from faceedge.perception.templates.template import ChirpFingerprint, Template
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.face_frames import FaceFrame

ABSENT_S = 2.0
"""Nobody was seen for so long: the person has stood up."""
PATIENCE_S = 60.0
"""Longest that a sitting waits for somebody to sit down, or to stand up."""


class Embedded(Protocol):
    """What an embedder gives for a window of looks."""

    @property
    def vector(self) -> np.ndarray:
        """(d,) float32 of length 1."""


class Embedder(Protocol):
    """What turns looks into embeddings, such as `faceedge.perception.identity.embedding.IdentityEmbedder`."""

    chirp: ChirpSettings
    model: Model

    def push(self, look: np.ndarray, stamp_ns: int) -> Embedded | None:
        """The embedding of the window that this look completes, if it does."""

    def reset(self) -> None:
        """Forget the looks so far."""


class Phase(StrEnum):
    """Where an enrolment stands."""

    WAITING = "waiting"
    CAPTURING = "capturing"
    LEAVING = "leaving"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EnrolmentSettings:
    """How much is asked for.

    Attributes:
        sittings: how many; the last third (at least one) sets the threshold.
        least_s: of good frames in each.
        accept: share of the held-out decisions that the threshold accepts.
        steps: of the guided capture; empty: a sitting lasts until `Enrolment.end_sitting`, as recordings do.
        leave: whether the person has to stand up between two sittings. Without it the threshold is too optimistic.
        least_threshold: a lower one is a failure, see `threshold.LEAST_VALUE`; -1 takes any.
    """

    sittings: int = 3
    least_s: float = 8.0
    accept: float = ACCEPT
    steps: tuple[Step, ...] = STEPS
    leave: bool = True
    least_threshold: float = LEAST_VALUE

    def check(self) -> None:
        """Raise ConfigurationError for a value that is out of its range."""
        for name, value, low, high in (
            ("sittings", self.sittings, 2, 20),
            ("least_s", self.least_s, 5.0, 600.0),
            ("accept", self.accept, 0.5, 1.0),
            ("least_threshold", self.least_threshold, -1.0, 1.0),
        ):
            if not low <= value <= high:
                raise ConfigurationError(f"{name} is {value}, expected {low:g} to {high:g}.")


@dataclass(frozen=True, slots=True)
class Progress:
    """After a frame.

    Attributes:
        phase: where the enrolment stands.
        say: what the person is to do, or what is wrong.
        problem: what is wrong with this frame; empty: nothing.
        sitting, sittings: the current one from 1, and how many there are to be.
        step: name of the current step; empty: none.
        step_share: how far it is, 0 to 1.
        coverage: of the current sitting.
        range_m: of the person; NaN: nobody.
    """

    phase: Phase
    say: str
    problem: str
    sitting: int
    sittings: int
    step: str
    step_share: float
    coverage: Coverage
    range_m: float


@dataclass(frozen=True, slots=True)
class Sitting:
    """What one sitting gave; in memory only.

    Attributes:
        embeddings: (n, d) float32 of length 1.
        coverage, quality: what was seen, and how well.
    """

    embeddings: np.ndarray = field(repr=False)
    coverage: Coverage
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class EnrolmentResult:
    """What is stored of a person, and what is said of it.

    Attributes:
        protected: (k,) float32, under ``key``.
        key: of the person; stored apart from the template.
        threshold: with what it rests on.
        coverage: of all sittings together.
        sittings: how many.
        notes: what is thin, as sentences.
        chirp: of the radar.
        model_sha256: of the embedder's model.
    """

    protected: np.ndarray = field(repr=False)
    key: Key
    threshold: Threshold
    coverage: Coverage
    sittings: int
    notes: tuple[str, ...]
    chirp: ChirpSettings
    model_sha256: str

    def template(self, name: str, application: str, consent: Consent, now: datetime | None = None) -> Template:
        """What a vault stores.

        Args:
            name, application: whose it is, and what for.
            consent: of that person.
            now: with a time zone; None: the system's clock.

        Raises:
            InputError: no possible name, or the consent is another person's.
        """
        if consent.person != name:
            raise InputError(f"the consent is {consent.person}'s, the template {name}'s; ask {name}.")
        statistics = {
            "sittings": float(self.sittings),
            "held_out_sittings": float(self.threshold.sittings),
            "held_out_decisions": float(self.threshold.decisions),
            USUAL: self.threshold.usual,
            "held_out_accepted": self.threshold.accepted,
            "seconds": self.coverage.seconds,
            "looks": float(self.coverage.looks),
        }
        return Template(
            name,
            application,
            self.protected,
            self.threshold.value,
            ChirpFingerprint.of(self.chirp),
            self.model_sha256,
            now or datetime.now(UTC),
            consent.as_dict(),
            statistics,
        )


class Enrolment:
    """Takes the frames of one radar, in the order in which they come, until there is enough for a template.

    Args:
        chirp: of the radar.
        embedder: for this chirp; its state is reset here.
        settings: how much is asked for.

    Attributes:
        sittings: that are complete; in memory only.

    Raises:
        ConfigurationError: a setting is out of its range.
    """

    def __init__(
        self,
        chirp: ChirpSettings,
        embedder: Embedder,
        settings: EnrolmentSettings | None = None,
    ) -> None:
        self.chirp, self.settings = chirp, settings or EnrolmentSettings()
        self.settings.check()
        self._embedder = embedder
        self._watch = Watch(chirp)
        self._whole = CoverageMeter(chirp.frame_period_s)
        self.sittings: list[Sitting] = []
        self.phase = Phase.WAITING
        self.reason = ""
        """Why it failed, as a sentence; empty: it did not."""
        self._left = True
        self._seated_always = False
        self._begin()

    def _begin(self) -> None:
        """A new sitting."""
        self._embedder.reset()
        self._embeddings: list[np.ndarray] = []
        self._quality = Quality()
        self._meter = CoverageMeter(self.chirp.frame_period_s)
        self._guide = Guide(self.settings.steps, self.chirp.frame_period_s) if self.settings.steps else None
        self._waited_s = self._absent_s = 0.0

    @property
    def sitting(self) -> int:
        """The current one, from 1."""
        return min(len(self.sittings) + 1, self.settings.sittings)

    def push(self, frame: FaceFrame) -> Progress:
        """Take the next frame.

        Raises:
            InputError: the frame's look has another shape than the chirp.
        """
        sight = self._watch.push(frame.look, frame.stamp_ns)
        problem = ""
        if self.phase in (Phase.WAITING, Phase.LEAVING):
            self._wait(sight.present)
        elif self.phase is Phase.CAPTURING:
            judgement = self._quality.judge(frame, sight)
            problem = judgement.problem
            if judgement.good:
                self._meter.add(sight)
                self._whole.add(sight)
                self._embed(frame)
                if self._guide is not None:
                    self._guide.add(sight)
                    if self._guide.step is None:
                        self.end_sitting()
            elif not sight.present:
                self._embedder.reset()  # a window is of one person without a break
                self._absence()
        return self._progress(problem, sight.range_m)

    def _embed(self, frame: FaceFrame) -> None:
        self._absent_s = 0.0
        embedding = self._embedder.push(frame.look, frame.stamp_ns)
        if embedding is not None:
            self._embeddings.append(np.asarray(embedding.vector, np.float32))

    def _absence(self) -> None:
        self._absent_s += self.chirp.frame_period_s
        if self._guide is not None and self._absent_s > PATIENCE_S:
            self._fail(f"nobody has been seen for {PATIENCE_S:.0f} s")

    def _wait(self, present: bool) -> None:
        self._waited_s += self.chirp.frame_period_s
        self._absent_s = 0.0 if present else self._absent_s + self.chirp.frame_period_s
        if self.phase is Phase.LEAVING and self._absent_s >= ABSENT_S:
            self.phase, self._waited_s = Phase.WAITING, 0.0
        elif self.phase is Phase.WAITING and present:
            self._begin()
            self.phase = Phase.CAPTURING
        elif self._waited_s > PATIENCE_S and self._guide is not None:
            what = "stand up" if self.phase is Phase.LEAVING else "sit down"
            self._fail(f"{PATIENCE_S:.0f} s were not enough to see somebody {what}")

    def _fail(self, reason: str) -> None:
        self.phase, self.reason = Phase.FAILED, f"{reason}; nothing was stored. Begin again."

    def end_sitting(self) -> Sitting | None:
        """Close the current sitting: the guide's steps are done, or a recording is at its end.

        Returns:
            The sitting; None: it cannot be used, `reason` says why and the enrolment has failed.
        """
        problems = self._quality.problems() if self._quality.frames else ["nobody was seen."]
        seen = self._meter.coverage()
        if not problems and seen.seconds < self.settings.least_s:
            problems = [f"it has {seen.seconds:.1f} s of good frames, {self.settings.least_s:g} s are needed."]
        if not problems and not self._embeddings:
            problems = ["no window of it was long enough without a break; sit still in front of the radar for longer."]
        if problems:
            self._fail(f"sitting {self.sitting} cannot be used: {' '.join(problems).rstrip('.')}")
            return None
        done = Sitting(np.stack(self._embeddings), seen, self._quality)
        self.sittings.append(done)
        self._begin()
        if len(self.sittings) >= self.settings.sittings:
            self.phase = Phase.COMPLETE
        elif self._guide is not None and self.settings.leave:
            self.phase = Phase.LEAVING
        else:
            self._seated_always = self._guide is not None
            self.phase = Phase.WAITING
            self._watch.reset()
        return done

    def _progress(self, problem: str, range_m: float) -> Progress:
        step = self._guide.step if self._guide is not None and self.phase is Phase.CAPTURING else None
        say = {
            Phase.WAITING: "Sit down in front of the radar, 20 to 50 cm away.",
            Phase.CAPTURING: step.say if step is not None else "Sit as you usually do.",
            Phase.LEAVING: "Please stand up and go a few steps away.",
            Phase.COMPLETE: "Thank you, that is all.",
            Phase.FAILED: self.reason,
        }[self.phase]
        name, share = (step.name, self._guide.share()) if step is not None and self._guide is not None else ("", 0.0)
        return Progress(
            self.phase,
            say,
            problem,
            self.sitting,
            self.settings.sittings,
            name,
            share,
            self._meter.coverage(),
            range_m,
        )

    def finish(self, key: Key | None = None) -> EnrolmentResult:
        """The protected template and its threshold.

        Args:
            key: of the person; None: a new one is drawn.

        Raises:
            InputError: too little was captured, or it cannot be used; the sentence says what is missing.
        """
        if self.phase is Phase.FAILED:
            raise InputError(self.reason)
        if len(self.sittings) < 2:
            raise InputError(
                f"{len(self.sittings)} sittings were captured, at least 2 are needed: one makes the template and "
                "another its threshold. Capture again, or give more recordings."
            )
        held_out = held_out_count(len(self.sittings))
        key = draw_key() if key is None else key
        protected = protect(mean_embedding([each.embeddings for each in self.sittings[:-held_out]]), key)
        scores = [
            np.asarray(similarity(protect(each.embeddings, key), protected)) for each in self.sittings[-held_out:]
        ]
        threshold = threshold_of(scores, self.settings.accept, self.settings.least_threshold)
        whole = self._whole.coverage()
        notes = tuple(self._notes(whole, threshold))
        sha256 = self._embedder.model.card.sha256
        return EnrolmentResult(protected, key, threshold, whole, len(self.sittings), notes, self.chirp, sha256)

    def _notes(self, whole: Coverage, threshold: Threshold) -> list[str]:
        notes = whole.sentences()
        if threshold.value <= LEAST_VALUE:
            notes.append("the threshold lets every second stranger in: let this template decide nothing alone.")
        if self._seated_always:
            notes.append(
                "nobody stood up between the sittings, so that the threshold is too high for another day; enrol again "
                "with pauses."
            )
        return notes


def mean_embedding(sittings: list[np.ndarray]) -> np.ndarray:
    """(d,) float64 of length 1: the mean over sittings of the mean over their windows, so that none outweighs others.

    Args:
        sittings: (n, d) embeddings of each.

    Raises:
        InputError: they cancel out, as embeddings of one person do not.
    """
    mean = np.mean([each.mean(axis=0, dtype=np.float64) for each in sittings], axis=0)
    length = float(np.linalg.norm(mean))
    if not length > 1e-3:
        raise InputError("the sittings contradict each other, as if they were of different people; capture again.")
    return np.asarray(mean / length)
