"""Networks of events: shapes, learning at all, counted energy, and the step that is deployed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch (extra: train)")
pytest.importorskip("snntorch", reason="needs snntorch (extra: train)")

import torch

from faceedge.perception.event_input import CELLS, LABELS, STEPS
from faceedge.training import cs3d, event_energy, event_step, event_training
from faceedge.training.event_data import Act, Session, clips, rests, varied

pytestmark = pytest.mark.training


def sparse(count: int, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    shape = (count, STEPS, 2, CELLS, CELLS)
    return 3 * torch.rand(shape, generator=draws) * (torch.rand(shape, generator=draws) < 0.15)


def awake(seed: int = 0) -> cs3d.SpikingFace:
    """A network whose neurons fire, with the statistics of some clips."""
    torch.manual_seed(seed)
    network = cs3d.SpikingFace().train()
    with torch.no_grad():
        for layer in network.layers:
            layer.normalisation.weight.fill_(1.5)
        for _ in range(30):
            network(sparse(4, seed))
    return network.eval()


def face(person: int, label: int) -> Session:
    """A session in which one corner or another flickers during an act."""
    random = np.random.default_rng(person)
    grids = np.zeros((80, 2, CELLS, CELLS), np.uint8)
    row, column = divmod(label, 4)
    grids[40:60, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = random.integers(0, 200, (20, 2, 16, 16))
    return Session(person, grids, (Act(2.0, 3.0, label),))


@pytest.mark.parametrize("name", cs3d.NETWORKS)
def test_every_network_answers_clips(name: str) -> None:
    network = cs3d.NETWORKS[name]()
    assert network(sparse(2)).shape == (2, len(LABELS))


def test_the_spiking_network_learns_what_can_be_learnt() -> None:
    sessions = [face(person, 1 + person % 3) for person in range(24)]
    recipe = event_training.Recipe(epochs=12, batch=12)
    network = event_training.train(cs3d.SpikingFace, sessions, 0, recipe, lambda line: None)
    found = event_training.score(network, sessions)
    assert np.mean(found.answers.argmax(1) == found.clips.labels) > 0.8


def test_clips_of_rest_hold_no_act() -> None:
    session = face(0, 1)
    for start_s, stop_s in rests(session):
        assert stop_s <= 2.0 or start_s - STEPS * 0.05 >= 3.0
    asked = clips([session], None)
    assert asked.labels.tolist().count(1) == 1
    assert set(asked.people.tolist()) == {0}


def test_variation_keeps_the_shape_and_is_drawn_again() -> None:
    batch = sparse(2)
    one, same, other = (varied(batch, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == batch.shape
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_published_c3d_has_the_operations_that_follow_from_its_shapes() -> None:
    channels, volumes = (2, *cs3d.C3D_CHANNELS), (16 * 64**2, 16 * 32**2, 8 * 16**2, 8 * 16**2, 256, 256, 32, 32)
    expected = sum(
        27 * before * after * volume
        for before, after, volume in zip(channels[:-1], cs3d.C3D_CHANNELS, volumes, strict=True)
    )
    expected += 512 * 4 * 4096 + 4096 * 4096 + 4096 * len(LABELS)
    counted = event_energy.count(cs3d.C3D(1.0))
    assert sum(layer.macs for layer in counted) == expected
    assert sum(layer.acs for layer in counted) == 0


def test_attention_is_counted_to_its_last_product() -> None:
    tokens, size, layers = STEPS // 2 * (CELLS // 8) ** 2, 96, 6
    dense = layers * tokens * (4 * size**2 + 4 * size**2)  # projections; two layers of twice the size
    products = 3 * 2 * tokens * size * ((CELLS // 8) ** 2 + STEPS // 2)
    patches = tokens * size * 2 * 2 * 8 * 8
    layers_found = event_energy.count(cs3d.VideoTransformer())
    assert sum(layer.macs for layer in layers_found) == dense + products + patches + size * len(LABELS)


def test_a_spiking_layer_adds_for_spikes_alone() -> None:
    first, second, _, _ = layers = event_energy.count(awake(), sparse(4))
    assert first.acs == 0
    assert first.macs == STEPS * 16**2 * 32 * (2 * 25 + 1)
    assert second.acs == STEPS * 8**2 * 64 * 32 * 9
    assert second.macs == STEPS * 8**2 * 64
    assert 0.01 < second.spikes < 0.6
    assert second.event_driven_uj == pytest.approx(
        (second.macs * 4.6 + second.acs * second.spikes * 0.9) / 1e6, rel=1e-6
    )
    whole = sum(parameter.numel() for parameter in cs3d.SpikingFace().parameters())
    assert sum(layer.parameters for layer in layers) == pytest.approx(whole, abs=10)


def test_a_thousand_steps_are_those_of_the_network_that_was_trained() -> None:
    network = awake()
    step = event_step.Step(network)
    stream = sparse(64, 5).reshape(1, -1, 2, CELLS, CELLS)[:, :1000]
    fired = 0
    with torch.no_grad():
        spikes = stream
        for layer in network.layers:
            spikes = layer(spikes)
            fired += int(spikes.sum())
        expected = network(stream)
        state = step.start()
        for place in range(1000):
            state = step(stream[:, place], *state)
    assert fired > 10_000
    assert torch.allclose(cs3d.GAIN * state[0], expected, atol=2e-3)
