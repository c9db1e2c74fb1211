"""The closed-form linear encoder-decoders and the one-class model on synthetic features."""

from __future__ import annotations

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError
from faceedge.perception.authentication.body_part import BodyPartOutput
from faceedge.perception.authentication.iled import LinearEncoderDecoder
from faceedge.perception.authentication.look_spectrum import LookSpectrum
from faceedge.perception.authentication.one_class import OneClass
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file

CHIRP = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp


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
    model = OneClass.fit(frames(0, 100), frames(1, 50), rank=3)
    own = model.scores(frames(2, 100))
    assert abs(own.mean()) < 0.3
    assert model.scores(frames(3, 100, person=1)).max() < own.min()
    assert model.score(frames(2, 1)[0]) > -3


def test_a_badly_reproduced_image_lowers_the_score_only_where_reconstruction_counts() -> None:
    good = frames(2, 1)[0]
    bad = BodyPartOutput(good.features, good.errors * 3)
    both = OneClass.fit(frames(0, 100), frames(1, 50), rank=3, reconstruction=True)
    without = OneClass.fit(frames(0, 100), frames(1, 50), rank=3)
    assert both.score(bad) < both.score(good) - 5
    assert without.score(bad) == without.score(good)


def test_an_added_vector_counts_as_much_as_all_of_the_body_part() -> None:
    rng = np.random.default_rng(0)

    def some(count: int, of_body: float, of_added: float) -> list[BodyPartOutput]:
        made = rng.normal(size=(count, 5, 16)).astype(np.float32)
        made[:, :4] *= of_body
        made[:, 4] *= of_added
        return [BodyPartOutput(tuple(vectors), np.zeros(2, np.float32)) for vectors in made]

    model = OneClass.fit(some(400, 1, 1), some(400, 1, 1), rank=1, added_rank=1)
    body, added = model.scores(some(400, 2, 1)).mean(), model.scores(some(400, 1, 2)).mean()
    assert body == pytest.approx(added, rel=0.2)
    assert body < -1


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
