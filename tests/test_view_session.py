"""`faceedge view session`: a synthetic session described and drawn, whichever sensors recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import sessions

from faceedge.cli.main import main
from faceedge.cli.sensor_pictures import Seen, write_sensor_strip
from faceedge.cli.view_session import read_seen
from faceedge.errors import InputError
from faceedge.radar.chirp import to_json
from faceedge.simulation.live.session_folder import open_session

ACTS = [{"expression": "smile", "start_s": 0.5, "stop_s": 1.5, "intensity": 0.8}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two seconds of radar at 20 Hz, camera at 25 Hz and events, as `faceedge simulate` would describe them."""
    folder = sessions.write_session(tmp_path / "p000" / "s0")
    facts = {
        "synthetic": True, "path": "p000/s0", "script": "fooder", "duration_s": sessions.DURATION_S,
        "distance_m": 0.283, "acts": ACTS, "counts": {"frames": 40, "events": 20000, "pictures": 50},
        "chirp": json.loads(to_json(sessions.chirp())),
    }  # fmt: skip
    (folder / "session.json").write_text(json.dumps(facts), encoding="utf-8")
    names = ["mouthSmileLeft", "mouthSmileRight", "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"]
    time_s = np.arange(2000) / 1000
    nose_m = np.full((2000, 3), (0.283, 0.0, 0.0), np.float32)
    np.savez(
        folder / "truth.npz", time_s=time_s, unit_names=np.array(names), nose_m=nose_m,
        units=np.repeat(time_s[:, np.newaxis] / 2, 6, axis=1).astype(np.float16), head_rad=np.zeros((2000, 3)),
    )  # fmt: skip
    return folder


def height_of(path: Path) -> int:
    return int(np.asarray(cv2.imread(str(path))).shape[0])


def test_without_a_picture_it_says_what_is_there_and_when(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "session", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "p000/s0, synthetic, script fooder, 28.3 cm, 2 s",
        "recorded: camera, events, radar",
        "counts: 40 frames, 20,000 events, 50 pictures",
        "  0.50 to   1.50 s  smile, intensity 0.80",
    ]


def test_a_span_holds_what_each_sensor_saw_in_it(folder: Path) -> None:
    seen = read_seen(open_session(folder), 0.5, 1.5)
    assert [round(time_s, 6) for time_s, _ in seen.profiles] == [round(0.05 * k, 6) for k in range(10, 30)]
    assert seen.profiles[3][1] == pytest.approx(sessions.cube(13).mean(axis=1))
    assert (int(seen.events["t"][0]), int(seen.events["t"][-1]), len(seen.events)) == (500_000, 1_499_900, 10_000)
    assert (float(seen.truth["time_s"][0]), float(seen.truth["time_s"][-1])) == (0.5, 1.499)
    assert seen.truth["unit_names"][2] == "jawOpen"
    for time_s, jpeg in seen.pictures:
        picture = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))
        assert int((picture[:, 30] > 128).sum()) == pytest.approx(round(25 * time_s), abs=1), "its bar is the index"
    assert len(seen.pictures) == 8


def test_a_micro_image_is_of_the_middle_of_its_frames(folder: Path) -> None:
    seen = read_seen(open_session(folder), 1.0, 2.0)
    times = [time_s for time_s, _ in seen.micro]
    assert times[0] <= 1.0, "the frames before the span are read for its first moments"
    assert times[-1] == pytest.approx(40 * 0.05 - 4 * 0.05)
    assert np.diff(times) == pytest.approx(0.05)


def test_an_event_camera_of_which_a_region_was_read_out_is_shown_as_that_region(folder: Path) -> None:
    path = folder / "events.raw"
    path.unlink()
    events = sessions.events()
    events["x"] += 400
    events["y"] += 100
    with sessions.RawWriter(path, 1280, 720) as raw:
        raw.append(events)
    seen = read_seen(open_session(folder), 0.0, 2.0)
    assert seen.sensor == (64, 64)
    assert (int(seen.events["x"].max()), int(seen.events["y"].max())) == (63, 63)


def radar(folder: Path) -> None:
    shutil.rmtree(folder / "radar")


def events(folder: Path) -> None:
    (folder / "events.raw").unlink()


def camera(folder: Path) -> None:
    (folder / "camera.avi").unlink()


def truth(folder: Path) -> None:
    (folder / "truth.npz").unlink()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((), "camera, events, radar"),
        ((camera,), "events, radar"),
        ((camera, events), "radar"),
        ((radar,), "camera, events"),
        ((radar, events), "camera"),
        ((truth, camera, radar), "events"),
    ],
)
def test_whatever_recorded_is_drawn(
    folder: Path, missing: tuple[Callable[[Path], None], ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for remove in missing:
        remove(folder)
    picture = folder.parent / "picture.png"
    assert main(["view", "session", str(folder), "--png", str(picture), "--from", "0.4", "--to", "1.9"]) == 0
    assert capsys.readouterr().out == f"{picture}: {words} from 0.4 to 1.9 s of {folder}\n"
    assert height_of(picture) > 250


def test_each_sensor_adds_to_the_height(folder: Path, tmp_path: Path) -> None:
    heights = []
    for remove in (None, camera, events, truth):
        if remove:
            remove(folder)
        write_sensor_strip(tmp_path / "a.png", read_seen(open_session(folder, needs_radar=False), 0.0, 2.0), "one")
        heights.append(height_of(tmp_path / "a.png"))
    assert heights[0] > heights[1] + 100
    assert heights[1] > heights[2] + 250, "a row of pictures and a panel"
    assert heights[2] > heights[3] + 100


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "-1"], "--from and --to lie within the session, 0 to 2 s"),
        (["--to", "2.1"], "--from and --to lie within the session, 0 to 2 s"),
        (["--to", "nan"], "--from and --to lie within the session"),
        (["--from", "1", "--to", "1.2"], "--to must be at least 0.5 s after --from, 1 s"),
    ],
)
def test_a_time_outside_the_session_is_a_sentence(
    folder: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", "session", str(folder), "--png", str(folder.parent / "a.png"), *arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert not (folder.parent / "a.png").exists()


def test_a_session_that_is_too_long_for_a_picture_is_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps({**facts, "duration_s": 500.0}))
    assert main(["view", "session", str(folder), "--png", str(folder.parent / "a.png")]) == 1
    assert "a picture shows at most 120 s, and 500 s are asked for; give --from and --to" in capsys.readouterr().err


def only_a_bag(folder: Path) -> None:
    for remove in (radar, events, camera):
        remove(folder)
    (folder / "session.mcap").write_bytes(b"")


def nothing(folder: Path) -> None:
    shutil.rmtree(folder)


def no_chirp(folder: Path) -> None:
    radar(folder)
    (folder / "session.json").write_text('{"duration_s": 2.0}')


def cut_off_pictures(folder: Path) -> None:
    (folder / "camera.avi").write_bytes((folder / "camera.avi").read_bytes()[:100])


def cut_off_radar(folder: Path) -> None:
    facts = json.loads((folder / "session.json").read_text())
    size = (folder / "radar/radar.npy").stat().st_size
    (folder / "session.json").write_text(json.dumps({**facts, "files": {"radar/radar.npy": size + 7}}))


def odd_acts(folder: Path) -> None:
    facts = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps({**facts, "acts": ["smile"]}))


@pytest.mark.parametrize(
    ("damage", "arguments", "sentence"),
    [
        (only_a_bag, ["--png", "a.png"], "no files of a sensor, only session.mcap; simulate it with the format arrays"),
        (nothing, ["--png", "a.png"], "is no session: it has no session.json"),
        (no_chirp, [], "has no chirp settings that can be read"),
        (cut_off_pictures, ["--png", "a.png"], "camera.avi cannot be read; the file is damaged"),
        (cut_off_radar, [], "is not whole: radar/radar.npy has"),
        (odd_acts, [], "lists an act without a name or a time"),
        (lambda _: None, ["--png", "no/such/folder/a.png"], "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(
    folder: Path,
    damage: Callable[[Path], None],
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder.parent)
    damage(folder)
    assert main(["view", "session", str(folder), *arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert not (folder.parent / "a.png").exists()


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is nothing to draw"):
        write_sensor_strip(tmp_path / "a.png", Seen(1.0), "nobody")


def test_it_needs_nothing_of_the_extra_sim(folder: Path) -> None:
    picture = folder.parent / "a.png"
    program = (
        "import sys\n"
        "for name in ('numba', 'joblib', 'faery', 'anny'): sys.modules[name] = None\n"
        "from faceedge.cli.main import main\n"
        f"raise SystemExit(main(['view', 'session', {str(folder)!r}, '--png', {str(picture)!r}]))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert height_of(picture) > 600
