"""The `faceedge` command: subcommands are found, help is cheap, errors are one sentence."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from faceedge import __version__
from faceedge.cli import main as cli
from faceedge.errors import ModelError


def fake(monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    """Every subcommand becomes one whose `main` is ``action``."""
    module = SimpleNamespace(
        add_arguments=lambda parser: parser.add_argument("--fast", action="store_true"), main=action
    )
    monkeypatch.setattr("importlib.import_module", lambda name: module)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert [entry.words[0] for entry in cli.COMMANDS if entry.words[0] not in text] == []


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"faceedge {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    report = "print([m for m in ('numpy', 'cv2', 'rclpy', 'rich', 'yaml', 'torch') if m in sys.modules])"
    code = f"from faceedge.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n{report}"
    # What the environment itself imports at start (the ROS wheels do) is not ours.
    before, after = (
        subprocess.run([sys.executable, "-c", f"import sys\n{text}"], capture_output=True, text=True, check=True)
        for text in (report, code)
    )
    assert after.stdout.splitlines()[-1] == before.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [("doctor",), ("train", "expression"), ("evaluate", "expression")])
def test_a_subcommand_gets_its_own_arguments_and_gives_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    seen = []

    def action(args: Any) -> int:
        seen.append(args.fast)
        return 7

    fake(monkeypatch, action)
    assert cli.main([*words, "--fast"]) == 7
    assert seen == [True]


def test_an_error_is_one_sentence_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def action(_: Any) -> int:
        raise ModelError("models/x.tflite is corrupt.")

    fake(monkeypatch, action)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "faceedge: models/x.tflite is corrupt.\n"


def test_a_file_that_may_not_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def action(_: Any) -> int:
        raise PermissionError(13, "Permission denied", "/root/radar.npy")

    fake(monkeypatch, action)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "faceedge: /root/radar.npy cannot be used: Permission denied.\n"


def test_ctrl_c_ends_with_the_shells_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def action(_: Any) -> int:
        raise KeyboardInterrupt

    fake(monkeypatch, action)
    assert cli.main(["demo"]) == 130
    assert capsys.readouterr().err == "faceedge: stopped.\n"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("faceedge.cli.train", "not part of this installation"), ("torch", "needs the Python package 'torch'")],
)
def test_a_missing_package_fails_only_the_command_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str, sentence: str
) -> None:
    def no_import(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("importlib.import_module", no_import)
    assert cli.main(["train", "expression"]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


@pytest.mark.parametrize("arguments", [[], ["dance"], ["train"], ["train", "radar"]])
def test_an_unknown_command_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: faceedge" in capsys.readouterr().err


def test_run_without_its_parameter_file_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "/nowhere.yaml"]) == 1
    assert capsys.readouterr().err.startswith("faceedge: no parameter file at /nowhere.yaml")
