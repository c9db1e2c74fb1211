"""How the BGT60TR13C makes a ramp: clock cycles, register units, and the slope that follows from them.

The registers count in cycles of the 80 MHz reference clock and the ramp's frequency is raised by a whole number of
steps each cycle, so what is transmitted is quantised. All functions follow the convention of Infineon's radar SDK,
which was checked against public register exports: ramps of its configuration files come out bit-exact.

Source: BGT60TR13C datasheet V2.4.9, chapters "Finite state machine" and "PLL"; the vendor's register exports.
"""

from __future__ import annotations

import math

REFERENCE_CLOCK_HZ = 80_000_000
FREQUENCY_STEP_HZ = 640e6 / 2**20
"""Unit of the registers PLLx_0 and PLLx_1."""
LARGEST_ADC_DIVIDER = 1023
LARGEST_RAMP_UNITS = (1 << 14) - 1

CYCLES_PER_RAMP_UNIT = 8
RAMP_OVERHEAD_UNITS = 50
"""5.0 us of ramp beyond the sampling: before it, for the power amplifier and the filters to settle."""
CYCLES_BEFORE_START_FREQUENCY = 151
"""From the begin of the ramp to the moment when the power amplifier is on and the start frequency is reached."""
CYCLES_BETWEEN_CHIRPS = 217
"""Least distance from the end of a ramp to the next one with the PLL staying on."""
CYCLES_BETWEEN_CHIRPS_IDLE = 4384
"""The same when the PLL sleeps between chirps."""
CYCLES_OF_FIRST_START = 4167
CYCLES_OF_WAKE_UP = 79_883
"""From deep sleep to the first chirp of a frame, about 1 ms."""


def adc_divider(sample_rate_hz: float) -> int:
    """The divider that comes nearest to a sample rate; the rate is then ``REFERENCE_CLOCK_HZ / divider``."""
    return max(round(min(REFERENCE_CLOCK_HZ / sample_rate_hz, LARGEST_ADC_DIVIDER)), 1)


def ramp_units(samples_per_chirp: int, divider: int) -> int:
    """Length of the ramp in units of 0.1 us (register field RTU): the sampling and 5.0 us, rounded up."""
    return math.ceil(samples_per_chirp * divider / CYCLES_PER_RAMP_UNIT) + RAMP_OVERHEAD_UNITS


def ramp_steps(start_hz: float, end_hz: float, units: int) -> int:
    """Frequency steps a clock cycle (register PLLx_1, RSU) for a ramp of ``units``."""
    cycles = CYCLES_PER_RAMP_UNIT * units - CYCLES_BEFORE_START_FREQUENCY
    return round((end_hz - start_hz) / cycles / FREQUENCY_STEP_HZ)


def slope_hz_per_s(start_hz: float, end_hz: float, samples_per_chirp: int, sample_rate_hz: float) -> float:
    """Slope of the ramp that the chip makes for these settings, quantised as its registers are."""
    units = ramp_units(samples_per_chirp, adc_divider(sample_rate_hz))
    return ramp_steps(start_hz, end_hz, units) * FREQUENCY_STEP_HZ * REFERENCE_CLOCK_HZ


def shortest_chirp_s(samples_per_chirp: int, sample_rate_hz: float) -> float:
    """Least distance of two chirps: the ramp, and what the chip needs between two with the PLL staying on."""
    units = ramp_units(samples_per_chirp, adc_divider(sample_rate_hz))
    return (CYCLES_PER_RAMP_UNIT * units + CYCLES_BETWEEN_CHIRPS) / REFERENCE_CLOCK_HZ


def shortest_frame_s(samples_per_chirp: int, sample_rate_hz: float, chirps: int, chirp_period_s: float) -> float:
    """Least frame period: wake-up, all chirps, and no pause behind the last one."""
    last_s = shortest_chirp_s(samples_per_chirp, sample_rate_hz)
    wake_up_s = (CYCLES_OF_WAKE_UP + CYCLES_OF_FIRST_START + 1) / REFERENCE_CLOCK_HZ
    return wake_up_s + (chirps - 1) * chirp_period_s + last_s
