"""What the pixels of an event camera are like: contrast thresholds, speed, and noise.

Figures are published (with source), or assumed: of the usual size, and nobody's measurement. Light is relative to a
white diffuse surface in the light of an office, `REFERENCE_LUX`.

Sources:
    Lichtsteiner, Posch, Delbruck, "A 128x128 120 dB 15 us Latency Asynchronous Temporal Contrast Vision Sensor", IEEE
    JSSC 43(2), 2008. Hu, Liu, Delbruck, "v2e: From Video Frames to Realistic DVS Events", CVPRW 2021, arXiv 2006.07722.
    Graca, Delbruck, "Unraveling the paradox of intensity-dependent DVS pixel noise", 2021, arXiv 2109.08640. Rebecq,
    Gehrig, Scaramuzza, "ESIM: an Open Event Camera Simulator", CoRL 2018. Finateu et al., "A 1280x720 Back-Illuminated
    Stacked Temporal Contrast Event-Based Vision Sensor", ISSCC 2020 (the sensor before IMX636).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from faceedge.errors import ConfigurationError

REFERENCE_LUX = 500.0
"""Illuminance of the white surface that is light of 1."""


@dataclass(frozen=True, slots=True)
class PixelSettings:
    """One sensor's pixels.

    Attributes:
        on_threshold, off_threshold: change of log light (natural) that makes an event, mean over the pixels. 0.25 is a
            contrast of 28 % (IMX636: 25 % nominal; GenX320: 30 % nominal; both adjustable by biases).
        mismatch: standard deviation of the thresholds from pixel to pixel, in log light (v2e: 0.03; Lichtsteiner 2008
            measured 2.1 % contrast).
        refractory_us: after an event the pixel forgets all change for so long (assumed; set by a bias, 10 us to some
            ms).
        bandwidth_hz: -3 dB frequency of the photoreceptor in white light; it is proportional to the light
            (Lichtsteiner 2008), so 5 % grey has a twentieth of it. 0: no limit. (Assumed: 2 kHz. GenX320 and IMX636
            state a latency of 100 to 150 us at 1000 lux, which is a pole at 1 to 1.6 kHz; Lichtsteiner 2008: 3 kHz.)
        dark_light: photocurrent that flows without light, as light (assumed: 0.2 % of white). It bounds log light and
            bandwidth from below.
        leak_hz: ON events of a pixel that sees no change: the memory leaks upwards (Lichtsteiner 2008: 0.05 Hz; v2e:
            0.1 Hz).
        noise_hz: events by shot noise of a pixel in the dark, both polarities together (v2e: 1 to 5 Hz; 1 assumed).
        noise_half_light: light in which half of them are left; the rate falls as 1 / (1 + light / half) (assumed: 5
            lux. In a lit room 0.03 Hz is left, as in a public recording of a DVXplorer, where pixels that see no change
            have 0.02 to 0.04 Hz. v2e's rate falls linearly to a quarter, which is much noisier than that recording).
        noise_spread: standard deviation of the logarithm (base 10) of the rate from pixel to pixel (v2e: 0.1; 0.2
            assumed).
        hot_share: of pixels that fire on their own (assumed: 1 in 2000; that recording has 1 in 1000).
        hot_hz: how often, as a median; they are spread as noise is, and do not care for light (assumed; 100 Hz and more
            in that recording).
        warm: the camera has been looking for a while: each pixel starts somewhere on the way to its next leak event.
            False: all start with an event just behind them.

    Raises:
        ConfigurationError: a value that no pixel can have.
    """

    on_threshold: float = 0.25
    off_threshold: float = 0.25
    mismatch: float = 0.03
    refractory_us: float = 150.0
    bandwidth_hz: float = 2000.0
    dark_light: float = 0.002
    leak_hz: float = 0.05
    noise_hz: float = 1.0
    noise_half_light: float = 0.01
    noise_spread: float = 0.2
    hot_share: float = 0.0005
    hot_hz: float = 50.0
    warm: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = LIMITS.get(field.name, (0, 1))
            value = getattr(self, field.name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigurationError(
                    f"{field.name} of an event camera's pixels is {low:g} to {high:g}, not {value}."
                )


LIMITS: dict[str, tuple[float, float]] = {
    "on_threshold": (0.01, 5.0),
    "off_threshold": (0.01, 5.0),
    "mismatch": (0.0, 1.0),
    "refractory_us": (0.0, 1e6),
    "bandwidth_hz": (0.0, 1e6),
    "dark_light": (1e-6, 1.0),
    "leak_hz": (0.0, 100.0),
    "noise_hz": (0.0, 1000.0),
    "noise_half_light": (1e-6, 1e6),
    "noise_spread": (0.0, 1.0),
    "hot_share": (0.0, 0.1),
    "hot_hz": (0.0, 1000.0),
}
"""What each setting may be."""

QUIET = PixelSettings(
    mismatch=0.0, refractory_us=0.0, bandwidth_hz=0.0, leak_hz=0.0, noise_hz=0.0, hot_share=0.0, warm=False
)
"""Ideal pixels: only thresholds."""
