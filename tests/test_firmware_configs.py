"""The chirp files that ship: each is loaded, checked against physics and device, and described."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faceedge.errors import ConfigurationError
from faceedge.radar import chirp_files, ti_cfg
from faceedge.radar.chirp import summary
from faceedge.radar.chirp_files import ChirpFile, find_chirp_file, list_chirp_files, load_chirp_file
from faceedge.radar.infineon_json import read, write
from faceedge.radar.ti_output import output_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "firmware_configs"
NAMES = (
    "bgt60_face_food.json",
    "bgt60_face_full_band.json",
    "bgt60_face_looks.json",
    "bgt60_presence.json",
    "iwr6843_face.cfg",
    "iwr6843_presence.cfg",
)
EU_BAND_HZ = (57e9, 64e9)
"""Short-range devices, (EU) 2019/1345."""
ISM_BAND_HZ = (61e9, 61.5e9)
USUAL_FACE_M, FARTHEST_FACE_M = 0.25, 0.60


def load(name: str) -> ChirpFile:
    return load_chirp_file(FOLDER / name)


def test_the_shipped_files_are_these() -> None:
    assert tuple(path.name for path in list_chirp_files() if path.parent == FOLDER) == NAMES
    assert sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".json", ".cfg")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_possible_legal_in_frequency_and_cool(name: str) -> None:
    file = load(name)
    assert file.path == FOLDER / name
    assert file.kind == ("ti" if name.endswith(".cfg") else "infineon")
    assert EU_BAND_HZ[0] <= file.chirp.start_frequency_hz < file.chirp.end_frequency_hz <= EU_BAND_HZ[1]
    assert file.chirp.on_air < 0.1
    assert file.chirp.frame_duty < 0.51


def test_foods_chirp_is_the_papers_table() -> None:
    chirp = load("bgt60_face_food.json").chirp
    assert (chirp.start_frequency_hz, chirp.end_frequency_hz) == (60.1e9, 61.1e9)
    assert chirp.cube_shape == (3, 64, 128)
    assert (chirp.chirp_period_s, chirp.frame_period_s, chirp.sample_rate_hz) == (391.55e-6, 50e-3, 2e6)
    assert chirp.beat_frequency_hz(USUAL_FACE_M) > chirp.high_pass_hz == 20e3


def test_the_full_band_resolves_a_face_best_and_passes_both_filters() -> None:
    chirp = load("bgt60_face_full_band.json").chirp
    assert (chirp.start_frequency_hz, chirp.end_frequency_hz) == (58e9, 63.5e9)
    others = [load(name).chirp.range_resolution_m for name in NAMES]
    assert chirp.range_resolution_m == min(others) < 0.03
    assert chirp.high_pass_hz < chirp.beat_frequency_hz(0.15) < chirp.beat_frequency_hz(0.6) < chirp.low_pass_hz
    # The same cube, and the same velocity axis within 1 %: what was learnt on one can be tried on the other.
    food = load("bgt60_face_food.json").chirp
    assert chirp.velocity_resolution_m_s == pytest.approx(food.velocity_resolution_m_s, rel=0.01)
    assert chirp.cube_shape == food.cube_shape


def test_the_presence_chirp_stays_in_the_ism_band_and_reaches_across_a_room() -> None:
    chirp = load("bgt60_presence.json").chirp
    assert ISM_BAND_HZ[0] < chirp.start_frequency_hz < chirp.end_frequency_hz < ISM_BAND_HZ[1]
    assert float(summary(chirp)["usable_range_m"]) > 10.0
    assert chirp.range_of_beat_m(chirp.high_pass_hz) < 0.5
    assert chirp.max_velocity_m_s > 2.0  # a walking person


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".cfg")])
def test_a_cfg_is_complete_in_the_demonstrations_order_and_fits_its_port(name: str) -> None:
    file = load(name)
    configuration = ti_cfg.parse((FOLDER / name).read_text(encoding="ascii"))
    assert configuration.warnings == ()
    assert file.commands == tuple(configuration.text().splitlines())
    assert not any(line.startswith("%") for line in file.commands)
    words = list(dict.fromkeys(line.split()[0] for line in file.commands))
    assert words == [word for word in ti_cfg.COMMANDS if word in words]
    assert output_of(configuration).most_points >= 30


def test_the_near_face_cfg_sends_the_heat_map_within_fifty_milliseconds() -> None:
    file = load("iwr6843_face.cfg")
    configuration = ti_cfg.parse("\n".join(file.commands))
    assert configuration.values("guiMonitor")[0]["range_doppler_heat_map"] == 1
    assert file.chirp.frame_period_s == 50e-3
    assert output_of(configuration).packet_bytes(0) == 2208
    assert output_of(configuration).most_points == 31  # as its description says
    assert file.chirp.beat_frequency_hz(USUAL_FACE_M) > file.chirp.high_pass_hz
    assert file.chirp.beat_frequency_hz(FARTHEST_FACE_M) < file.chirp.low_pass_hz
    assert file.warnings == ()


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".json")])
def test_a_json_is_as_the_vendors_tools_write_it(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert write(read(text)) == text


def test_the_table_of_the_readme_is_what_the_code_computes() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "chirp_table.py"], capture_output=True, text=True, check=True, timeout=60
    )
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert result.stdout.strip() in readme, "run tools/chirp_table.py --write"
    for name in NAMES:
        assert readme.count(f"`{name}`") >= 2  # figures and purpose


def test_the_sentence_in_the_docs_is_the_one_that_comes() -> None:
    docs = " ".join((ROOT / "docs" / "radar.md").read_text(encoding="utf-8").replace("\n>", "\n").split())
    text = (FOLDER / "bgt60_face_food.json").read_text(encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        chirp_files.check_limits(read(text.replace("0.05", "0.02")))
    assert str(caught.value) in docs


def test_a_file_is_found_by_name_stem_or_path(tmp_path: Path) -> None:
    assert find_chirp_file("iwr6843_face") == find_chirp_file("iwr6843_face.cfg") == FOLDER / "iwr6843_face.cfg"
    own = tmp_path / "mine.cfg"
    own.write_bytes((FOLDER / "iwr6843_face.cfg").read_bytes())
    assert find_chirp_file(str(own)) == own
    assert load_chirp_file(str(own)).chirp == load_chirp_file("iwr6843_face").chirp
    for name in ("nothing", str(tmp_path / "bgt60_face_food.json"), str(tmp_path)):
        with pytest.raises(ConfigurationError, match=r"not found; give a path.*bgt60_face_food\.json, "):
            find_chirp_file(name)


def test_an_installed_file_is_found_under_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "share" / "faceedge" / "firmware_configs"
    folder.mkdir(parents=True)
    (folder / "site.json").write_bytes((FOLDER / "bgt60_presence.json").read_bytes())
    (folder / "bgt60_presence.json").write_text("an older one")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert find_chirp_file("site") == folder / "site.json"
    assert find_chirp_file("bgt60_presence") == FOLDER / "bgt60_presence.json"
    assert "site.json" in [path.name for path in list_chirp_files()]


def test_a_wrong_file_is_named_in_the_sentence(tmp_path: Path) -> None:
    food = (FOLDER / "bgt60_face_food.json").read_text(encoding="utf-8")
    cases = {
        "long.json": (food.replace("0.05", "0.02").encode(), "fill 25.06 ms of a frame of 20 ms"),
        "cut.json": (food[:200].encode(), "is not JSON"),
        "picture.cfg": (b"\x89PNG\r\n\x1a\n\x00\xff", "it is no text file"),
        "empty.cfg": (b"", "expected command lines"),
        "huge.json": (b" " * (1 << 20) + b" ", "expected a chirp file of a few KB, got 1,048,577 bytes"),
    }
    for name, (content, sentence) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            load_chirp_file(path)
        assert str(path) in str(caught.value)
        assert sentence in str(caught.value)


def test_what_is_worth_knowing_comes_with_the_file() -> None:
    (fifo,) = load("bgt60_face_food.json").warnings
    assert "drained while it fills" in fifo
    assert any("nearer than 0.44 m" in sentence for sentence in load("bgt60_presence.json").warnings)
