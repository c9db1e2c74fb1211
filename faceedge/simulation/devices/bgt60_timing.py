"""When an emulated BGT60TR13C has which sample: read from its registers, counted in cycles of its 80 MHz oscillator.

The formulas reproduce the chirp and frame times that the vendor's tool states for its own register exports. They are
written down here a second time on purpose: the driver has its own, and a mistake in one of them shows as a difference.

A frame is: wake-up, then for each chirp INIT0, INIT1, START (the ramp begins at its end), the ramp, END, and SED until
the next one; after the last chirp FED. The power amplifier is on PAEN after INIT1, and sampling begins SSTART later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import ChirpSettings

OSCILLATOR_HZ = 80_000_000
FREQUENCY_STEP_HZ = 640e6 / 2**20
FREQUENCY_OFFSET_HZ = 96 * 640e6
HEADER_WORDS = 3
"""FIFO words before each chirp when SFCTL.PREFIX_EN is set."""

HIGH_PASS_HZ = (20e3, 45e3, 70e3, 80e3)

# (register, lowest bit, width)
_ADC_DIV = (0x01, 14, 10)
_WAKE_UP, _WAKE_UP_MUL = (0x00, 4, 8), (0x00, 12, 4)
_PREFIX_EN = (0x06, 18, 1)
_OSCILLATOR_EN = (0x04, 23, 1)
_CHANNELS, _ADC_EN = (0x11, 20, 3), (0x11, 10, 1)
_TX_POWER = (0x11, 0, 5)
_TX_EN, _VCO_EN = (0x10, 0, 1), (0x10, 4, 1)
_MIXERS = ((0x10, 12, 2), (0x10, 14, 2), (0x10, 16, 2))
_SET_EN = (0x16, 4, 1)
_SHAPE_EN = ((0x37, 4, 1), (0x3F, 4, 1), (0x47, 4, 1), (0x4F, 4, 1))
_SHAPE_REPEATS = (0x37, 0, 4)
_SHAPE_POWER_DOWN, _SED, _SED_MUL = (0x37, 9, 2), (0x37, 11, 8), (0x37, 19, 5)
_START_WORD, _SLOPE_WORD = (0x30, 0, 24), (0x31, 0, 24)
_RAMP_TIME, _SAMPLES_UP, _SAMPLES_DOWN = (0x32, 0, 14), (0x33, 0, 12), (0x33, 12, 12)
_END_DELAY, _INIT1, _INIT1_MUL = (0x2C, 0, 9), (0x2C, 14, 8), (0x2C, 22, 2)
_START_DELAY, _FED, _FED_MUL = (0x2D, 0, 9), (0x2D, 11, 8), (0x2D, 19, 5)
_MAX_FRAMES, _FRAME_LENGTH = (0x2E, 0, 12), (0x2E, 12, 12)
_PA_DELAY, _SAMPLE_DELAY, _INIT0, _INIT0_MUL = (0x2F, 0, 9), (0x2F, 9, 5), (0x2F, 14, 8), (0x2F, 22, 2)

_STAY_ACTIVE, _IDLE = 0, 1  # power-down modes between chirps that are emulated
_CHIRP_OVERHEAD_CYCLES = 10


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """One frame as the registers describe it; times in cycles of the oscillator.

    Attributes:
        rx: numbers of the receivers whose samples go into the FIFO, from 1, ascending.
        mixing: of those, the ones whose mixer runs while the transmitter does; the others see nothing.
        chirps, samples: chirps in a frame, and samples of each receiver in a chirp.
        adc_divider: cycles from one sample of a receiver to its next.
        wake_up, first_ramp, first_sample: from the start of a frame to the end of the wake-up, the begin of the first
            ramp, and the trigger of the first sample.
        chirp, frame: from one chirp or frame to the next.
        max_frames: after which the chip stops; 0: never.
        header_samples: what the FIFO holds before the samples of each chirp, in places of 12 bit.
    """

    rx: tuple[int, ...]
    mixing: tuple[int, ...]
    chirps: int
    samples: int
    adc_divider: int
    wake_up: int
    first_ramp: int
    first_sample: int
    chirp: int
    frame: int
    max_frames: int
    header_samples: int

    @property
    def fifo_samples_per_chirp(self) -> int:
        """Places of 12 bit that a chirp takes in the FIFO."""
        return self.header_samples + self.samples * len(self.rx)

    @property
    def fifo_samples_per_frame(self) -> int:
        """Places of 12 bit that a frame takes in the FIFO."""
        return self.fifo_samples_per_chirp * self.chirps

    @property
    def chirp_period_s(self) -> float:
        """From one chirp to the next."""
        return self.chirp / OSCILLATOR_HZ

    @property
    def frame_period_s(self) -> float:
        """From one frame to the next."""
        return self.frame / OSCILLATOR_HZ

    def samples_at(self, cycle: int) -> int:
        """How many samples were written into the FIFO up to ``cycle`` after the start of the first frame."""
        frame, cycle = divmod(max(0, cycle), self.frame)
        if self.max_frames and frame >= self.max_frames:
            return self.max_frames * self.fifo_samples_per_frame
        count = frame * self.fifo_samples_per_frame
        cycle -= self.first_sample
        if cycle < 0:
            return count
        chirp, cycle = divmod(cycle, self.chirp)
        if chirp >= self.chirps:
            return count + self.fifo_samples_per_frame
        triggers = min(self.samples, cycle // self.adc_divider)
        return count + chirp * self.fifo_samples_per_chirp + self.header_samples + triggers * len(self.rx)

    def cycle_of(self, sample: int) -> int | None:
        """First cycle at which ``sample`` (from 0) is in the FIFO; None: the chip stops before."""
        frame, sample = divmod(sample, self.fifo_samples_per_frame)
        if self.max_frames and frame >= self.max_frames:
            return None
        chirp, sample = divmod(sample, self.fifo_samples_per_chirp)
        sample -= self.header_samples
        triggers = 0 if sample < 0 else sample // len(self.rx) + 1
        return frame * self.frame + self.first_sample + chirp * self.chirp + triggers * self.adc_divider


def _field(registers: Sequence[int], where: tuple[int, int, int]) -> int:
    address, low, width = where
    return registers[address] >> low & ((1 << width) - 1)


def timer_cycles(value: int, multiplier: int) -> int:
    """Length of the timers that have a multiplier (wake-up, INIT0, INIT1, SED, FED)."""
    return (value << multiplier) * 8 + multiplier + 3 if value else 1


def _signed(word: int) -> int:
    return word - (1 << 24) if word & 0x800000 else word


def decode(registers: Sequence[int]) -> FrameTiming:
    """What frames these registers make.

    Args:
        registers: 24-bit words by address.

    Raises:
        ConfigurationError: the chip would make no frames from these, or this emulator does not know which.
    """
    field = partial(_field, registers)
    rx = tuple(number for number in (1, 2, 3) if field(_CHANNELS) >> (number - 1) & 1)
    _check(
        {
            "the oscillator is off (PACR1 bit 23)": not field(_OSCILLATOR_EN),
            "channel set 1 is off (CSC1 bit 4)": not field(_SET_EN),
            "shape 1 is off (PLL1_7 bit 4)": not field(_SHAPE_EN[0]),
            "the ADC is off (CSU1_1 bit 10)": not field(_ADC_EN),
            "no receiver is selected (CSU1_1 bits 22:20)": not rx,
            "a chirp has no samples (PLL1_3 bits 11:0)": not field(_SAMPLES_UP),
            "the ADC's clock divider is 0 (ADC0 bits 23:14)": not field(_ADC_DIV),
            "more than one shape is on, and the emulator knows only one": any(field(on) for on in _SHAPE_EN[1:]),
            "the shape has a sampled down-chirp, which is not emulated": field(_SAMPLES_DOWN) > 0,
            "the chip sleeps between chirps (PLL1_7 bits 10:9), which is not emulated": field(_SHAPE_POWER_DOWN)
            not in (_STAY_ACTIVE, _IDLE),
        }
    )
    chirps = (field(_FRAME_LENGTH) + 1) << field(_SHAPE_REPEATS)
    samples, divider = field(_SAMPLES_UP), field(_ADC_DIV)
    wake_up = timer_cycles(field(_WAKE_UP), field(_WAKE_UP_MUL))
    init = timer_cycles(field(_INIT0), field(_INIT0_MUL)) + timer_cycles(field(_INIT1), field(_INIT1_MUL))
    start, end, ramp = 8 * field(_START_DELAY) + 10, 8 * field(_END_DELAY) + 5, 8 * field(_RAMP_TIME)
    idle_between = field(_SHAPE_POWER_DOWN) == _IDLE
    active = ramp + start + end + _CHIRP_OVERHEAD_CYCLES + (init if idle_between else 0)
    sed, fed = timer_cycles(field(_SED), field(_SED_MUL)), timer_cycles(field(_FED), field(_FED_MUL))
    sampling = 8 * field(_PA_DELAY) + 8 * field(_SAMPLE_DELAY) + 1
    _check(
        {
            f"{samples} samples every {divider} cycles do not fit into a ramp of {ramp} cycles": (
                sampling - start + samples * divider > ramp
            ),
        }
    )
    on = field(_TX_EN) and field(_VCO_EN)
    return FrameTiming(
        rx=rx,
        mixing=tuple(number for number in rx if on and field(_MIXERS[number - 1]) == 3),
        chirps=chirps,
        samples=samples,
        adc_divider=divider,
        wake_up=wake_up,
        first_ramp=wake_up + init + start,
        first_sample=wake_up + init + sampling,
        chirp=active + sed,
        frame=chirps * active + (chirps - 1) * sed + fed + wake_up + (0 if idle_between else init),
        max_frames=field(_MAX_FRAMES),
        header_samples=2 * HEADER_WORDS * field(_PREFIX_EN),
    )


def chirp_settings(registers: Sequence[int]) -> ChirpSettings:
    """What these registers transmit and how they sample it, with the band as the vendor's tool states it.

    Raises:
        ConfigurationError: as ``decode``.
    """
    timing, field = decode(registers), partial(_field, registers)
    slope_hz = _signed(field(_SLOPE_WORD)) * FREQUENCY_STEP_HZ  # per cycle
    ramp = 8 * field(_RAMP_TIME)
    before_pa = 8 * field(_PA_DELAY) - 8 * field(_START_DELAY) - 10  # cycles of the ramp before the amplifier is on
    start_hz = FREQUENCY_OFFSET_HZ + _signed(field(_START_WORD)) * FREQUENCY_STEP_HZ + before_pa * slope_hz
    receiver = timing.rx[0] - 1
    high_pass, vga, high_gain = (0x12, 5 * receiver, 2), (0x12, 5 * receiver + 2, 3), (0x12, 20 + receiver, 1)
    return ChirpSettings(
        device="bgt60tr13c",
        start_frequency_hz=start_hz,
        end_frequency_hz=start_hz + (ramp - before_pa - 1) * slope_hz,
        slope_hz_per_s=slope_hz * OSCILLATOR_HZ,
        samples_per_chirp=timing.samples,
        sample_rate_hz=OSCILLATOR_HZ / timing.adc_divider,
        chirps_per_frame=timing.chirps,
        chirp_period_s=timing.chirp_period_s,
        frame_period_s=timing.frame_period_s,
        rx_antennas=timing.rx,
        tx_power_level=field(_TX_POWER),
        if_gain_db=(18.0 if field(high_gain) else 30.0) + 5.0 * field(vga),
        high_pass_hz=HIGH_PASS_HZ[field(high_pass)],
    )


def _check(failures: dict[str, bool]) -> None:
    reasons = [reason for reason, failed in failures.items() if failed]
    if reasons:
        raise ConfigurationError(f"the emulated BGT60TR13C starts no frames: {'; '.join(reasons)}.")
