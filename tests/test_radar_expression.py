from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceedge.errors import ConfigurationError, InputError, ModelError
from faceedge.inference.registry import Model, find_model
from faceedge.perception.radar_expression import LEAVES, MODEL, RadarExpression, decide
from faceedge.perception.radar_expression_features import (
    BINS,
    BINS_BEFORE,
    CHANNELS,
    GRID_M,
    EchoTransform,
    front_bin,
    motion_features,
)
from faceedge.perception.radar_expression_images import RadarImageExpression
from faceedge.radar.bgt60_registers import chirp_from_registers, registers_for
from faceedge.radar.chirp_files import find_chirp_file, load_chirp_file
from faceedge.radar.face_frames import FaceFrame

FULL_BAND = load_chirp_file(find_chirp_file("bgt60_face_full_band")).chirp
LOOKS = load_chirp_file(find_chirp_file("bgt60_face_looks")).chirp
LIGHT_M_S = 299_792_458.0
DISTANCE_M = 0.30


def samples(distance_m: float, amplitude: float = 500.0) -> np.ndarray:
    """(3, 128) of one point; as the ramp mixes it with itself."""
    time_s = np.arange(LOOKS.samples_per_chirp) / LOOKS.sample_rate_hz
    beat_hz = LOOKS.slope_hz_per_s * 2 * distance_m / LIGHT_M_S
    phase = 2 * np.pi * beat_hz * time_s + 4 * np.pi * distance_m * LOOKS.start_frequency_hz / LIGHT_M_S
    return np.tile(2048 + amplitude * np.cos(phase), (3, 1)).astype(np.float32)


def frame(sequence: int, distance_m: float, velocity_m_s: float = 0.0, noise: float = 0.2) -> FaceFrame:
    half_s = 4 * LOOKS.chirp_period_s
    first, second = samples(distance_m), samples(distance_m + velocity_m_s * half_s)
    look = (first + second) / 2 + np.float32(noise) * np.random.default_rng(sequence).standard_normal((3, 128))
    return FaceFrame(sequence, 100_000_000 * sequence, None, look.astype(np.float32), 0.0, False, second - first)


def features_of(distances_m: np.ndarray, velocity_m_s: float) -> np.ndarray:
    transform = EchoTransform(LOOKS)
    frames = [frame(k, float(r), velocity_m_s) for k, r in enumerate(distances_m)]
    echoes = np.stack([transform(f.look, f.drift) for f in frames if f.drift is not None])
    return motion_features(echoes, 0.1, transform.half_s, transform.mm_per_rad)


def test_a_head_that_moves_evenly_is_all_common_motion_and_none_of_the_skins() -> None:
    features = features_of(DISTANCE_M + 0.0004 * np.arange(40), 0.004)
    assert features.shape == (40, BINS, CHANNELS)
    assert features[1:, 0, 15] == pytest.approx(0.4, abs=0.02)  # mm from look to look
    assert features[:, 0, 16] == pytest.approx(4.0 / 20, abs=0.02)  # mm/s over 20
    assert np.abs(features[1:, BINS_BEFORE + 1 : BINS_BEFORE + 3, 3:6]).max() < 0.05


def test_a_head_that_moves_more_than_half_a_turn_between_looks_is_followed_by_its_velocity() -> None:
    features = features_of(DISTANCE_M + 0.003 * np.arange(30), 0.030)
    assert features[1:, 0, 15] == pytest.approx(3.0, abs=0.05)


def test_the_face_begins_where_the_power_rises() -> None:
    power = np.full(len(GRID_M), 1e-3)
    power[14:20] = 100.0
    assert front_bin(power) == 14


def test_an_estimate_comes_once_the_window_is_full_and_again_after_a_gap() -> None:
    stage = RadarExpression(LOOKS)
    window = int(find_model(MODEL).card.extra["processing"]["window"])
    found = [stage.push(frame(k, DISTANCE_M)) for k in range(window + 1)]
    assert [estimate is None for estimate in found] == [True] * (window - 1) + [False] * 2
    last = found[-1]
    assert last is not None
    assert last.probabilities.shape == (4,)
    assert float(last.probabilities.sum()) == pytest.approx(1.0, abs=1e-5)
    assert last.dynamic == pytest.approx(float(last.probabilities[1] + last.probabilities[2]), abs=1e-6)
    assert last.stamp_ns == 100_000_000 * window
    assert stage.push(frame(window + 5, DISTANCE_M)) is None


def test_a_radar_twice_as_fast_is_looked_at_every_second_frame() -> None:
    stage = RadarExpression(FULL_BAND)
    window = int(find_model(MODEL).card.extra["processing"]["window"])
    found = [stage.push(frame(k, DISTANCE_M)) for k in range(2 * window)]
    assert [k for k, estimate in enumerate(found) if estimate is not None] == [2 * window - 2]


def test_below_the_threshold_the_word_is_empty_and_the_confidence_stays() -> None:
    probabilities = np.array([0.2, 0.5, 0.2, 0.1], np.float32)
    assert decide(probabilities, 0.5, 7).word == "smile"
    unsure = decide(probabilities, 0.51, 7)
    assert (unsure.word, unsure.confidence, unsure.stamp_ns) == ("", 0.5, 7)


def test_reset_forgets_frames() -> None:
    stage = RadarExpression(LOOKS)
    for k in range(60):
        stage.push(frame(k, DISTANCE_M))
    stage.reset()
    assert stage.push(frame(60, DISTANCE_M)) is None
    with pytest.raises(InputError, match=r"a neutral reference needs more than 4\.0 s"):
        stage.neutral_reference()


def test_a_reference_moves_probabilities_by_the_cards_share() -> None:
    model = with_share(find_model(MODEL), 1.0)
    plain, corrected = RadarExpression(LOOKS, model), RadarExpression(LOOKS, model)
    corrected.set_reference(np.array([0.0, 0.0, 0.0, 1.0]))
    pairs = [(plain.push(frame(k, DISTANCE_M)), corrected.push(frame(k, DISTANCE_M))) for k in range(40)]
    a, b = pairs[-1]
    assert a is not None
    assert b is not None
    before, after = (p.probabilities[LEAVES.index("anger")] / p.probabilities[0] for p in (a, b))
    assert after / before == pytest.approx(np.exp(-1.0), rel=1e-3)


def with_share(model: Model, share: float) -> Model:
    entry = dict(model.card.extra["processing"]) | {"reference_share": share}
    return Model(model.path, dataclasses.replace(model.card, extra={"processing": entry}))


def test_what_a_radar_makes_of_the_chirp_file_is_taken() -> None:
    """Registers hold whole steps of the synthesiser and of the clock, so no radar has exactly what a file asks for."""
    for chirp in (LOOKS, FULL_BAND):
        rounded = chirp_from_registers(registers_for(chirp))
        assert rounded != chirp
        assert RadarExpression(rounded).chirp == rounded
    assert RadarImageExpression(chirp_from_registers(registers_for(FULL_BAND)))


def test_another_chirp_is_refused_with_what_to_do() -> None:
    narrow = load_chirp_file(find_chirp_file("bgt60_face_food")).chirp
    with pytest.raises(ConfigurationError, match=r"made for start_frequency_hz .* use a chirp file such as"):
        RadarExpression(narrow)
    with pytest.raises(ConfigurationError, match=r"needs a look every 0\.1 s"):
        RadarExpression(dataclasses.replace(LOOKS, frame_period_s=0.07))


def test_frames_without_drift_and_references_of_another_shape_are_refused() -> None:
    stage = RadarExpression(LOOKS)
    with pytest.raises(InputError, match="prepare frames with FaceFrames"):
        stage.push(dataclasses.replace(frame(0, DISTANCE_M), drift=None))
    with pytest.raises(InputError, match="has 4 finite numbers"):
        stage.set_reference(np.zeros(3))


def test_a_card_without_processing_is_refused() -> None:
    model = find_model(MODEL)
    bare = Model(model.path, dataclasses.replace(model.card, extra={}))
    with pytest.raises(ModelError, match="its card must give window, history"):
        RadarExpression(LOOKS, bare)


@pytest.mark.training
def test_the_trained_network_gives_logits_for_each_step() -> None:
    torch = pytest.importorskip("torch")
    from faceedge.training.radar_expression_network import Exported, MotionNetwork

    with torch.no_grad():
        out = Exported(MotionNetwork()).eval()(torch.zeros(2, CHANNELS, 40, BINS))
    assert tuple(out.shape) == (2, 40, 4)


@pytest.mark.training
def test_labels_may_be_given_late_by_a_tenth_of_an_act() -> None:
    pytest.importorskip("torch")
    from faceedge.training.radar_expression import shifted_labels
    from faceedge.training.radar_expression_data import LabelledAct, MotionSession

    labels = np.full(100, -1, np.int64)
    labels[20:60] = 2
    empty = np.zeros(0, np.float32)
    session = MotionSession(0, 0, empty, labels, empty, empty, (LabelledAct(2, 2.0, 6.0),))
    shifted = shifted_labels(session, 0.1, np.random.default_rng(1))
    assert abs(int(np.flatnonzero(shifted == 2)[0]) - 20) <= 4
    assert int((shifted == 2).sum()) in (39, 40, 41)
    assert shifted_labels(session, 0.0, np.random.default_rng(1)) is labels
