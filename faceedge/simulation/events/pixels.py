"""Pixels of a synthetic event camera: from light to events.

Each pixel's photoreceptor gives the logarithm of the light, smoothed by a pole whose frequency grows with the light.
The pixel holds how far that has moved since its last event. Where it has moved by the threshold upwards or downwards,
there is an event, and the pixel rests for the refractory period and starts anew from where the light is then. Between
two pictures the photoreceptor moves in a straight line, so the instant of each crossing is known to a fraction of a
microsecond. Leaks move what is held slowly upwards; shot noise makes events at random. A noise event is ON with the
probability with which a random walk from where the pixel is reaches its ON threshold first.

Not modelled: the readout's queue (rows that wait for each other, the rate limiter), parasitic photocurrent (light
alone does not change the leak), temperature, and correlation between noise events of a pixel. See `PixelSettings` for
figures and sources.
"""

from __future__ import annotations

import math

import numpy as np

from faceedge.compiled import compiled
from faceedge.errors import ConfigurationError, InputError
from faceedge.events.event import EVENT_DTYPE, no_events
from faceedge.simulation.events.settings import PixelSettings

BRIGHTEST = 1e4
"""Light, relative to white, beyond which a picture is not taken for one."""
MOST_GAIN = 1e3
LONGEST_STEP_US = 60_000
MOST_EVENTS_PER_PIXEL = 6
"""In one step, as a mean over the sensor; what is beyond counts as dropped."""
LEAST_THRESHOLD = 0.02
"""Mismatch does not take a threshold below this."""

_RESTING = np.float32(1e6)
"""Held by a pixel in its refractory period, so that it shows among those that crossed a threshold."""
_NO_LIMIT = 1e6
_LN_2 = np.float32(math.log(2.0))
_ROOT_HALF_BITS = 0x3F3504F3  # sqrt(1/2) as float32
_MISMATCH, _NOISE = 1, 2  # streams of random numbers of one seed


class Pixels:
    """The pixels of one sensor, or of a part of it.

    Args:
        height, width: of the pictures.
        settings: of the pixels.
        seed: of mismatch and noise.
        gain: what light is multiplied by: 1 where white is white in `REFERENCE_LUX`.

    Attributes:
        time_us: of the last picture.
        dropped: events beyond `MOST_EVENTS_PER_PIXEL`.

    Raises:
        ConfigurationError: no pixels, or a gain that cannot be.
    """

    def __init__(
        self, height: int, width: int, settings: PixelSettings | None = None, seed: int = 0, gain: float = 1.0
    ) -> None:
        if height < 1 or width < 1:
            raise ConfigurationError(f"a sensor has at least one pixel, not {width}x{height}.")
        if not 0 < gain <= MOST_GAIN:
            raise ConfigurationError(f"light is multiplied by a number above 0 and up to {MOST_GAIN:g}, not {gain}.")
        self._gain = gain
        self.settings = settings or PixelSettings()
        self.shape = (height, width)
        self.time_us = 0
        self.dropped = 0
        self._started = False
        s, count = self.settings, height * width
        own = np.random.default_rng((seed, _MISMATCH))
        self._random = np.random.default_rng((seed, _NOISE))
        self._on = self._thresholds(own, s.on_threshold)
        self._off = self._thresholds(own, s.off_threshold)
        spread = 10.0 ** (s.noise_spread * own.standard_normal(count))
        shares = np.cumsum(spread)
        self._noise_total_hz = s.noise_hz * count  # the spread does not change the mean
        self._noise_shares = shares / shares[-1]
        self._hot = np.flatnonzero(own.random(count) < s.hot_share)
        hot_hz = np.cumsum(s.hot_hz * spread[self._hot])
        self._hot_total_hz = float(hot_hz[-1]) if len(hot_hz) else 0.0
        self._hot_shares = hot_hz / (self._hot_total_hz or 1.0)
        self._start_at = own.random(self.shape, np.float32) if s.warm else np.float32(0.0)
        self._level = np.zeros(self.shape, np.float32)
        self._held = np.zeros(self.shape, np.float32)
        self._rested_us = np.zeros(self.shape)
        self._rows = np.zeros((2, width), np.float32)
        most = MOST_EVENTS_PER_PIXEL * count
        self._when, self._where, self._bright = (
            np.empty(most, np.uint16),
            np.empty(most, np.int32),
            np.empty(most, bool),
        )

    def _thresholds(self, own: np.random.Generator, mean: float) -> np.ndarray:
        spread = self.settings.mismatch * own.standard_normal(self.shape)
        return np.asarray(np.maximum(mean + spread, LEAST_THRESHOLD), np.float32)

    @property
    def thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """(height, width) float32 each: of ON and of OFF, in log light."""
        return self._on, self._off

    def start(self, light: np.ndarray, time_us: int) -> None:
        """Settle on a first picture, as if it had been there for long.

        Args:
            light: (height, width) float32, linear, relative to white.
            time_us: when.

        Raises:
            InputError: see `step`.
        """
        light = self._checked(light)
        self.time_us = time_us
        np.log(light * np.float32(self._gain) + np.float32(self.settings.dark_light), out=self._level)
        np.multiply(self._on, self._start_at, out=self._held)
        self._rested_us.fill(-1.0)
        self._started = True

    def step(self, light: np.ndarray, time_us: int) -> np.ndarray:
        """Events since the picture before.

        Args:
            light: (height, width) float32 at the end of the step.
            time_us: its end, at most 60 ms after the picture before.

        Returns:
            (n,) of `EVENT_DTYPE` in order of time, from the beginning of the step to its end, both included.

        Raises:
            InputError: a picture of another size, negative or not finite; time that stands, goes back, or leaps.
        """
        light = self._checked(light)
        step_us = time_us - self.time_us
        if not self._started or not 1 <= step_us <= LONGEST_STEP_US:
            raise InputError(
                f"the pixels were given a picture at {time_us} us after one at {self.time_us} us; expected a first "
                f"one through start(), then steps of 1 to {LONGEST_STEP_US} us."
            )
        s = self.settings
        per_light = 2 * math.pi * s.bandwidth_hz * step_us * 1e-6 if s.bandwidth_hz else _NO_LIMIT
        leak = s.leak_hz * s.on_threshold * step_us * 1e-6
        count, dropped = _cross(
            light, self._level, self._held, self._on, self._off, self._rested_us, self._rows, self._rows.view(np.int32),
            self.time_us, step_us, s.refractory_us, self._gain, s.dark_light, per_light, leak, self._when, self._where,
            self._bright,
        )  # fmt: skip
        if self._noise_total_hz or self._hot_total_hz:
            count, more = self._add_noise(light, step_us, count)
            dropped += more
        self.dropped += dropped
        events = self._collect(count)
        self.time_us = time_us
        return events

    def _add_noise(self, light: np.ndarray, step_us: int, count: int) -> tuple[int, int]:
        seconds = step_us * 1e-6
        tries = self._random.poisson(self._noise_total_hz * seconds)
        hot = self._random.poisson(self._hot_total_hz * seconds)
        which, when, keep, side = self._random.random((4, tries + hot))
        where = np.searchsorted(self._noise_shares, which).astype(np.int32)
        if hot:
            where[tries:] = self._hot[np.searchsorted(self._hot_shares, which[tries:])]
            keep[tries:] = 0.0
        order = np.argsort(when)
        where, when, keep, side = where[order], when[order], keep[order], side[order]
        half = self.settings.noise_half_light
        kept, dropped = _make_noise(
            light.ravel(), self._held.ravel(), self._on.ravel(), self._off.ravel(), self._rested_us.ravel(), where,
            when, keep, side, self.time_us, step_us, self.settings.refractory_us, self._gain, half, count, self._when,
            self._where, self._bright,
        )  # fmt: skip
        return int(kept), int(dropped)

    def _collect(self, count: int) -> np.ndarray:
        if not count:
            return no_events()
        order = np.argsort(self._when[:count], kind="stable")
        where = self._where[:count][order]
        events = np.empty(count, EVENT_DTYPE)
        rows, columns = np.divmod(where, self.shape[1])
        events["t"] = self._when[:count][order]
        events["t"] += self.time_us
        events["x"], events["y"], events["p"] = columns, rows, self._bright[:count][order]
        return events

    def _checked(self, light: np.ndarray) -> np.ndarray:
        if light.shape != self.shape:
            raise InputError(f"the sensor has {self.shape} pixels and was given a picture of {light.shape}.")
        light = np.ascontiguousarray(light, np.float32)
        low, high = float(light.min()), float(light.max())
        if not (low >= 0 and high <= BRIGHTEST):  # NaN fails as well
            raise InputError(
                f"a picture has light of {low:g} to {high:g}; expected 0 to {BRIGHTEST:g}, where 1 is white."
            )
        return light


@compiled
def _follow_row(
    light: np.ndarray, level: np.ndarray, held: np.ndarray, on: np.ndarray, off: np.ndarray, seen: np.ndarray,
    mantissa: np.ndarray, moved: np.ndarray, gain: float, dark_light: float, per_white: float, leaked: float,
) -> bool:  # fmt: skip
    """Let a row of pixels follow the light for one step; whether one of them passes a threshold.

    All arrays are (width,). The loops are apart so that the compiler does many pixels at once in each.

    Args:
        light, level, held, on, off: float32, as in `_cross`; ``level`` and ``held`` move on.
        seen, mantissa: float32 and int32, room: the same memory.
        moved: float32, to be filled with the change of ``level``.
        gain, dark_light, per_white, leaked: as in `_cross`.
    """
    one, two, most = np.float32(1.0), np.float32(2.0), np.float32(_NO_LIMIT)
    third, fifth, seventh, ninth = np.float32(1 / 3), np.float32(0.2), np.float32(1 / 7), np.float32(1 / 9)
    half, sixth = np.float32(0.5), np.float32(1 / 6)
    scale, dark = np.float32(gain), np.float32(dark_light)
    per_light, leak = np.float32(per_white), np.float32(leaked)
    width = len(light)
    # Logarithm: exponent and mantissa of the float apart, the mantissa's by the series of atanh (error 1e-7).
    for c in range(width):
        seen[c] = light[c] * scale + dark
    for c in range(width):
        b = mantissa[c]
        exponent = (b - _ROOT_HALF_BITS) >> 23
        mantissa[c] = b - (exponent << 23)
        moved[c] = np.float32(exponent)
    for c in range(width):
        m = seen[c]
        z = (m - one) / (m + one)
        q = z * z
        log = moved[c] * _LN_2 + two * z * (one + q * (third + q * (fifth + q * (seventh + q * ninth))))
        a = min(per_light * (light[c] * scale + dark), most)
        # 1 - exp(-a) within 1.5 %, without an exponential
        g = a * (one + a * (half + a * sixth))
        moved[c] = g / (one + g) * (log - level[c])
    crossed = False
    for c in range(width):
        level[c] += moved[c]
        x = held[c] + moved[c] + leak
        held[c] = x
        crossed |= (x >= on[c]) | (x <= -off[c])
    return crossed


@compiled
def _cross(
    light: np.ndarray, level: np.ndarray, held: np.ndarray, on: np.ndarray, off: np.ndarray, rested_us: np.ndarray,
    rows: np.ndarray, bits: np.ndarray, start_us: int, step_us: int, refractory_us: float, gain: float,
    dark_light: float, per_white: float, leaked: float, when: np.ndarray, where: np.ndarray, bright: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Move all pixels one step on; number of events written, and of those for which there was no room."""
    height, width = light.shape
    seen, moved, mantissa = rows[0], rows[1], bits[0]
    leak = np.float32(leaked)
    count = dropped = 0
    for r in range(height):
        crossed = _follow_row(
            light[r], level[r], held[r], on[r], off[r], seen, mantissa, moved, gain, dark_light, per_white, leaked
        )
        if not crossed:
            continue
        for c in range(width):
            x = held[r, c]
            if x < on[r, c] and x > -off[r, c]:
                continue
            change = moved[c] + leak
            now, value = 0.0, float(x) - change  # us since the step began
            if x > _RESTING / 2:
                now, value = rested_us[r, c] - start_us, 0.0
                if now >= step_us:
                    held[r, c] = _RESTING
                    continue
            slope = change / step_us
            while True:
                end = value + slope * (step_us - now)
                if end >= on[r, c]:
                    up, need = True, (on[r, c] - value) / slope if slope > 0.0 else 0.0
                elif end <= -off[r, c]:
                    up, need = False, (-off[r, c] - value) / slope if slope < 0.0 else 0.0
                else:
                    held[r, c] = end
                    break
                now = min(now + max(need, 0.0), float(step_us))
                if count < len(when):
                    when[count], where[count], bright[count] = int(now + 0.5), r * width + c, up
                    count += 1
                else:
                    dropped += 1
                now += refractory_us
                rested_us[r, c] = start_us + now
                if now >= step_us:
                    held[r, c] = _RESTING
                    break
                value = 0.0
    return count, dropped


@compiled
def _make_noise(
    light: np.ndarray, held: np.ndarray, on: np.ndarray, off: np.ndarray, rested_us: np.ndarray, pixel: np.ndarray,
    moment: np.ndarray, keep: np.ndarray, side: np.ndarray, start_us: int, step_us: int, refractory_us: float,
    gain: float, half: float, count: int, when: np.ndarray, where: np.ndarray, bright: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Noise events at ``pixel``: number of all events written, and of those for which there was no room."""
    dropped = 0
    for n in range(len(pixel)):
        i = pixel[n]
        now = moment[n] * step_us
        x = held[i]
        if keep[n] * (half + light[i] * gain) > half or x > _RESTING / 2 or rested_us[i] > start_us + now:
            continue
        if count < len(when):
            when[count], where[count] = int(now + 0.5), i
            bright[count] = side[n] * (on[i] + off[i]) < x + off[i]
            count += 1
        else:
            dropped += 1
        rested_us[i] = start_us + now + refractory_us
        held[i] = _RESTING if now + refractory_us >= step_us else np.float32(0.0)
    return count, dropped
