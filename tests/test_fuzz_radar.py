"""Short rounds of the radar's fuzz targets; `python tests/fuzz_radar.py TARGET` runs the long ones."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import fuzz_radar
import pytest
import ti_packets as ti

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", fuzz_radar.TARGETS)
def test_every_seed_reaches_its_reader(name: str) -> None:
    target = fuzz_radar.TARGETS[name]()
    found = [fuzz_radar.one_input(target, seed) for seed in target.seeds if seed]
    assert found
    assert min(found) > 0


@pytest.mark.parametrize("name", fuzz_radar.TARGETS)
def test_mutated_input_leads_to_success_or_a_sentence_in_bounded_memory(name: str) -> None:
    totals = fuzz_radar.run_inputs(name, 1000, seed=7)
    assert totals.inputs == 1000
    assert totals.refused < 1000
    assert [problem for problem in totals.problems() if "memory" in problem] == []


def test_the_runner_prints_what_it_came_to() -> None:
    done = _run("packets", "--inputs", "200")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("packets: 200 inputs, ")


def test_a_slow_input_and_growing_memory_are_problems() -> None:
    totals = fuzz_radar.Totals(slowest_s=2.0, rss_growth_mib=20.0, traced_growth_kib=300.0)
    assert [problem.split()[1] for problem in totals.problems()] == ["s", "MiB", "KiB"]


def test_a_broken_reader_is_found_and_its_input_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(data: bytes) -> int:
        if ti.MAGIC * 2 in data:
            raise ValueError("two in a row")
        return 1

    target = fuzz_radar.Target(broken, (ti.MAGIC,), (ti.MAGIC,))
    monkeypatch.setitem(fuzz_radar.TARGETS, "broken", lambda: target)
    with pytest.raises(ValueError, match="two in a row"):
        fuzz_radar.run_inputs("broken", 5000, seed=1)
    assert capsys.readouterr().err.startswith("target broken, seed 1, input ")


def test_pieces_of_a_stream_are_the_stream() -> None:
    rng = random.Random(1)
    for _ in range(50):
        data = rng.randbytes(rng.randrange(400))
        assert b"".join(fuzz_radar.cuts_of(data)) == data


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris (coverage-guided fuzzing)")
@pytest.mark.parametrize("name", ["packets", "bridge"])
def test_a_coverage_guided_round_finds_nothing(name: str, tmp_path: Path) -> None:
    done = _run(name, "-atheris_runs=2000", "-seed=1", f"-artifact_prefix={tmp_path}/")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 2000" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = [sys.executable, str(ROOT / "tests" / "fuzz_radar.py"), *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
