"""Short rounds of the event codecs' fuzz targets; `python tests/fuzz_events.py TARGET` runs the long ones."""

from __future__ import annotations

import fuzz_events
import fuzz_radar
import pytest

INPUTS = 600


@pytest.mark.parametrize("name", fuzz_events.TARGETS)
def test_every_seed_reaches_its_reader(name: str) -> None:
    target = fuzz_events.TARGETS[name]()
    assert min(fuzz_radar.one_input(target, seed) for seed in target.seeds) > 0


@pytest.mark.parametrize("name", fuzz_events.TARGETS)
def test_mutated_input_leads_to_events_or_a_sentence_in_bounded_memory(name: str) -> None:
    totals = fuzz_radar.run_inputs(name, INPUTS, 11, fuzz_events.TARGETS)
    assert totals.inputs == INPUTS
    assert totals.refused < 0.95 * INPUTS
    assert [problem for problem in totals.problems() if "memory" in problem] == []
