"""The shipped body part, and the training of FOODER's networks on a few made-up images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceedge.errors import InputError, ModelError
from faceedge.inference.registry import find_model
from faceedge.perception.authentication.body_part import BODY_FEATURES, BodyPart


def images(count: int) -> np.ndarray:
    """A bright range bin (count, 2, 64, 64) that differs from pair to pair."""
    rng = np.random.default_rng(0)
    made = np.full((count, 2, 64, 64), 0.2, np.float32)
    for pair, place in zip(made, rng.integers(8, 20, count), strict=True):
        pair[:, place] = 0.7
    return made + rng.uniform(0, 0.05, made.shape).astype(np.float32)


@pytest.mark.models
def test_the_shipped_body_part_reproduces_images_and_gives_four_vectors() -> None:
    part = BodyPart()
    pair = images(1)[0]
    output = part(pair)
    assert [vector.shape for vector in output.features] == [(16,), (16,), (1024,), (1024,)]
    assert len(output.features) == BODY_FEATURES
    assert output.errors.shape == (2,)
    assert (output.errors > 0).all()
    swapped = part(pair[::-1].copy())
    assert not np.allclose(swapped.features[0], output.features[1])
    assert len(output.with_feature(np.ones(3, np.float32)).features) == 5


@pytest.mark.models
def test_the_body_part_refuses_images_of_another_shape_and_another_model() -> None:
    with pytest.raises(InputError, match=r"images of shape \(2, 64, 64\), got \(64, 64, 2\)"):
        BodyPart()(np.zeros((64, 64, 2), np.float32))
    with pytest.raises(ModelError, match="expected a body part with input"):
        BodyPart(find_model("expression"))


@pytest.mark.training
def test_training_lowers_the_error_and_folding_changes_nothing() -> None:
    torch = pytest.importorskip("torch")
    from faceedge.training import fooder, fooder_card

    settings = fooder.FooderSettings(latent=4, epochs=4, batch=8)
    losses: list[float] = []
    network = fooder.train_body_part(images(16), settings, lambda line: losses.append(float(line.split()[3])))
    assert losses[-1] < 0.5 * losses[0]
    pair = torch.from_numpy(images(2))
    with torch.no_grad():
        plain, folded = network(pair), fooder_card.folded(network)(pair)
    assert [tuple(maps.shape) for maps in plain.maps] == [(2, 1024)] * 2
    for ours, theirs in zip((*plain.latents, *plain.images), (*folded.latents, *folded.images), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.training
def test_fooder_for_one_person_has_six_terms_and_learns_both_images() -> None:
    pytest.importorskip("torch")
    from faceedge.training import fooder

    settings = fooder.FooderSettings(latent=4, epochs=1, batch=8)
    own = images(16)
    early = fooder.person_terms(fooder.train_person(own, settings, lambda _: None), own)
    late = fooder.train_person(own, dataclasses.replace(settings, epochs=4), lambda _: None)
    assert early.shape == (16, 6)
    assert (fooder.person_terms(late, own)[:, :2].mean(0) < early[:, :2].mean(0)).all()


@pytest.mark.training
def test_augmentation_moves_both_images_of_a_pair_alike() -> None:
    torch = pytest.importorskip("torch")
    from faceedge.training import fooder

    pair = images(16)
    pair[:, 1] = pair[:, 0]
    settings = fooder.FooderSettings()
    made = fooder.augment(torch.from_numpy(pair), settings, torch.Generator().manual_seed(0)).numpy()
    assert np.array_equal(made[:, 0], made[:, 1])
    assert 0 <= made.min() < made.max() <= 1
    moved = made[:, 0].mean(2).argmax(1) - pair[:, 0].mean(2).argmax(1)
    assert np.abs(moved).max() == 4
