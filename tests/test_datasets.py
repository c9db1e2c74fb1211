"""Data sets: planned from a seed, resumable wherever they were ended, divided so that nothing leaks."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import pytest
from stand_in_sessions import Full, Slow, StandIn, kill_oneself, small, variable

from faceedge.errors import ConfigurationError, DeviceError
from faceedge.simulation.sessions import backends, writer
from faceedge.simulation.sessions.dataset import Builder, DataSet, Totals, estimated_bytes, plan
from faceedge.simulation.sessions.manifest import read_manifest
from faceedge.simulation.sessions.splits import SPLITS, Recorded, Row, recorded

RADAR: dict[str, Any] = {"sensors": ("radar",), "duration_s": 1.0}
"""Options of data sets that are quickly made."""

KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from stand_in_sessions import Slow, small
from faceedge.simulation.sessions.dataset import DataSet, plan
options = small(**{options!r})
data = DataSet(Path({folder!r}), options, plan(options), Slow)
with data.prepare():
    for done in data.run({jobs}):
        print(done.path, flush=True)
    data.finish()
"""


def make(folder: Path, stage: Builder = StandIn, jobs: int = 1, backend: str = "loky", address: str = "",
         **options: Any) -> Totals:  # fmt: skip
    wanted = small(**{**RADAR, **options})
    data = DataSet(folder, wanted, plan(wanted), stage)
    with data.prepare():
        for _ in data.run(jobs, backend, address):
            pass
        return data.finish()


def tree(folder: Path) -> dict[str, str]:
    """Every file with the hash of its content, of the manifest without the times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == ".lock":
            continue
        data = path.read_bytes()
        if path.name == "manifest.json":
            data = json.dumps({**json.loads(data), "begun": "", "finished": ""}).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "splits" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, two sessions of a second, made without interruption."""
    folder = tmp_path_factory.mktemp("data") / "whole"
    make(folder)
    return folder


# Making


def test_a_data_set_has_a_folder_for_each_session_a_manifest_and_splits(whole: Path) -> None:
    names = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_dir()}
    assert {"p000/s0/radar", "p000/s1/radar", "p001/s0/radar", "p001/s1/radar", "splits"} <= names
    manifest = read_manifest(whole)
    assert manifest is not None
    assert manifest.finished
    assert manifest.totals == {
        "sessions": 4, "seconds": 4.0, "frames": 80, "events": 0, "pictures": 0, "bytes": manifest.totals["bytes"],
    }  # fmt: skip
    assert manifest.sessions == plan(small(**RADAR))


def test_a_larger_data_set_begins_with_the_same_sessions() -> None:
    assert plan(small(**RADAR, people=3))[:4] == plan(small(**RADAR))


def test_making_it_again_makes_nothing(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file() and path.name != ".lock"}
    make(whole, stage=Full)
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_two_jobs_make_the_same_bytes_as_one(whole: Path, tmp_path: Path) -> None:
    make(tmp_path / "two", jobs=2)
    assert tree(tmp_path / "two") == tree(whole)


def test_a_dask_cluster_makes_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    tests = str(Path(__file__).parent)
    with distributed.LocalCluster(
        2, threads_per_worker=1, dashboard_address=None, env={"PYTHONPATH": os.pathsep.join([tests, *sys.path])}
    ) as cluster:
        make(tmp_path / "dask", backend="dask", address=cluster.scheduler_address)
    assert tree(tmp_path / "dask") == tree(whole)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(whole: Path, tmp_path: Path, jobs: int) -> None:
    folder = tmp_path / "killed"
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder), options=RADAR, jobs=jobs)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    first = child.stdout.readline().strip()  # now one session is whole and others are being written
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (folder / first / "session.json").is_file()
    assert not all((folder / session.path).exists() for session in plan(small(**RADAR)))
    before = (folder / first / "session.json").stat().st_mtime_ns
    make(folder)
    assert tree(folder) == tree(whole)
    assert (folder / first / "session.json").stat().st_mtime_ns == before


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    options = {**RADAR, "duration_s": 60.0}
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder), options=options, jobs=2)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: len(list(folder.glob("p*/*.partial/progress"))) == 2)
    workers = children(child.pid)
    assert len(workers) >= 2
    child.send_signal(signal.SIGKILL)
    child.wait()
    until(lambda: not list(folder.glob("p*/*.partial")))
    until(lambda: not any(is_python(worker) for worker in workers))


def children(parent: int) -> list[int]:
    threads = Path(f"/proc/{parent}/task").iterdir()
    return [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]


def is_python(process: int) -> bool:
    """Whether it runs: what has ended and waits for somebody to ask for its result has no command line."""
    try:
        return b"loky" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def until(condition: Any, patience_s: float = 20.0) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_session_that_lost_a_file_is_made_again(whole: Path, tmp_path: Path) -> None:
    make(tmp_path / "hurt")
    (tmp_path / "hurt/p001/s0/radar/radar.npy").unlink()
    make(tmp_path / "hurt")
    assert tree(tmp_path / "hurt") == tree(whole)


def test_progress_counts_the_seconds_of_sessions_that_are_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_PROGRESS_PERIOD_S", 0.05)
    options = small(**{**RADAR, "people": 1, "sessions": 1})
    data = DataSet(tmp_path / "x", options, plan(options), Looking)
    with data.prepare():
        Looking.data = data
        list(data.run())
    assert 0.2 < max(Looking.seen) < 1.0
    assert data.progress() == (1, 1.0)


class Looking(Slow):
    """Looks at the progress of its own data set."""

    data: ClassVar[DataSet]
    seen: ClassVar[list[float]] = []

    def radar_cube(self, index: int) -> Any:
        self.seen.append(self.data.progress()[1])
        return super().radar_cube(index)


# What is refused


def test_other_parameters_are_named(whole: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds a data set with seed 0 instead of 7. Repeat its own options"):
        make(whole, seed=7)
    with pytest.raises(ConfigurationError, match=r"people 2 instead of 3, duration_s 1.0 instead of 2.0"):
        make(whole, people=3, duration_s=2.0)


def change_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_manifest_of_another_version_is_named(tmp_path: Path) -> None:
    make(tmp_path / "old", people=1, sessions=1)
    change_manifest(tmp_path / "old", format=99, versions={"faceedge": "7.3"})
    with pytest.raises(ConfigurationError, match=r"is of format 99, made by faceedge 7.3; this version reads"):
        make(tmp_path / "old", people=1, sessions=1)
    change_manifest(tmp_path / "old", versions=["7.3"])
    with pytest.raises(ConfigurationError, match=r"is of format 99, made by faceedge \?; this version reads"):
        make(tmp_path / "old", people=1, sessions=1)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', "{", '{"format": 1, "options": {"people": "many"}}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"manifest.json (is no manifest|lacks or misstates)"):
        make(tmp_path)


def test_other_versions_of_libraries_are_said_and_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "x", people=1, sessions=1)
    content = json.loads((tmp_path / "x/manifest.json").read_text())
    change_manifest(tmp_path / "x", versions={**content["versions"], "numpy": "1.2.3"})
    make(tmp_path / "x", people=1, sessions=1)
    assert "the data set was begun with numpy 1.2.3, here " in capsys.readouterr().out


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ConfigurationError, match="is no data set and not empty"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_no_folder_for_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ConfigurationError, match="is a file; give the folder of a data set"):
        make(tmp_path / "holiday.jpg")


def test_where_nothing_was_made_yet_other_options_are_no_conflict(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    with pytest.raises(DeviceError):
        make(folder, stage=Full, people=3, seed=7)
    (folder / "p002/s1.elsewhere-1.partial").mkdir(parents=True)
    make(folder)
    assert tree(folder) == tree(whole)
    assert not list(folder.glob("*/*.partial"))


def test_two_runs_into_one_folder_are_refused(tmp_path: Path) -> None:
    options = small(**RADAR)
    with (
        DataSet(tmp_path / "x", options, plan(options), StandIn).prepare(),
        pytest.raises(ConfigurationError, match="another `faceedge simulate` writes into"),
    ):
        make(tmp_path / "x")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_is_a_sentence(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(DeviceError, match="cannot be written: no space left on device; the same command goes on"):
        make(tmp_path / "x", stage=Full, jobs=jobs)
    assert not list((tmp_path / "x").glob("p*/s?"))
    make(tmp_path / "x")


def test_too_little_space_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10_000_000})())
    with pytest.raises(ConfigurationError, match=r"needs about 1\d+ MB more, 10 MB are free"):
        make(tmp_path / "x", people=50)
    assert not (tmp_path / "x/manifest.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, "loky", ""), "at least 1 job is needed, got 0"),
        ((1, "slurm", ""), "there is no backend 'slurm'; choose one of loky, dask, ray"),
        ((1, "loky", "tcp://x"), "loky runs on this machine and has no address"),
    ],
)
def test_impossible_ways_to_run_are_refused(arguments: tuple[int, str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        backends.check_backend(*arguments)


def test_a_backend_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="backend ray needs the Python package 'ray'"):
        backends.check_backend(1, "ray")
    with pytest.raises(ConfigurationError, match=r"'distributed', which is not installed; `pip install 'faceedge\[cl"):
        backends.check_backend(1, "dask")


def test_a_worker_that_is_killed_is_a_sentence() -> None:
    with pytest.raises(DeviceError, match="a worker ended without a word"):
        list(backends.run(kill_oneself, [1, 2], jobs=2))


def hears_interrupts(_: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_workers_leave_interrupts_to_the_process_that_started_them() -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_datasets as t\n"
    code += "print(*t.backends.run(t.hears_interrupts, range(4), jobs=2), t.hears_interrupts(0))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "False False False False True\n"


def test_workers_use_one_thread_each() -> None:
    assert list(backends.run(variable, ["OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"], jobs=2)) == ["1", "1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"script": "opera"}, "there is no script 'opera'; choose one of fooder, basic,"),
        ({"chirp": "nowhere"}, "chirp file 'nowhere' not found"),
        (
            {"chirp": "iwr6843_face"},
            "is a BGT60TR13C, and the chirp iwr6843_face is for an iwr6843",
        ),
        (
            {"sensors": ("events",), "event_geometry": "cube"},
            "no event geometry 'cube'; choose one of genx320",
        ),
        ({"sensors": ("camera",), "camera_mode": "disco"}, "there is no light 'disco'; choose one of day,"),
    ],
)
def test_unknown_names_are_refused_with_those_that_there_are(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        plan(small(**{**RADAR, **change}))


def test_the_estimate_of_the_radar_is_exact() -> None:
    sessions = plan(small(**RADAR))
    truth = 4 * 110_000
    assert estimated_bytes(sessions, ("arrays",)) == 80 * 2 * 3 * 64 * 128 + truth
    assert estimated_bytes(sessions, ("arrays", "mcap")) == 2 * 80 * 2 * 3 * 64 * 128 + truth


# Splits


def acts(duration_s: float = 60.0) -> tuple[tuple[str, float, float], ...]:
    names = ("neutral", "smile", "shock", "anger")
    return tuple((names[n % 4], 3.0 * n, 3.0 * n + 2.5) for n in range(int(duration_s // 3)))


@pytest.fixture(scope="module")
def recordings() -> list[Recorded]:
    """Ten people with four sessions of a minute."""
    return [Recorded(f"p{p:03d}/s{s}/radar", p, s, 60.0, acts()) for p in range(10) for s in range(4)]


def by_role(found: list[Row], key: str) -> dict[str, set[Any]]:
    result: dict[str, set[Any]] = defaultdict(set)
    for row in found:
        result[row.role].add(tuple(getattr(row, name) for name in key.split()))
    return result


def disjoint(sets: dict[str, set[Any]]) -> bool:
    return sum(map(len, sets.values())) == len(set().union(*sets.values()))


def test_person_disjoint_shares_no_person(recordings: list[Recorded]) -> None:
    found = by_role(SPLITS["person_disjoint"](recordings), "person")
    assert {role: len(people) for role, people in found.items()} == {"train": 6, "validation": 2, "test": 2}
    assert disjoint(found)


def test_session_disjoint_shares_people_and_no_session(recordings: list[Recorded]) -> None:
    found = SPLITS["session_disjoint"](recordings)
    assert disjoint(by_role(found, "person session"))
    assert disjoint(by_role(found, "path"))
    people = by_role(found, "person")
    assert people["train"] == people["validation"] == people["test"]
    sessions = by_role(found, "session")
    assert sessions == {"train": {("s0",), ("s1",)}, "validation": {("s2",)}, "test": {("s3",)}}


def test_same_recording_has_a_gap_between_its_parts(recordings: list[Recorded]) -> None:
    found = SPLITS["same_recording"](recordings)
    ends, starts = defaultdict(list), defaultdict(list)
    for row in found:
        ends[row.path].append(row.stop_s) if row.role == "train" else starts[row.path].append(row.start_s)
    assert len(ends) == len(starts) == 40
    assert all(min(starts[path]) - max(ends[path]) >= 2.0 for path in ends)
    assert {row.role for row in found} == {"train", "test"}


def test_acts_are_cut_at_the_gap_and_left_out_where_little_is_left() -> None:
    one = Recorded("p", 0, 0, 100.0, (("smile", 55.0, 65.0), ("anger", 58.7, 59.9), ("shock", 60.5, 63.0)))
    found = [(row.expression, row.start_s, row.stop_s, row.role) for row in SPLITS["same_recording"]([one])]
    assert found == [("smile", 55.0, 59.0, "train"), ("smile", 61.0, 65.0, "test"), ("shock", 61.0, 63.0, "test")]


def test_no_act_is_lost_or_doubled_where_recordings_stay_whole(recordings: list[Recorded]) -> None:
    for name in ("session_disjoint", "person_disjoint"):
        found = [(row.path, row.start_s) for row in SPLITS[name](recordings)]
        assert len(found) == len(set(found)) == 40 * 20, name


def test_two_people_with_two_sessions_can_be_split_without_validation() -> None:
    few = [Recorded(f"p{p}/s{s}", p, s, 60.0, acts()) for p in range(2) for s in range(2)]
    assert by_role(SPLITS["person_disjoint"](few), "person") == {"train": {("p000",)}, "test": {("p001",)}}
    assert by_role(SPLITS["session_disjoint"](few), "session") == {"train": {("s0",)}, "test": {("s1",)}}


def test_splits_that_cannot_be_are_not_written(tmp_path: Path) -> None:
    totals = make(tmp_path / "one", people=1, sessions=1)
    assert totals.splits == ("same_recording",)
    assert [path.name for path in (tmp_path / "one/splits").iterdir()] == ["same_recording.csv"]


def test_a_recording_without_acts_is_one_neutral_act() -> None:
    facts = {"duration_s": 12.0, "person": 1, "index": 0, "acts": []}
    assert recorded(facts, "x").acts == (("neutral", 0.0, 12.0),)


def test_written_splits_name_recordings_that_are_there(whole: Path) -> None:
    for name in ("session_disjoint", "person_disjoint"):
        found = rows(whole, name)
        assert list(found[0]) == ["path", "person", "session", "expression", "start_s", "stop_s", "role"]
        assert {row["path"] for row in found} == {f"p00{p}/s{s}/radar" for p in (0, 1) for s in (0, 1)}
        assert all((whole / row["path"] / "radar.npy").is_file() for row in found)
    assert {(row["person"], row["role"]) for row in rows(whole, "person_disjoint")} == {
        ("p000", "train"), ("p001", "test"),
    }  # fmt: skip
