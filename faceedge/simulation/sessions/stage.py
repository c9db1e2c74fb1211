"""A session with everything built: the person, what is performed, and what each sensor sees of it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from faceedge.camera.calibration import CameraInfo
from faceedge.simulation.performance.motion import Motion
from faceedge.simulation.performance.performance import Performance, perform
from faceedge.simulation.performance.placement import Placement
from faceedge.simulation.performance.subject import habits, on_the_day
from faceedge.simulation.performance.turning import FACING, rotation
from faceedge.simulation.person.acting import Acting
from faceedge.simulation.person.body import Body
from faceedge.simulation.person.person import draw_person
from faceedge.simulation.sessions.session import Session

if TYPE_CHECKING:
    from faceedge.simulation.camera.optics import Optics
    from faceedge.simulation.camera.renderer import Band
    from faceedge.simulation.camera.shading import Light
    from faceedge.simulation.camera.view import CameraView
    from faceedge.simulation.events.view import EventView
    from faceedge.simulation.person.appearance import Appearance
    from faceedge.simulation.radar.view import RadarView

LONGEST_EDGE_M = 5e-3
"""Of the facets of face and ears as the radar sees them: a wavelength, because the phase over each facet is integrated
in closed form. Echoes of four people changed by 7 to 16 % (-23 to -16 dB) with edges of half of it."""
CAMERA_M = (0.0, 0.0, 0.03)
EVENT_CAMERA_M = (0.0, 0.02, 0.03)
"""Where the cameras are from the radar: x forward, y left, z up."""
FIELD_OF_VIEW_DEG = 62.2
"""Of the camera, across: as a Raspberry Pi's camera module 2 has it."""


@dataclass(frozen=True, slots=True)
class EventLens:
    """What an event camera reads out, and through which lens.

    Attributes:
        size: width and height of the region, px.
        corner: column and row of its first pixel on the sensor.
        focal_m: focal length.
    """

    size: tuple[int, int]
    corner: tuple[int, int]
    focal_m: float


EVENT_LENSES = {
    "genx320": EventLens((320, 320), (0, 0), 2.1e-3),
    "evk4": EventLens((560, 720), (360, 0), 5.0e-3),
}
"""With these a face fills most of the picture at 30 cm and does not fit into it at 18 cm."""


class RealStage:
    """A session with the real views; see `tracks.Stage`. What a session does not record is not built.

    Args:
        session: every parameter.
    """

    field_of_view_deg = FIELD_OF_VIEW_DEG

    def __init__(self, session: Session) -> None:
        self.session = session
        self.person = draw_person(session.person_seed, mask=session.mask)
        self.clothing_seed = session.stream_seed("clothing")
        self.body = Body(self.person, clothing_seed=self.clothing_seed)
        self.today = on_the_day(self.person, session.stream_seed("motion"))
        self.performance = self._perform(Placement(session.distance_m, session.offset_m, session.turn_deg))
        self.surface = Acting(self.body, self.performance)

    def _perform(self, placement: Placement) -> Performance:
        session = self.session
        seed = session.stream_seed("motion")
        return perform(self.today, placement, session.script, session.duration_s, seed, self.body.nose_tip_m)

    # The radar

    @cached_property
    def radar(self) -> RadarView:
        """What the radar sees: a finer mesh, in a room of the session's own."""
        from faceedge.simulation.radar.front_end import TemperatureDrift
        from faceedge.simulation.radar.room import draw_room
        from faceedge.simulation.radar.view import RadarView

        session = self.session
        body = Body(self.person, longest_edge_m=LONGEST_EDGE_M, clothing_seed=self.clothing_seed)
        fine = Acting(body, self.performance)
        drift = TemperatureDrift(session.temperature_c, session.temperature_c + session.warming_c, session.warming_s)
        room = draw_room(session.stream_seed("room"))
        return RadarView(session.chirp, fine, room=room, drift=drift, seed=session.stream_seed("radar"))

    def radar_cube(self, index: int) -> np.ndarray:
        """See `tracks.Stage.radar_cube`."""
        return self.radar.cube(index)

    # The cameras

    @cached_property
    def appearance(self) -> Appearance:
        """Textures of the person in the session's clothes."""
        from faceedge.simulation.person.appearance import appearance

        return appearance(self.person, self.clothing_seed)

    def light(self) -> Light:
        """In the room, for both cameras."""
        from faceedge.simulation.camera.view import light_of

        return light_of(self.session.camera_mode, self.session.light)

    def _behind(self, optics: Optics) -> np.ndarray:
        """What is behind the person: the room of the session."""
        from faceedge.simulation.camera.background import room

        return room(optics.height, optics.width, self.light(), self.session.stream_seed("room"))

    @cached_property
    def camera(self) -> CameraView:
        """What the camera sees."""
        from faceedge.simulation.camera.optics import Optics
        from faceedge.simulation.camera.view import camera_view

        session, (width, height) = self.session, self.session.camera_size
        focal_px = width / 2 / math.tan(math.radians(self.field_of_view_deg / 2))
        optics = Optics(width, height, focal_px, CAMERA_M)
        return camera_view(
            self.surface,
            self.appearance,
            optics,
            session.camera_mode,
            brightness=session.light,
            background=self._behind(optics),
            seed=session.stream_seed("camera"),
        )

    def picture(self, time_s: float) -> np.ndarray:
        """See `tracks.Stage.picture`."""
        return self.camera.frame(time_s)

    def calibration(self) -> CameraInfo:
        """See `tracks.Stage.calibration`."""
        return self.camera.renderer.optics.camera_info()

    @cached_property
    def event_view(self) -> EventView:
        """What the event camera sees: a stream."""
        from faceedge.simulation.camera.optics import Optics
        from faceedge.simulation.camera.renderer import Renderer
        from faceedge.simulation.camera.view import MODES
        from faceedge.simulation.events.view import GEOMETRIES, EventView

        session = self.session
        lens, geometry = EVENT_LENSES[session.event_geometry], GEOMETRIES[session.event_geometry]
        optics = Optics(*lens.size, focal_px=lens.focal_m / geometry.pixel_m, position_m=EVENT_CAMERA_M)
        band: Band = "nir" if MODES[session.camera_mode].band == "nir" else "luminance"
        background = self._behind(optics)
        return EventView(
            Renderer(self.surface, self.appearance, optics, self.light(), band, background=background),
            rate_hz=session.event_rate_hz,
            geometry=session.event_geometry,
            region_px=lens.corner,
            seed=session.stream_seed("events"),
        )

    def events(self, until_us: int) -> np.ndarray:
        """See `tracks.Stage.events`."""
        return self.event_view.advance(until_us * 1e-6)

    def event_size(self) -> tuple[int, int]:
        """See `tracks.Stage.event_size`."""
        geometry = self.event_view.geometry
        return geometry.width, geometry.height

    # What is true

    def truth(self, start: int, stop: int) -> tuple[Motion, np.ndarray]:
        """See `tracks.Stage.truth`."""
        motion = self.performance.motion(np.arange(start, stop) / 1000)
        turn = FACING @ rotation(motion.head_rad.astype(np.float64))
        return motion, motion.pivot_m + turn @ self.body.nose_tip_m

    def facts(self) -> dict[str, Any]:
        """See `tracks.Stage.facts`."""
        acts, calls = self.performance.acts, self.performance.calls
        return {
            "identity": self.person.to_dict(),
            "today": habits(self.today),
            "acts": [{**dataclasses.asdict(act), "stop_s": act.stop_s} for act in acts],
            "calls": [dataclasses.asdict(call) for call in calls],
        }


def build(session: Session) -> RealStage:
    """The stage of a session."""
    return RealStage(session)
