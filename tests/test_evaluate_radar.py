from __future__ import annotations

import json
from pathlib import Path

import pytest
from chirps import bgt60_chirp
from rich.console import Console

from faceedge.cli.evaluate_radar_tables import show
from faceedge.cli.main import main
from faceedge.evaluation.radar.points import write_points


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_points(tmp_path_factory.mktemp("points"), bgt60_chirp(58e9, 63.5e9, gain_db=23), 2.4)


def test_every_table_is_made_of_a_list_of_recordings(
    recordings: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["evaluate", "radar", "--recordings", str(recordings), "--quick", "--plots", str(tmp_path)]
    assert main([*arguments, "--only", "linear", "--markdown", str(tmp_path / "tables.md")]) == 0
    text = capsys.readouterr().out
    assert "same recording, single frames, 3 people" in text
    assert "expressions, person-disjoint" in text
    assert max(len(line) for line in text.splitlines()) <= 96
    assert (tmp_path / "same_recording_windows.png").stat().st_size > 1000
    assert (tmp_path / "expressions.png").is_file()
    lines = (tmp_path / "tables.md").read_text().splitlines()
    tables = [line for line in lines if line.startswith("| ")]
    # Three of authentication by three each; of expressions five, four of them again with labels that are not exact.
    assert sum(line.startswith("| --- |") for line in tables) == 18
    assert any(line.startswith("| linear autoencoder, images | ") for line in tables)


def test_figures_for_machines_are_json(recordings: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["evaluate", "radar", "--recordings", str(recordings), "--quick", "--json", "--cache", str(tmp_path)]
    arguments += ["--only", "kNN", "--tables", "authentication", "--protocols", "session-disjoint"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    results = [result for outcome in found["authentication"] for result in outcome["results"]]
    assert {result["method"] for result in results} == {"kNN, images", "kNN, look power", "kNN, look power and room"}
    assert {result["protocol"] for result in results} == {"session-disjoint"}
    assert set(results[0]["people"]) == {"p0", "p1", "p2"}
    assert 0 <= results[0]["mean"]["auroc"]["mean"] <= 1
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert main(arguments) == 0
    again = json.loads(capsys.readouterr().out)["authentication"]
    assert [[each["people"] for each in outcome["results"]] for outcome in again] == [
        [each["people"] for each in outcome["results"]] for outcome in found["authentication"]
    ]


def test_the_tables_fit_into_eighty_columns(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    from faceedge.cli import evaluate_radar

    parser = argparse.ArgumentParser()
    evaluate_radar.add_arguments(parser)
    args = parser.parse_args(["--recordings", str(recordings), "--quick", "--only", "range-Doppler"])
    evaluation = evaluate_radar._evaluate(args)
    console = Console(width=80, force_terminal=True, color_system=None)
    show(evaluation, console)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("FNMR1" in line and "FMR*" in line for line in lines)


def test_the_trial_needs_neither_data_nor_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "radar", "--quick", "--tables", "authentication", "--only", "look power", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"].endswith("moving points, no faces")
    windows_s = {result["window_s"] for outcome in found["authentication"] for result in outcome["results"]}
    assert windows_s == {0.05, 1.0, 5.0}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to evaluate"),
        (["--data", "a", "b", "c"], "got 3 folders"),
        (["--data", "nowhere"], "no finished session"),
        (["--recordings", "nowhere.csv"], "cannot be read"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "radar", *arguments]) == 1
    assert sentence in capsys.readouterr().err
