"""The closed-form linear encoder-decoders and the one-class model on synthetic features."""

from __future__ import annotations

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.authentication.body_part import BodyPartOutput
from faceedge.perception.authentication.iled import LinearEncoderDecoder
from faceedge.perception.authentication.look_spectrum import LookPower, LookSpectrum
from faceedge.perception.authentication.one_class import OneClass, Term
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp


TWO = (Term(3, 0.5), Term(3, 0.5))


def frames(seed: int, count: int, person: int = 0) -> list[BodyPartOutput]:
    """Frames whose features lie near a plane of three dimensions that belongs to the person."""
    basis = np.random.default_rng(1000 + person).normal(size=(3, 30))
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(count, 3)) @ basis + 0.1 * rng.normal(size=(count, 30))).astype(np.float32)
    errors = 0.02 + 0.001 * rng.normal(size=(count, 2)).astype(np.float32)
    return [BodyPartOutput((row[:12], row[12:]), error) for row, error in zip(x, errors, strict=True)]


@pytest.mark.parametrize("count", [5, 200])
def test_an_iled_reproduces_vectors_of_its_plane_and_no_others(count: int) -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(8, 2)))
    x = rng.normal(size=(count, 2)) @ basis.T + 3
    iled = LinearEncoderDecoder.fit(x, 2)
    inside = 3 + basis @ np.array([5.0, -1.0])
    outside = np.linalg.svd(basis, full_matrices=True)[0][:, 2]
    assert iled.error(inside) == pytest.approx(0, abs=1e-9)
    assert iled.error(inside + 2 * outside) == pytest.approx(4 / 8, rel=1e-4)
    assert iled.error(np.stack([inside, inside + 2 * outside])) == pytest.approx([0, 0.5], abs=1e-4)


def test_the_components_are_those_of_the_largest_variance_and_at_right_angles() -> None:
    x = np.random.default_rng(0).normal(size=(500, 4)) * [1, 5, 2, 0.1]
    components = LinearEncoderDecoder.fit(x, 2).components
    assert np.abs(components).argmax(axis=1).tolist() == [1, 2]
    assert components @ components.T == pytest.approx(np.eye(2), abs=1e-5)


def test_equal_vectors_have_no_components_and_no_error() -> None:
    iled = LinearEncoderDecoder.fit(np.full((3, 6), 2.0), 4)
    assert iled.components.tolist() == [[0.0] * 6] * 2
    assert iled.error(np.full(6, 2.0)) == 0
    assert iled.error(np.full(6, 3.0)) == 1


def test_the_deviance_counts_each_direction_in_units_of_its_own_variance() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 10)) * [8, 4, *[0.5] * 8] + 1
    iled = LinearEncoderDecoder.fit(x, 2)
    assert iled.variances == pytest.approx([64, 16], rel=0.1)
    assert iled.rest == pytest.approx(0.25, rel=0.1)
    assert iled.deviance(np.ones(10)) == pytest.approx(0, abs=0.1)
    assert iled.deviance(1 + 16 * np.eye(10)[0]) == pytest.approx(4, rel=0.1)
    assert iled.deviance(np.stack([1 + 8 * np.eye(10)[1], 1 + np.eye(10)[5]])) == pytest.approx([4, 4], rel=0.1)
    # On average d for the vectors themselves.
    assert iled.deviance(x).mean() == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("count", [6, 40])
def test_the_deviance_is_the_same_from_either_gram_matrix(count: int) -> None:
    x = np.random.default_rng(1).normal(size=(count, 12)) * np.arange(1, 13)
    iled = LinearEncoderDecoder.fit(x, 3)
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / count)
    rest = values[:-3].sum() / 9
    y = np.linspace(-5, 5, 12)
    parts = (vectors.T @ (y - x.mean(axis=0))) ** 2
    assert iled.deviance(y) == pytest.approx((parts[-3:] / values[-3:]).sum() + parts[:-3].sum() / rest, rel=1e-3)


def test_an_iled_refuses_what_it_cannot_be_fitted_to() -> None:
    with pytest.raises(InputError, match=r"two or more finite vectors as rows, got an array of shape \(1, 4\)"):
        LinearEncoderDecoder.fit(np.zeros((1, 4)), 1)
    with pytest.raises(InputError, match="finite"):
        LinearEncoderDecoder.fit(np.full((3, 4), np.nan), 1)
    with pytest.raises(ConfigurationError, match="rank of 1 or more, got 0"):
        LinearEncoderDecoder.fit(np.zeros((3, 4)), 0)
    with pytest.raises(InputError, match="vectors of 4 numbers"):
        LinearEncoderDecoder.fit(np.eye(4), 1).error(np.zeros(5))


def test_the_person_scores_about_0_and_another_person_far_below() -> None:
    model = OneClass.fit(frames(0, 100), frames(1, 50), terms=TWO)
    own = model.scores(frames(2, 100))
    assert abs(own.mean()) < 0.3
    assert model.scores(frames(3, 100, person=1)).max() < own.min()
    assert model.score(frames(2, 1)[0]) > -3


def test_a_badly_reproduced_image_lowers_the_score_only_where_reconstruction_counts() -> None:
    good = frames(2, 1)[0]
    bad = BodyPartOutput(good.features, good.errors * 3)
    both = OneClass.fit(frames(0, 100), frames(1, 50), terms=TWO, reconstruction=True)
    without = OneClass.fit(frames(0, 100), frames(1, 50), terms=TWO)
    assert both.score(bad) < both.score(good) - 5
    assert without.score(bad) == without.score(good)


def test_terms_count_by_their_weights() -> None:
    rng = np.random.default_rng(0)

    def some(count: int, *sizes: float) -> list[BodyPartOutput]:
        made = rng.normal(size=(count, 2, 16)).astype(np.float32) * np.array(sizes, np.float32)[:, np.newaxis]
        return [BodyPartOutput(tuple(vectors), np.zeros(2, np.float32)) for vectors in made]

    model = OneClass.fit(some(400, 1, 1), some(400, 1, 1), terms=(Term(1, 1), Term(1, 3)))
    first, second = model.scores(some(400, 2, 1)).mean(), model.scores(some(400, 1, 2)).mean()
    assert second == pytest.approx(3 * first, rel=0.2)
    assert first < -0.5


def test_a_frame_without_looks_takes_the_terms_of_the_body_part_alone_and_too_many_vectors_are_refused() -> None:
    rng = np.random.default_rng(0)
    made = [BodyPartOutput(tuple(rng.normal(size=(7, 16))), np.zeros(2)) for _ in range(40)]
    body = [BodyPartOutput(output.features[:4], output.errors) for output in made]
    assert OneClass.fit(body[:20], body[20:]).weights.tolist() == [0.25, 0.25, 0.25, 0.25]
    with pytest.raises(ConfigurationError, match="a term for each of 7 feature vectors, got 6"):
        OneClass.fit(made[:20], made[20:])


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(InputError, match=r"20 or more frames .* got 100 and 19; capture more"):
        OneClass.fit(frames(0, 100), frames(1, 19))


def test_a_look_spectrum_has_length_1_whatever_the_echo_and_no_part_of_the_leakage() -> None:
    spectrum = LookSpectrum(CHIRP)
    look = np.random.default_rng(0).normal(2000, 50, (3, 128)).astype(np.float32)
    vector = spectrum(look)
    assert np.linalg.norm(vector) == pytest.approx(1)
    # 22 bins of 2.9 cm, two parts, three receivers.
    assert vector.shape == (3 * 22 * 2,)
    assert spectrum(2 * look) == pytest.approx(vector, abs=1e-6)
    with pytest.raises(InputError, match=r"got \(2, 128\)"):
        spectrum(look[:2])


def test_a_look_power_does_not_change_with_the_size_or_the_sign_of_the_echo() -> None:
    power = LookPower(CHIRP)
    look = np.random.default_rng(0).normal(0, 500, (3, 128)).astype(np.float32)
    vector = power(look)
    assert vector.shape == (3 * 22,)
    assert vector.mean() == pytest.approx(0, abs=1e-6)
    assert power(-3 * look) == pytest.approx(vector, abs=0.02)


def test_a_look_power_shows_an_echo_at_its_range_and_nothing_of_the_room() -> None:
    power = LookPower(CHIRP)
    cycles = 2 * np.pi * np.arange(128) / 128

    def at(place: int) -> np.ndarray:
        return np.tile(100 * np.cos(place * cycles), (3, 1)).astype(np.float32)

    # Bins of 2.86 cm: 5 to 26 are those from 0.12 to 0.75 m.
    assert power(at(10))[:22].argmax() == 5
    assert np.ptp(power(at(40))) < 0.1


def test_a_look_power_refuses_a_look_of_another_radar() -> None:
    with pytest.raises(InputError, match=r"got \(2, 128\)"):
        LookPower(CHIRP)(np.zeros((2, 128), np.float32))
