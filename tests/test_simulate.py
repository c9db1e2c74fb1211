"""`faceedge simulate`: what it prints, and what it refuses before anything is written."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in_sessions import StandIn

from faceedge.cli import main as cli
from faceedge.cli import simulate
from faceedge.simulation.sessions import stage, writer
from faceedge.simulation.sessions.dataset import Totals
from faceedge.simulation.sessions.manifest import read_manifest

QUICK = ("--seconds", "1", "--sensors", "radar", "--jobs", "1")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command makes its data sets with stand-ins."""
    monkeypatch.setattr(stage, "build", StandIn)


@pytest.mark.usefixtures("stand_in")
def test_it_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "small"
    assert cli.main(["simulate", str(folder), *QUICK]) == 0
    made = capsys.readouterr().out.splitlines()
    assert made[-4].startswith(f"{folder}: 4 synthetic sessions, 4 s, 80 radar frames, 3.")
    assert made[-4].endswith(" MB")
    assert made[-3].startswith("4 s made in ")
    assert made[-3].endswith(" x real time")
    assert made[-2] == "expressions: 12 smile, 4 anger, 4 neutral, 4 shock"
    assert made[-1] == "splits: same_recording, session_disjoint, person_disjoint"


@pytest.mark.usefixtures("stand_in")
def test_the_second_time_it_says_that_all_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", str(tmp_path / "x"), *QUICK, "--people", "1", "--sessions", "1"]
    assert cli.main(arguments) == 0
    capsys.readouterr()
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "All of it was there already.",
        "expressions: 3 smile, 1 anger, 1 neutral, 1 shock",
        "splits: same_recording",
        "The others need at least two sessions of each person, and two people.",
    ]


@pytest.mark.usefixtures("stand_in")
def test_it_says_how_much_was_there_when_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["simulate", str(tmp_path / "x"), *QUICK])
    (tmp_path / "x/p000/s1/truth.npz").unlink()
    capsys.readouterr()
    assert cli.main(["simulate", str(tmp_path / "x"), *QUICK]) == 0
    said = capsys.readouterr()
    assert said.err == "the session p000/s1 is not whole any more; it is made again.\n"
    assert said.out.startswith("3 of 4 sessions are there already.\n")


def test_without_a_terminal_progress_is_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lines = simulate._Lines(4, 40.0, out)
    for done, recorded_s, at_s in ((0, 1.0, 5.0), (0, 4.0, 11.0), (1, 10.0, 12.0), (4, 40.0, 40.0)):
        now[0] = 100.0 + at_s
        lines.show(done, recorded_s)
    assert out.getvalue().splitlines() == [
        "0 of 4 sessions, 4 of 40 s, 0.36 x real time, 99 s left",
        "1 of 4 sessions, 10 of 40 s, 0.83 x real time, 36 s left",
        "4 of 4 sessions, 40 of 40 s, 1.00 x real time",
    ]


@pytest.mark.parametrize("performed", [{}, {"neutral": 3}])
def test_that_no_expression_fits_is_said(performed: dict[str, int]) -> None:
    totals = Totals(sessions=1, seconds=2.0, frames=40, events=0, pictures=0, size=1, splits=(), expressions=performed)
    assert "expressions: none but neutral, because " in "\n".join(simulate.summary(Path("x"), totals, 2.0, 2.0))


def test_before_the_first_second_there_is_no_rate() -> None:
    assert simulate.paced(0.0, 40.0, 12.0) == "building people and compiling"
    assert simulate.paced(39.9, 40.0, 40.0) == "1.00 x real time, 1 s left"


def test_a_package_that_a_format_needs_is_missed_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "faery" else object())
    assert cli.main(["simulate", str(tmp_path / "x"), "--formats", "arrays,aedat4"]) == 1
    assert "needs the Python package 'faery', which is not installed; `pip install" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_bar_shows_sessions_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = simulate._Bar(4, 40.0)
    monkeypatch.setattr(bar, "_begun", bar._begun - 10.0)
    with bar:
        bar.show(1, 10.0)
    task = bar._progress.tasks[0]
    assert (task.description, task.completed) == ("1 of 4 sessions, 10 of 40 s", 10.0)
    assert task.fields["rate"] == "1.00 x real time, 30 s left"


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "big"
    arguments = ["--people", "30", "--sessions", "4", "--minutes", "2", "--sensors", "radar", "--dry-run"]
    assert cli.main(["simulate", str(folder), *arguments]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{folder}: 30 people x 4 sessions x 120 s = 4.0 h of radar, as arrays"
    assert said[1] == "script fooder, chirp bgt60_face_food, seed 0"
    assert said[2] == "about 15.7 GB"
    assert said[-3].startswith("p004/s2 ")
    assert said[-2] == "... 100 more"
    assert said[-1].startswith("p029/s3 ")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "0"], "faceedge: a session must be 1 to 86400 seconds, got 0."),
        (["--minutes", "-1"], "faceedge: a session must be 1 to 86400 seconds, got -60."),
        (["--jobs", "0"], "faceedge: at least 1 job is needed, got 0."),
        (["--script", "opera"], "faceedge: there is no script 'opera'; choose one of fooder, "),
        (["--distance-cm", "5", "20"], "faceedge: the tip of the nose can be 15 to 150 cm from the radar, got 5 cm; "),
        (
            ["--distance-cm", "20", "200"],
            "faceedge: the tip of the nose can be 15 to 150 cm from the radar, got 200 cm.\n",
        ),
        (["--camera-size", "large"], "faceedge: --camera-size is WIDTHxHEIGHT such as 640x480, got 'large'."),
        (["--sensors", "radar,nose"], "faceedge: there is no sensor 'nose'; choose one of radar, events, camera."),
        (["--address", "tcp://x"], "faceedge: loky runs on this machine and has no address; --backend dask or ray "),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert cli.main(["simulate", str(tmp_path / "x"), *arguments]) == 1
    assert capsys.readouterr().err.startswith(sentence)
    assert not (tmp_path / "x").exists()


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["simulate", str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err == (
        "faceedge: `faceedge simulate` needs the Python package 'numba', which is not installed; `pip install "
        "'faceedge[sim]'` brings it.\n"
    )


def test_help_needs_no_package_of_the_extra() -> None:
    code = (
        "import sys\nfrom faceedge.cli.main import main\n"
        "try: main(['simulate', '--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('numba', 'joblib', 'distributed', 'faery', 'numpy') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "OUT/splits/*.csv" in told
    assert "faceedge simulate small --people 2 --sessions 2 --seconds 20" in told
    assert told.splitlines()[-1] in ("[]", "['numpy']")  # what the environment itself imports at start


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_whole_sessions_only(tmp_path: Path, ending: signal.Signals) -> None:
    folder = tmp_path / "stopped"
    code = (
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from stand_in_sessions import Slow\nfrom faceedge.simulation.sessions import stage\nstage.build = Slow\n"
        "from faceedge.cli.main import main\n"
        f"sys.exit(main(['simulate', {str(folder)!r}, *{(*QUICK[:-1], '1')!r}]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()  # of the first session
    child.send_signal(ending)
    assert child.communicate()[1] == "faceedge: stopped.\n"
    assert child.returncode == cli.EXIT_INTERRUPTED
    assert writer.read_facts(folder / "p000/s0") is not None
    assert not list(folder.glob("p*/*.partial"))
    manifest = read_manifest(folder)
    assert manifest is not None
    assert not manifest.finished
