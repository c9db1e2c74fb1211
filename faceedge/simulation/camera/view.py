"""A camera: exposure, motion blur, rolling shutter, photons and noise, gain and the sRGB curve.

Electrons in a pixel are Poisson distributed about what light, exposure and sensor give; reading them adds Gaussian
noise; pixels differ a little from each other (EMVA Standard 1288, release 4.0, calls it the linear camera model). The
colour filters in front of the pixels and their interpolation are left out: each pixel has all three colours.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from faceedge.errors import ConfigurationError
from faceedge.simulation.camera.optics import Optics
from faceedge.simulation.camera.renderer import Band, Renderer
from faceedge.simulation.camera.shading import LIGHTS, Light
from faceedge.simulation.camera.texture import Appearance
from faceedge.simulation.surface import Surface

MIDDLE_GREY = 0.2
"""Mean linear level, of full scale, of the picture's middle that automatic gain aims at."""
_NEARLY_WHITE = 0.85  # at most 2 % of the middle may be brighter
_MOST_SAMPLES = 8
_SAMPLE_PX = 0.5  # between two pictures of one exposure nothing moves farther
_FEW_ELECTRONS = 30.0  # below, a Gaussian is no stand-in for a Poisson distribution
_TABLE = 4096
_CORRECTED = 0.8  # how much of the light's tint an automatic white balance takes out


@dataclass(frozen=True, slots=True)
class Sensor:
    """An image sensor and what its lens lets through; about a 1.4 um pixel behind f/2.

    Attributes:
        electrons_per_lux_s: from a white surface under 1 lux in 1 s.
        full_well_e: electrons that fill a pixel.
        read_noise_e: standard deviation of reading.
        dark_e_s: dark current.
        response_spread: standard deviation of the pixels' responses (photo response non-uniformity).
        offset_spread_e: standard deviation of the pixels' offsets.
        vignetting: light lost where the angle from the axis reaches 45 degrees, beyond what a pinhole loses: 0 to 1.
        cosine_fourth: whether light falls with the fourth power of the cosine of that angle.
    """

    electrons_per_lux_s: float = 170.0
    full_well_e: float = 6000.0
    read_noise_e: float = 2.2
    dark_e_s: float = 4.0
    response_spread: float = 0.006
    offset_spread_e: float = 0.4
    vignetting: float = 0.1
    cosine_fourth: bool = True

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise ConfigurationError(f"a sensor's figures must be finite and not below 0, got {self}.")
        if not (self.electrons_per_lux_s > 0 and self.full_well_e > 0 and self.vignetting <= 1):
            raise ConfigurationError(f"a sensor needs a response and a full well above 0, got {self}.")


@dataclass(frozen=True, slots=True)
class Mode:
    """How a camera is used.

    Attributes:
        light: name in `LIGHTS`.
        band: what the camera sees.
        exposure_s: as long as the light allows; shorter where it would saturate.
        most_gain_db: automatic gain stops here.
    """

    light: str
    band: Band
    exposure_s: float
    most_gain_db: float


MODES = {
    "day": Mode("day", "rgb", 0.010, 24.0),
    "dim": Mode("dim", "rgb", 0.030, 30.0),
    "dark": Mode("dark", "rgb", 0.033, 30.0),
    "nir": Mode("nir", "nir", 0.008, 24.0),
}


class CameraView:
    """Pictures of one scene as a camera takes them. A picture depends on its time and the seed, on nothing before.

    Args:
        renderer: of the scene; ``rgb`` for a colour camera, otherwise pictures are grey.
        exposure_s: length of each row's exposure.
        gain_db: of the amplifier, 20 log10; at 0 a full well is white. None: so much that the middle of the picture
            at ``reference_s`` has a mean of `MIDDLE_GREY` and hardly any white, at most ``most_gain_db``; if that is
            less than 0, the exposure is shortened instead.
        samples: pictures that make up an exposure; None: as many as the motion asks for, at most eight.
        readout_s: from the first row's exposure to the last one's (rolling shutter).
        sensor: its figures.
        white_balance: whether to take out most of the light's tint.
        most_gain_db: see ``gain_db``.
        reference_s: see ``gain_db``.
        seed: of noise and of the pixels' differences.

    Attributes:
        exposure_s, gain_db: in use.

    Raises:
        ConfigurationError: an exposure, readout or gain that no camera has.
    """

    def __init__(
        self,
        renderer: Renderer,
        *,
        exposure_s: float = 0.01,
        gain_db: float | None = None,
        samples: int | None = None,
        readout_s: float = 0.0,
        sensor: Sensor | None = None,
        white_balance: bool = True,
        most_gain_db: float = 24.0,
        reference_s: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 1e-6 <= exposure_s <= 10.0:
            raise ConfigurationError(f"an exposure must take 1e-6 to 10 s, got {exposure_s}.")
        if not 0.0 <= readout_s <= 1.0:
            raise ConfigurationError(f"reading a picture out must take 0 to 1 s, got {readout_s}.")
        if gain_db is not None and not -20.0 <= gain_db <= 60.0:
            raise ConfigurationError(f"a gain must be -20 to 60 dB, got {gain_db}.")
        if samples is not None and samples < 1:
            raise ConfigurationError(f"an exposure needs at least 1 picture, got {samples}.")
        self.renderer, self.exposure_s, self.readout_s = renderer, exposure_s, readout_s
        self._sensor = sensor or Sensor()
        self._samples, self._seed = samples, seed
        optics, colours = renderer.optics, 3 if renderer.band == "rgb" else 1
        self._shape = (optics.height, optics.width, colours)
        random = np.random.default_rng((seed, 81))
        spread = 1.0 + self._sensor.response_spread * random.standard_normal(self._shape, np.float32)
        self._response = np.asarray(spread * _vignette(optics, self._sensor)[..., np.newaxis], np.float32)
        offsets = self._sensor.offset_spread_e * random.standard_normal(self._shape, np.float32)
        self._offset_e = np.asarray(offsets, np.float32)
        tint = np.array(renderer.light.tint if colours == 3 and white_balance else (1.0,) * colours)
        self._balance = (np.maximum(tint, 1e-3) ** -_CORRECTED).astype(np.float32)
        self._curve = _srgb_table()
        self.gain_db = 0.0 if gain_db is None else gain_db
        if gain_db is None:
            self._set_gain(reference_s, most_gain_db)

    def _set_gain(self, time_s: float, most_db: float) -> None:
        height, width, _ = self._shape
        middle = (
            self.mean_electrons(time_s)[height // 5 : height - height // 5, width // 5 : width - width // 5]
            * self._balance
        )
        middle = middle / self._sensor.full_well_e
        brightest = float(np.quantile(middle, 0.98)) if middle.size else 1.0
        average = float(middle.mean()) if middle.size else 1.0
        wanted = min(MIDDLE_GREY / max(average, 1e-9), _NEARLY_WHITE / max(brightest, 1e-9))
        if wanted < 1.0:
            self.exposure_s *= wanted
        self.gain_db = min(max(20.0 * math.log10(wanted), 0.0), most_db)

    def mean_electrons(self, time_s: float) -> np.ndarray:
        """(height, width, colours) float32: electrons that light makes on average in an exposure from ``time_s``."""
        moments, weights = self._moments(time_s)
        total = np.zeros(self._shape, np.float32)
        for moment, weight in zip(moments, weights, strict=True):
            picture = self.renderer.radiance(moment).reshape(self._shape)
            total += picture * weight[:, np.newaxis, np.newaxis]
        per_unit = self.renderer.light.illuminance_lux * self._sensor.electrons_per_lux_s * self.exposure_s
        total *= self._response
        total *= np.float32(per_unit)
        return total

    def _moments(self, time_s: float) -> tuple[list[float], np.ndarray]:
        """Instants at which an exposure is looked at, and the weight (instants, rows) of each for every row."""
        duration = self.exposure_s + self.readout_s
        count = self._samples or self._wanted_samples(time_s, duration)
        edges = np.linspace(0.0, duration, count + 1)
        start = np.linspace(0.0, self.readout_s, self._shape[0])
        overlap = np.minimum(edges[1:, np.newaxis], start + self.exposure_s) - np.maximum(edges[:-1, np.newaxis], start)
        weights = np.maximum(overlap, 0.0) / self.exposure_s
        middles = (edges[:-1] + edges[1:]) / 2
        return [time_s + float(moment) for moment in middles], weights.astype(np.float32)

    def _wanted_samples(self, time_s: float, duration_s: float) -> int:
        points = self.renderer.surface.vertices(np.array([time_s, time_s + duration_s]))
        before, after = (self.renderer.optics.project(each) for each in points)
        seen = (before[1] > 0) & (after[1] > 0)
        moved = float(np.abs(after[0] - before[0])[seen].max(initial=0.0))
        return max(1, min(math.ceil(moved / _SAMPLE_PX), _MOST_SAMPLES))

    def electrons(self, time_s: float) -> np.ndarray:
        """What is read out of the exposure that begins at ``time_s``, with its noise.

        Returns:
            (height, width, colours) float32 electrons, the mean of the dark current taken off.

        Raises:
            ConfigurationError: the time is not a finite number.
        """
        mean = self.mean_electrons(time_s)
        random = np.random.default_rng((self._seed, 82, round(time_s * 1e9) % 2**63))
        sensor, dark_e = self._sensor, np.float32(self._sensor.dark_e_s * self.exposure_s)
        mean += dark_e
        electrons = random.standard_normal(mean.shape, np.float32)
        electrons *= np.sqrt(mean)
        electrons += mean
        few = mean < _FEW_ELECTRONS
        electrons[few] = random.poisson(mean[few])
        np.minimum(electrons, np.float32(sensor.full_well_e), out=electrons)
        electrons += np.float32(sensor.read_noise_e) * random.standard_normal(mean.shape, np.float32)
        electrons += self._offset_e
        electrons -= dark_e
        return electrons

    def frame(self, time_s: float) -> np.ndarray:
        """The picture whose exposure begins at ``time_s``.

        Returns:
            (height, width, 3) uint8 BGR; of a camera that is not for colours, three times the same.

        Raises:
            ConfigurationError: the time is not a finite number.
        """
        level = self.electrons(time_s)
        level *= self._balance * np.float32(10 ** (self.gain_db / 20) / self._sensor.full_well_e * (_TABLE - 1))
        np.clip(level, 0.0, _TABLE - 1, out=level)
        picture = self._curve[level.astype(np.uint16)]
        if picture.shape[2] == 1:
            return np.repeat(picture, 3, axis=2)
        return np.ascontiguousarray(picture[..., ::-1])


def camera_view(
    surface: Surface,
    appearance: Appearance,
    optics: Optics,
    mode: str = "day",
    *,
    brightness: float = 1.0,
    background: np.ndarray | None = None,
    sensor: Sensor | None = None,
    readout_s: float = 0.0,
    seed: int = 0,
) -> CameraView:
    """A camera in one of the `MODES`.

    Args:
        surface, appearance, optics, background: see `Renderer`.
        mode: name in `MODES`.
        brightness: of the light against that of the mode.
        sensor, readout_s, seed: see `CameraView`.

    Raises:
        ConfigurationError: there is no such mode.
    """
    light = light_of(mode, brightness)
    chosen = MODES[mode]
    renderer = Renderer(surface, appearance, optics, light, chosen.band, background=background, seed=seed)
    return CameraView(
        renderer,
        exposure_s=chosen.exposure_s,
        most_gain_db=chosen.most_gain_db,
        readout_s=readout_s,
        sensor=sensor,
        seed=seed,
    )


def light_of(mode: str, brightness: float = 1.0) -> Light:
    """The light of a mode, so many times as bright.

    Raises:
        ConfigurationError: there is no such mode.
    """
    if mode not in MODES:
        raise ConfigurationError(f"the camera's mode must be one of {', '.join(MODES)}, got {mode!r}.")
    light = LIGHTS[MODES[mode].light]
    return dataclasses.replace(light, illuminance_lux=light.illuminance_lux * brightness)


def _vignette(optics: Optics, sensor: Sensor) -> np.ndarray:
    """(height, width) share of the light that reaches each pixel."""
    column, row = optics.centre
    x = (np.arange(optics.width) - column) / optics.focal_px
    y = (np.arange(optics.height) - row) / optics.focal_px
    tangent2 = x[np.newaxis] ** 2 + y[:, np.newaxis] ** 2
    share = 1.0 / (1.0 + tangent2) ** 2 if sensor.cosine_fourth else np.ones_like(tangent2)
    return np.asarray(share * np.clip(1.0 - sensor.vignetting * tangent2, 0.0, 1.0))


def _srgb_table() -> np.ndarray:
    """(4096,) uint8 of linear light from 0 to 1 (IEC 61966-2-1)."""
    linear = np.arange(_TABLE) / (_TABLE - 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * curve), np.uint8)
