"""A synthetic person through the radar's own processing: where, how fast, and how often they breathe."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from radar_surfaces import full_band
from stand_in_sessions import small

from faceedge.radar.angles import RangeAngle
from faceedge.radar.range_doppler import RangeDoppler
from faceedge.radar.vital_signs import BREATHING_HZ, VitalSignsMonitor, strongest_rhythm
from faceedge.simulation.person.person import draw_person
from faceedge.simulation.radar.reflectors import Shifted, sphere
from faceedge.simulation.radar.view import RadarView
from faceedge.simulation.sessions import stage as stages
from faceedge.simulation.sessions.session import draw_session

WATCHED_S = 20.0


def ball(azimuth_deg: float, elevation_deg: float, velocity_m_s: float) -> RadarView:
    """A sphere whose middle is 45 cm away in a direction, and which goes away from the radar."""
    y, z = (0.45 * math.sin(math.radians(angle)) for angle in (azimuth_deg, elevation_deg))
    middle_m = np.array([math.sqrt(0.45**2 - y * y - z * z), y, z])
    mesh, points = sphere(middle_m[0], 0.04, 6e-3)

    def way_m(time_s: np.ndarray) -> np.ndarray:
        return np.outer(velocity_m_s * time_s, middle_m / 0.45)

    return RadarView(full_band(), Shifted(mesh, points + (0.0, y, z), way_m))


@pytest.mark.parametrize(("azimuth_deg", "elevation_deg"), [(20, 0), (-20, 0), (0, 15), (0, -15)])
def test_what_is_to_the_left_and_above_appears_there(azimuth_deg: float, elevation_deg: float) -> None:
    view = ball(azimuth_deg, elevation_deg, 0.3)
    doppler, angles = RangeDoppler(view.chirp), RangeAngle(view.chirp)
    doppler(view.cube(1))
    images = angles(doppler.range_spectrum)
    row = int(images[0].max(axis=1).argmax())
    found = np.degrees(angles.angle_axis_rad[images[:, row].argmax(axis=1)])
    assert angles.range_axis_m[row] == pytest.approx(0.425, abs=0.03)
    assert found == pytest.approx((azimuth_deg, elevation_deg), abs=3.0)


@pytest.mark.parametrize("velocity_m_s", [-0.5, 0.25])
def test_what_comes_nearer_has_a_negative_velocity(velocity_m_s: float) -> None:
    view = ball(0, 0, velocity_m_s)
    doppler = RangeDoppler(view.chirp)
    image = doppler(view.cube(1))
    _, column = np.unravel_index(int(image.argmax()), image.shape)
    assert doppler.velocity_axis_m_s[column] == pytest.approx(velocity_m_s, abs=0.06)


@pytest.mark.parametrize("person", [2, 3])
def test_breath_of_a_whole_session_is_seen_at_its_rate_and_size(person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of somebody who leans on a chair, in a room, with all noise. Most people sway so much that no range bin's echo
    runs on one circle for long, which is what the measurement takes for granted.
    """
    monkeypatch.setattr(stages, "LONGEST_EDGE_M", 0.01)
    monkeypatch.setattr(stages, "draw_person", lambda *a, **k: dataclasses.replace(draw_person(*a, **k), sway_m=5e-4))
    chirp = full_band(chirps_per_frame=4, frame_period_s=0.2, rx_antennas=(3,))
    drawn = draw_session(person, 0, small(script="still", seed=5), chirp)
    session = dataclasses.replace(
        drawn, duration_s=WATCHED_S + 1, distance_m=0.6, offset_m=(0.0, 0.2), turn_deg=(0.0, 0.0, 0.0)
    )
    stage = stages.build(session)
    monitor, doppler = VitalSignsMonitor(chirp, seconds=WATCHED_S), RangeDoppler(chirp)
    for index in range(round(WATCHED_S * chirp.frame_rate_hz)):
        doppler(stage.radar_cube(index))
        monitor.push(doppler.range_spectrum, index)
    seen = monitor.measure()
    assert seen is not None
    truth, _ = stage.truth(0, round(1000 * WATCHED_S))
    breath = strongest_rhythm(truth.chest_m[::20].astype(np.float64), 50.0, BREATHING_HZ)
    assert seen.breathing.rate_hz == pytest.approx(breath.rate_hz, abs=0.02)
    assert seen.breathing.amplitude_m == pytest.approx(breath.amplitude_m, rel=0.2)
