"""Fits methods under protocols and takes their figures, each once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceedge.errors import FaceedgeError
from faceedge.evaluation.radar.conditions import Condition, conditions
from faceedge.evaluation.radar.figures import Result, compare, result_of
from faceedge.evaluation.radar.methods import Method
from faceedge.evaluation.radar.protocols import Protocol

WINDOWS_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""From one frame at 20 Hz on."""
DECISION_S = 5.0
"""Window of the conditions."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one method under one protocol.

    Attributes:
        results: one a window.
        conditions: figures by distance, pose and what is worn.
    """

    results: tuple[Result, ...]
    conditions: tuple[Condition, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "results": [result.as_dict() for result in self.results],
            "conditions": [condition.as_dict() for condition in self.conditions],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Outcome:
        """What `as_dict` gave."""
        return cls(
            tuple(Result.from_dict(each) for each in content["results"]),
            tuple(Condition(**each) for each in content["conditions"]),
        )


class Cache:
    """Figures on disk, found by data, protocol, and the method's name and version. No frame and no score is kept.

    Args:
        folder: of the files, made when needed; None: nothing is kept.
        data: tells the data sets apart.
    """

    def __init__(self, folder: Path | None, data: str) -> None:
        self._folder, self._data = folder, data

    def _path(self, *words: str) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256("\n".join((self._data, *words)).encode()).hexdigest()[:24]
        return self._folder / f"{digest}.json"

    def find(self, *words: str) -> dict[str, Any] | None:
        """What was kept under ``words``; None where nothing was, or it is damaged."""
        path = self._path(*words)
        try:
            found = None if path is None else json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def keep(self, content: dict[str, Any], *words: str) -> None:
        """Keep plain values under ``words``."""
        path = self._path(*words)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({"about": words, **content}, indent=1) + "\n", encoding="utf-8")
            fresh.replace(path)


def run(
    method: Method, protocol: Protocol, windows_s: Sequence[float] = WINDOWS_S, cache: Cache | None = None
) -> Outcome:
    """Enrol everybody and score every probe, unless the cache has the figures.

    A method that refuses the data stands in the tables with its sentence instead of figures.
    """
    words = (method.name, method.version, protocol.name, *(f"{window_s:g}" for window_s in windows_s))
    known = cache.find(*words) if cache is not None else None
    if known is not None:
        return Outcome.from_dict(known)
    started = time.perf_counter()
    try:
        method.fit(protocol.enrolled)
        seconds = time.perf_counter() - started
        fitting = [window_s for window_s in windows_s if window_s >= method.shortest_s]
        results = tuple(result_of(method, protocol, window_s, seconds) for window_s in fitting)
        window_s = max(DECISION_S, method.shortest_s)
        outcome = Outcome(results, tuple(conditions(method.name, compare(method, protocol, window_s), protocol)))
    except FaceedgeError as error:
        return Outcome((Result(method.name, protocol.name, 0.0, {}, 0.0, str(error)),))
    if cache is not None:
        cache.keep(outcome.as_dict(), *words)
    return outcome


def run_all(
    methods: Sequence[Method],
    protocols: Sequence[Protocol],
    windows_s: Sequence[float] = WINDOWS_S,
    cache: Cache | None = None,
    say: Say | None = None,
) -> list[Outcome]:
    """Every method under every protocol."""
    outcomes = []
    for protocol in protocols:
        for method in methods:
            started = time.perf_counter()
            outcomes.append(run(method, protocol, windows_s, cache))
            if say is not None:
                say(f"{protocol.name}: {method.name}, {time.perf_counter() - started:.0f} s")
    return outcomes
