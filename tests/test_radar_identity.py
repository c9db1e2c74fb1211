"""Identity by radar: range profiles, the statistics of a window, and the embedder around a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception.identity.embedding import NAME, IdentityEmbedder
from faceedge.perception.identity.range_profile import RANGES_M, RangeProfiles, leading_edge_m, response
from faceedge.perception.identity.spreading import isometry, spread
from faceedge.perception.identity.window_statistics import CURVES, FEATURES, OFFSETS_M, read, window_curves
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.training.radar_identity import Windows, people_of

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp


def echo(range_m: float, amplitude: float = 100.0, phase: float = 0.0) -> np.ndarray:
    """(3, 128) samples of a point whose echo has this amplitude before the filters."""
    beat_hz = CHIRP.beat_frequency_hz(range_m)
    gain = complex(response(CHIRP, np.array(beat_hz)))
    time_s = np.arange(CHIRP.samples_per_chirp) / CHIRP.sample_rate_hz
    one = (amplitude * gain * np.exp(1j * (2 * np.pi * beat_hz * time_s + phase))).real
    return np.repeat(one[np.newaxis], 3, axis=0).astype(np.float32) + 2000


def looks(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3, 128): points behind 30 cm whose phases are new in each look."""
    random = np.random.default_rng(seed)
    ranges_m = 0.3 + np.array([0.0, 0.03, 0.05, 0.14])
    sizes = (100, 160, 60, 200)
    return np.stack(
        [
            sum(
                (echo(r, a, float(random.uniform(0, 6.28))) for r, a in zip(ranges_m, sizes, strict=True)),
                np.zeros((3, 128), np.float32),
            )
            + random.standard_normal((3, 128), np.float32)
            for _ in range(count)
        ]
    )


def test_a_point_shows_at_its_range_with_its_amplitude_as_if_it_were_30_cm_away() -> None:
    for range_m in (0.20, 0.30, 0.45):
        profile = np.abs(RangeProfiles(CHIRP)(echo(range_m)))
        assert profile.shape == (3, len(RANGES_M))
        place = int(np.argmax(profile[0] / RANGES_M**2))
        assert RANGES_M[place] == pytest.approx(range_m)
        assert profile[0, place] == pytest.approx(100 * (range_m / 0.3) ** 2, rel=0.02)


def test_twice_the_gain_of_the_receiver_changes_nothing() -> None:
    louder = dataclasses.replace(CHIRP, if_gain_db=CHIRP.if_gain_db + 20 * np.log10(2))
    samples = echo(0.3)
    twice = 2 * (samples - 2000) + 2000
    assert np.allclose(RangeProfiles(louder)(twice), RangeProfiles(CHIRP)(samples), atol=0.05)


def test_the_leading_edge_follows_the_face_by_less_than_a_step() -> None:
    profiles = RangeProfiles(CHIRP)
    edges = [leading_edge_m(np.square(np.abs(profiles(echo(r)))).mean(axis=0)) for r in (0.300, 0.304, 0.330)]
    assert edges[1] - edges[0] == pytest.approx(0.004, abs=0.001)
    assert edges[2] - edges[0] == pytest.approx(0.030, abs=0.001)


def test_a_window_of_too_few_looks_is_refused() -> None:
    with pytest.raises(InputError, match="at least 20 looks, 19 came"):
        window_curves(RangeProfiles(CHIRP)(looks(19)))


def test_looks_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"3 rx, 128 samples"):
        RangeProfiles(CHIRP)(np.zeros((3, 64), np.float32))


def test_the_phase_between_receivers_is_the_direction() -> None:
    samples = looks(20)
    profiles = RangeProfiles(CHIRP)(samples)
    profiles[:, 1] = profiles[:, 0] * np.exp(-0.5j)
    curves = window_curves(profiles)
    assert curves.shape == (CURVES, len(RANGES_M))
    place = int(np.argmin(np.abs(RANGES_M - 0.3)))
    assert curves[5, place] == pytest.approx(np.cos(0.5), abs=0.01)
    assert curves[6, place] == pytest.approx(np.sin(0.5), abs=0.01)


def test_echoes_that_keep_still_are_coherent_and_those_that_do_not_are_not() -> None:
    moving = window_curves(RangeProfiles(CHIRP)(looks(60)))
    still = window_curves(RangeProfiles(CHIRP)(np.repeat(looks(1), 60, axis=0)))
    place = int(np.argmin(np.abs(RANGES_M - 0.3)))
    after_a_tenth_of_a_second = 15
    assert still[after_a_tenth_of_a_second, place] > 0.95
    assert moving[after_a_tenth_of_a_second, place] < 0.5
    assert still[1, place] < 0.01 < moving[1, place]  # contrast


def test_curves_are_read_between_their_steps() -> None:
    curves = np.tile(RANGES_M, (CURVES, 1)).astype(np.float32)
    found = read(curves, 0.303)
    assert found.shape == (FEATURES,)
    assert found[: len(OFFSETS_M)] == pytest.approx(0.303 + OFFSETS_M, abs=1e-6)


def test_an_embedding_comes_after_five_seconds_and_then_every_half_second() -> None:
    embedder = IdentityEmbedder(CHIRP)
    times_s = []
    for number, look in enumerate(looks(140)):
        found = embedder.push(look, round(number * 0.05e9))
        if found is not None:
            times_s.append(number * 0.05)
            assert found.vector.shape == (embedder.size,)
            assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
            assert found.looks == 100
    assert times_s == pytest.approx([4.95, 5.45, 5.95, 6.45, 6.95])


def test_after_a_gap_the_window_begins_anew() -> None:
    embedder = IdentityEmbedder(CHIRP)
    stamps_s = np.concatenate([np.arange(90) * 0.05, 6 + np.arange(99) * 0.05])
    found = [embedder.push(look, round(t * 1e9)) for look, t in zip(looks(189), stamps_s, strict=True)]
    assert found == [None] * 189


def test_the_same_looks_at_once_give_the_same_embedding() -> None:
    embedder, samples = IdentityEmbedder(CHIRP), looks(100)
    pushed = [embedder.push(look, round(number * 0.05e9)) for number, look in enumerate(samples)][-1]
    assert pushed is not None
    assert np.allclose(pushed.vector, embedder.embed(samples), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"end_frequency_hz": 61e9}, "end_frequency_hz"),
        ({"samples_per_chirp": 64}, "samples_per_chirp"),
        ({"rx_antennas": (1, 3)}, "rx_antennas"),
    ],
)
def test_a_chirp_that_the_model_was_not_made_for_is_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        IdentityEmbedder(dataclasses.replace(CHIRP, **change))  # type: ignore[arg-type]


def test_a_card_without_a_chirp_is_refused() -> None:
    model = find_model(NAME)
    with pytest.raises(ModelError, match="must say under chirp"):
        IdentityEmbedder(CHIRP, Model(model.path, dataclasses.replace(model.card, extra={})))


def test_a_model_of_another_task_is_refused() -> None:
    card = find_model(NAME).card
    with pytest.raises(ModelError, match="maps"):
        IdentityEmbedder(CHIRP, Model(find_model("expression").path, card))


def test_spreading_keeps_lengths_and_angles_and_is_the_same_everywhere() -> None:
    vectors = np.random.default_rng(3).standard_normal((20, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    out = spread(vectors)
    assert out.shape == (20, 512)
    assert np.allclose(out @ out.T, vectors @ vectors.T, atol=1e-6)
    assert isometry(128)[0, :3] == pytest.approx([0.0441942, -0.0441942, -0.0441942], abs=1e-6)
    assert isometry(128)[100, :3] == pytest.approx([0.0729846, -0.0587917, 0.0327019], abs=1e-6)
    kept = out[:, ::5] @ out[:, ::5].T  # what a protected template mostly holds
    assert np.corrcoef(kept.ravel(), (vectors @ vectors.T).ravel())[0, 1] > 0.9


def test_an_embedding_that_is_too_long_is_not_spread() -> None:
    with pytest.raises(InputError, match="at most 512 values can be spread, one of 600 came"):
        spread(np.zeros(600))


def test_two_data_sets_of_windows_become_one() -> None:
    one = Windows(np.zeros((2, 4, 3, 1, 1)), np.full((2, 4, 3), 0.3), np.full((2, 4), 0.32))
    other = Windows(np.ones((1, 4, 3, 1, 1)), np.full((1, 4, 3), 0.4), np.full((1, 4), 0.42))
    both = one.and_of(other)
    assert both.curves.shape == (3, 4, 3, 1, 1)
    assert both.edge_m[:, 0, 0].tolist() == [0.3, 0.3, 0.4]
    assert both.nose_m[:, 0].tolist() == [0.32, 0.32, 0.42]


def test_people_of_a_data_set_are_counted_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no people in it"):
        people_of(tmp_path)
    for name in ("p000", "p001", "splits"):
        (tmp_path / name).mkdir()
    assert people_of(tmp_path) == 2
