"""The register map of the BGT60TR13C as data, and chirp settings as register words and back.

Sources: BGT60TR13C datasheet V2.4.9 (registers, timers, FIFO); the words that Infineon's configuration tool exports,
which `registers_for` reproduces bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.radar.bgt60_ramp import (
    CYCLES_BEFORE_START_FREQUENCY,
    FREQUENCY_STEP_HZ,
    REFERENCE_CLOCK_HZ,
    adc_divider,
    ramp_steps,
    ramp_units,
    slope_hz_per_s,
)
from faceedge.radar.chirp import ChirpSettings
from faceedge.radar.chirp_limits import LIMITS, check_limits

DEVICE = "bgt60tr13c"
SLOPE_TOLERANCE = 0.02
"""Chirp settings state band and slope; one that differs by more than this part from the band's is a mistake."""
FIFO_WORDS = 8192
WORD_BYTES = 3
SAMPLES_PER_WORD = 2

# --- addresses (datasheet, register overview) -------------------------------------------------------------------------

MAIN, ADC0, CHIP_ID, STAT1, PACR1, PACR2, SFCTL, SADC_CTRL = range(0x08)
CSI_0, CSI_1, CSI_2, CSCI, CSDS_0, CSDS_1, CSDS_2, CSCDS = range(0x08, 0x10)
CSU1_0, CSU1_1, CSU1_2, CSD1_0, CSD1_1, CSD1_2, CSC1 = range(0x10, 0x17)
CSC2, CSC3, CSC4 = 0x1D, 0x24, 0x2B
CCR0, CCR1, CCR2, CCR3 = range(0x2C, 0x30)
PLL1_0, PLL1_1, PLL1_2, PLL1_3, PLL1_4, PLL1_5, PLL1_6, PLL1_7 = range(0x30, 0x38)
PLL2_7, PLL3_7, PLL4_7 = 0x3F, 0x47, 0x4F
RFT0, RFT1, PLL_DFT0, SDFT0, STAT0, SADC_RESULT, FSTAT, FIFO = 0x55, 0x56, 0x57, 0x5B, 0x5D, 0x5E, 0x5F, 0x60

NAMES: dict[int, str] = {
    **dict(enumerate(("MAIN", "ADC0", "CHIP_ID", "STAT1", "PACR1", "PACR2", "SFCTL", "SADC_CTRL"))),
    **dict(enumerate(("CSI_0", "CSI_1", "CSI_2", "CSCI", "CSDS_0", "CSDS_1", "CSDS_2", "CSCDS"), 0x08)),
    **{
        0x10 + 7 * chirp_set + index: name.format(chirp_set + 1)
        for chirp_set in range(4)
        for index, name in enumerate(("CSU{}_0", "CSU{}_1", "CSU{}_2", "CSD{}_0", "CSD{}_1", "CSD{}_2", "CSC{}"))
    },
    **{CCR0 + index: f"CCR{index}" for index in range(4)},
    **{PLL1_0 + 8 * shape + index: f"PLL{shape + 1}_{index}" for shape in range(4) for index in range(8)},
    **{0x4F + index: f"ADC{index}" for index in range(1, 6)},
    **dict(enumerate(("RFT0", "RFT1", "PLL_DFT0", "PLL_DFT1", "PDFT0", "PDFT1", "SDFT0", "SDFT1"), 0x55)),
    **dict(enumerate(("STAT0", "SADC_RESULT", "FSTAT", "FIFO"), 0x5D)),
}
RESET_VALUES: dict[int, int] = dict.fromkeys(NAMES, 0) | {
    MAIN: 0x1E0000,
    ADC0: 0x0A0240,
    CHIP_ID: 0x000303,
    PACR1: 0x196524,
    PACR2: 0x040014,
    SFCTL: 0x110000,  # the datasheet prints the reserved upper bits in two ways; bit 16 is set in both
    CSC1: 0x000B60,
    RFT0: 0x001F40,
    PLL_DFT0: 0x000200,
    STAT0: 0x0000A0,
    FSTAT: 0x100000,
}
CHIP_ID_VALUE = 0x000303
"""Digital part 3, radio part 3: a BGT60TR13C."""


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a register."""

    address: int
    low: int
    width: int

    @property
    def mask(self) -> int:
        """The field's bits within the register."""
        return ((1 << self.width) - 1) << self.low

    def of(self, word: int) -> int:
        """The field's value in ``word``."""
        return (word & self.mask) >> self.low

    def put(self, word: int, value: int) -> int:
        """``word`` with the field set to ``value``."""
        return (word & ~self.mask) | (value << self.low & self.mask)


FIELDS: dict[str, Field] = {
    "MAIN.FRAME_START": Field(MAIN, 0, 1),
    "MAIN.SW_RESET": Field(MAIN, 1, 1),
    "MAIN.FSM_RESET": Field(MAIN, 2, 1),
    "MAIN.FIFO_RESET": Field(MAIN, 3, 1),
    "MAIN.TR_WKUP": Field(MAIN, 4, 8),
    "MAIN.TR_WKUP_MUL": Field(MAIN, 12, 4),
    "ADC0.ADC_DIV": Field(ADC0, 14, 10),
    "SFCTL.FIFO_CREF": Field(SFCTL, 0, 13),
    "SFCTL.MISO_HS_RD": Field(SFCTL, 16, 1),
    "SFCTL.LFSR_EN": Field(SFCTL, 17, 1),
    "SFCTL.PREFIX_EN": Field(SFCTL, 18, 1),
    "SADC_CTRL.START": Field(SADC_CTRL, 4, 1),
    "SADC_RESULT.VALUE": Field(SADC_RESULT, 0, 10),
    "CSU1_1.TX_DAC": Field(CSU1_1, 0, 5),
    "CSU1_1.BBCH_SEL": Field(CSU1_1, 20, 3),
    "CCR0.TR_END": Field(CCR0, 0, 9),
    "CCR0.TR_INIT1": Field(CCR0, 14, 8),
    "CCR0.TR_INIT1_MUL": Field(CCR0, 22, 2),
    "CCR1.TR_START": Field(CCR1, 0, 9),
    "CCR1.PD_MODE": Field(CCR1, 9, 2),
    "CCR1.TR_FED": Field(CCR1, 11, 8),
    "CCR1.TR_FED_MUL": Field(CCR1, 19, 5),
    "CCR2.MAX_FRAME_CNT": Field(CCR2, 0, 12),
    "CCR2.FRAME_LEN": Field(CCR2, 12, 12),
    "CCR3.TR_PAEN": Field(CCR3, 0, 9),
    "CCR3.TR_SSTART": Field(CCR3, 9, 5),
    "CCR3.TR_INIT0": Field(CCR3, 14, 8),
    "CCR3.TR_INIT0_MUL": Field(CCR3, 22, 2),
    "PLL1_2.RTU": Field(PLL1_2, 0, 14),
    "PLL1_3.APU": Field(PLL1_3, 0, 12),
    "PLL1_7.PD_MODE": Field(PLL1_7, 9, 2),
    "PLL1_7.TR_SED": Field(PLL1_7, 11, 8),
    "PLL1_7.TR_SED_MUL": Field(PLL1_7, 19, 5),
    "FSTAT.FILL_STATUS": Field(FSTAT, 0, 14),
    "FSTAT.CLK_NUM_ERR": Field(FSTAT, 17, 1),
    "FSTAT.SPI_BURST_ERR": Field(FSTAT, 18, 1),
    "FSTAT.FUF_ERR": Field(FSTAT, 19, 1),
    "FSTAT.EMPTY": Field(FSTAT, 20, 1),
    "FSTAT.CREF": Field(FSTAT, 21, 1),
    "FSTAT.FULL": Field(FSTAT, 22, 1),
    "FSTAT.FOF_ERR": Field(FSTAT, 23, 1),
}

FRAME_START, SW_RESET, FSM_RESET, FIFO_RESET = (1 << bit for bit in range(4))  # of MAIN; all clear themselves

# GSR0, the first byte that the chip shifts out in every transaction; the upper four bits are ones.
GSR0_ONES = 0xF0
GSR0_FIFO_ERROR, GSR0_HIGH_SPEED, GSR0_BURST_ERROR, GSR0_CLOCK_ERROR = 0x08, 0x04, 0x02, 0x01
GSR0_ERRORS = GSR0_FIFO_ERROR | GSR0_BURST_ERROR | GSR0_CLOCK_ERROR

FIFO_BURST = b"\xff\xc0\x00\x00"
"""Command of an unbounded burst that reads the FIFO."""

# --- words that are the same for all settings (the vendor's exports) --------------------------------------------------

CONSTANT_WORDS: dict[int, int] = {
    MAIN: 0x1E8270,
    PACR1: 0xE967FD,
    PACR2: 0x0805B4,
    SFCTL: 0x1027FF,
    **dict.fromkeys((CSI_0, CSI_1, CSI_2, CSDS_0, CSDS_1, CSDS_2, PLL1_4, PLL1_5, PLL1_6, RFT1, SDFT0), 0),
    CSCI: 0x000BE0,
    CSCDS: 0x000B60,
    CSC1: 0x000490,
    CSC2: 0x000480,
    CSC3: 0x000480,
    CSC4: 0x000480,
    CCR0: 0x11BE0E,
    CCR3: 0x787E1E,
    PLL2_7: 0x000100,
    PLL3_7: 0x000100,
    PLL4_7: 0x000100,
}
_ADC0_REST = 0x0210  # ADC0 without its divider: band gap and tracking times
_CHANNEL_POWER = {1: 0x103C51, 2: 0x10C851, 3: 0x130C51}
_CHANNEL_REST = 0x0FF400  # CSU1_1 without receivers and power: baseband reset, ADC and temperature sensor enabled
_CCR1_REST = 2 << 9 | 10  # deep sleep between frames, TR_START
_PLL1_7_REST = 0x110  # shape enabled, continuous

# Longest sampling time of a chirp (us) -> SADC_CTRL: oversampling of the temperature sensor that fits beside it.
_SADC_WORDS = ((50.0, 0x010D00), (100.0, 0x010700), (math.inf, 0x010F00))
SADC_TEMPERATURE = 0x010710
"""Start one measurement of the temperature, 32 times oversampled."""

# --- receivers --------------------------------------------------------------------------------------------------------

HIGH_PASS_HZ = (20e3, 45e3, 70e3, 80e3)
"""By HPF_SEL."""
LOW_PASS_HZ = 500e3
_HIGH_GAIN_DB = (30, 18)  # by the bit HP_GAIN
_VGA_STEP_DB, _VGA_STEPS = 5, 7
GAINS_DB: dict[int, tuple[int, int]] = {
    base + _VGA_STEP_DB * step: (bit, step) for bit, base in enumerate(_HIGH_GAIN_DB) for step in range(_VGA_STEPS)
}
"""Receiver gain in dB -> (HP_GAIN, VGA)."""

# --- frequencies ------------------------------------------------------------------------------------------------------

_UNIT_OFFSET = 96 << 20
_RAMP_LEAD_CYCLES = 150  # TR_PAEN - TR_START: the amplifier turns on, and the stated start frequency is reached


def frequency_word(frequency_hz: float) -> int:
    """Frequency as the PLL's signed number, steps of 610 Hz around 61.44 GHz."""
    return round(frequency_hz / FREQUENCY_STEP_HZ) - _UNIT_OFFSET


def word_frequency_hz(word: int) -> float:
    """Frequency of a PLL word (24 bits, two's complement)."""
    return (_signed24(word) + _UNIT_OFFSET) * FREQUENCY_STEP_HZ


def _signed24(word: int) -> int:
    return word - (1 << 24) if word & 0x800000 else word


# --- timers, in cycles of 80 MHz --------------------------------------------------------------------------------------

_STATE_CYCLES = 10  # steps of the state machine within a chirp that no timer covers


def timer_cycles(count: int, multiplier: int) -> int:
    """Cycles of WKUP, INIT0, INIT1, SED or FED."""
    return count * 2**multiplier * 8 + multiplier + 3 if count else 1


def find_timer(cycles: float) -> tuple[int, int]:
    """(count, multiplier) whose cycles are nearest to ``cycles``, the smallest multiplier of equals."""
    best = (0, 0)
    error = abs(1 - cycles)
    for multiplier in range(22):
        count = min(max(round((cycles - multiplier - 3) / (8 * 2**multiplier)), 1), 255)
        if (new := abs(timer_cycles(count, multiplier) - cycles)) < error:
            best, error = (count, multiplier), new
    return best


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happen, in cycles of 80 MHz, as the datasheet's state machine runs with the given registers.

    Attributes:
        chirp_cycles: from one chirp to the next.
        frame_cycles: from one frame to the next.
        wake_up_cycles: from the end of a frame's pause to its first chirp.
        first_sample_cycles: from the start of a ramp to its first sample.
        sample_cycles: from one sample to the next.
    """

    chirp_cycles: int
    frame_cycles: int
    wake_up_cycles: int
    first_sample_cycles: int
    sample_cycles: int

    def sample_s(self, chirp: int, sample: int) -> float:
        """From the start of a frame's first ramp to the end of sample ``sample`` of chirp ``chirp`` (from 0)."""
        cycles = chirp * self.chirp_cycles + self.first_sample_cycles + (sample + 1) * self.sample_cycles
        return cycles / REFERENCE_CLOCK_HZ


def timing_of(registers: Mapping[int, int] | Iterable[tuple[int, int]]) -> Timing:
    """The timing that a set of register words leads to."""
    words = dict(registers)

    def field(name: str) -> int:
        return FIELDS[name].of(words.get(FIELDS[name].address, 0))

    def timer(register: str, name: str) -> int:
        return timer_cycles(field(f"{register}.{name}"), field(f"{register}.{name}_MUL"))

    start, power_up = 8 * field("CCR1.TR_START") + 10, 8 * field("CCR3.TR_PAEN")
    sampling, end = 8 * field("CCR3.TR_SSTART") + 1, 8 * field("CCR0.TR_END") + 5
    inits = timer("CCR3", "TR_INIT0") + timer("CCR0", "TR_INIT1")
    ramp = 8 * field("PLL1_2.RTU")
    sed, fed = timer("PLL1_7", "TR_SED"), timer("CCR1", "TR_FED")
    stays_on = field("PLL1_7.PD_MODE") == 0
    active = start + ramp + end + _STATE_CYCLES + (0 if stays_on else inits)
    wake_up = timer("MAIN", "TR_WKUP")
    chirps = field("CCR2.FRAME_LEN") + 1
    frame = chirps * active + (chirps - 1) * sed + fed + wake_up + (inits if stays_on else 0)
    return Timing(active + sed, frame, wake_up, power_up + sampling - start, field("ADC0.ADC_DIV"))


# --- chirp settings to registers and back -----------------------------------------------------------------------------


def registers_for(chirp: ChirpSettings) -> list[tuple[int, int]]:
    """The 38 registers that make the chip transmit and sample as ``chirp`` says.

    Returns:
        (address, 24-bit word), addresses ascending, ready to be written in this order.

    Raises:
        ConfigurationError: the chip cannot do it; the sentence names the limit.
    """
    _check(chirp)
    divider = adc_divider(chirp.sample_rate_hz)
    units = ramp_units(chirp.samples_per_chirp, divider)
    start = frequency_word(chirp.start_frequency_hz)
    step = ramp_steps(chirp.start_frequency_hz, chirp.end_frequency_hz, units)
    words = CONSTANT_WORDS | {
        ADC0: FIELDS["ADC0.ADC_DIV"].put(_ADC0_REST, divider),
        SADC_CTRL: _sadc_word(chirp.samples_per_chirp * divider / (REFERENCE_CLOCK_HZ / 1e6)),
        CSU1_0: _channel_power(chirp.rx_antennas),
        CSU1_1: FIELDS["CSU1_1.BBCH_SEL"].put(_CHANNEL_REST, sum(1 << rx - 1 for rx in chirp.rx_antennas))
        | chirp.tx_power_level,
        CSU1_2: _receiver_word(chirp.if_gain_db, chirp.high_pass_hz),
        CCR1: _CCR1_REST,
        CCR2: FIELDS["CCR2.FRAME_LEN"].put(0, chirp.chirps_per_frame - 1),
        PLL1_0: start - _RAMP_LEAD_CYCLES * step & 0xFFFFFF,
        PLL1_1: step & 0xFFFFFF,
        PLL1_2: units,
        PLL1_3: chirp.samples_per_chirp,
    }
    words |= {PLL1_7: _chirp_pause(chirp, words)}
    words |= {CCR1: _frame_pause(chirp, words)}
    return sorted(words.items())


def chirp_from_registers(registers: Mapping[int, int] | Iterable[tuple[int, int]]) -> ChirpSettings:
    """The chirp settings that a set of register words means; the inverse of `registers_for`.

    Raises:
        ConfigurationError: the words describe no chirp that samples.
    """
    words = dict(registers)
    missing = [NAMES[address] for address in (ADC0, CSU1_1, CSU1_2, PLL1_0, PLL1_2, PLL1_3) if address not in words]
    divider = FIELDS["ADC0.ADC_DIV"].of(words.get(ADC0, 0))
    samples, units = FIELDS["PLL1_3.APU"].of(words.get(PLL1_3, 0)), FIELDS["PLL1_2.RTU"].of(words.get(PLL1_2, 0))
    selected = FIELDS["CSU1_1.BBCH_SEL"].of(words.get(CSU1_1, 0))
    if missing or not divider or not samples or not selected or units * 8 <= CYCLES_BEFORE_START_FREQUENCY:
        raise ConfigurationError(
            f"the registers describe no chirp: ADC divider {divider}, {samples} samples, ramp of {units} x 100 ns, "
            f"receivers {selected:03b}" + (f"; missing: {', '.join(missing)}." if missing else ".")
        )
    timing = timing_of(words)
    step = _signed24(words.get(PLL1_1, 0))
    start_hz = word_frequency_hz(words[PLL1_0] + _RAMP_LEAD_CYCLES * step & 0xFFFFFF)
    end_hz = start_hz + step * FREQUENCY_STEP_HZ * (8 * units - CYCLES_BEFORE_START_FREQUENCY)
    receiver = words[CSU1_2]
    gain_db = _HIGH_GAIN_DB[receiver >> 20 & 1] + _VGA_STEP_DB * (receiver >> 2 & 7)
    return ChirpSettings(
        device=DEVICE,
        start_frequency_hz=start_hz,
        end_frequency_hz=_within_band(end_hz, units),
        slope_hz_per_s=step * FREQUENCY_STEP_HZ * REFERENCE_CLOCK_HZ,
        samples_per_chirp=samples,
        sample_rate_hz=REFERENCE_CLOCK_HZ / divider,
        chirps_per_frame=FIELDS["CCR2.FRAME_LEN"].of(words.get(CCR2, 0)) + 1,
        chirp_period_s=timing.chirp_cycles / REFERENCE_CLOCK_HZ,
        frame_period_s=timing.frame_cycles / REFERENCE_CLOCK_HZ,
        rx_antennas=tuple(rx for rx in (1, 2, 3) if selected >> rx - 1 & 1),
        tx_power_level=FIELDS["CSU1_1.TX_DAC"].of(words[CSU1_1]),
        if_gain_db=float(gain_db),
        high_pass_hz=HIGH_PASS_HZ[receiver & 3],
        low_pass_hz=LOW_PASS_HZ,
    )


def _within_band(end_hz: float, units: int) -> float:
    """The end of a ramp that leaves the band by no more than the rounding of its slope: then the band's edge."""
    half_step_hz = FREQUENCY_STEP_HZ / 2 * (8 * units - CYCLES_BEFORE_START_FREQUENCY)
    edge_hz = LIMITS[DEVICE].band_hz[1]
    return edge_hz if edge_hz < end_hz < edge_hz + half_step_hz else end_hz


def _sadc_word(sampling_us: float) -> int:
    return next(word for limit_us, word in _SADC_WORDS if sampling_us <= limit_us)


def _channel_power(receivers: tuple[int, ...]) -> int:
    word = 0
    for receiver in receivers:
        word |= _CHANNEL_POWER[receiver]
    return word


def _receiver_word(gain_db: float, high_pass_hz: float) -> int:
    """CSU1_2: gain and high-pass filter, the same for all three receivers."""
    bit, step = GAINS_DB[round(gain_db)]
    code = step << 2 | HIGH_PASS_HZ.index(high_pass_hz)
    return sum(bit << 20 + receiver | code << 5 * receiver for receiver in range(3))


def _chirp_pause(chirp: ChirpSettings, words: Mapping[int, int]) -> int:
    """PLL1_7: the pause after a chirp, asleep in it if it is long enough to wake up again."""
    wanted = chirp.chirp_period_s * REFERENCE_CLOCK_HZ
    for mode in (1, 0):
        rest = FIELDS["PLL1_7.PD_MODE"].put(_PLL1_7_REST, mode)
        shortest = timing_of({**words, PLL1_7: rest}).chirp_cycles
        if wanted >= shortest - 0.5:
            break
    else:
        ramp_us = words[PLL1_2] / 10
        raise ConfigurationError(
            f"a chirp period of {chirp.chirp_period_s * 1e6:.1f} us is too short: {chirp.samples_per_chirp} samples at "
            f"{chirp.sample_rate_hz / 1e6:g} MHz and 5 us of settling make a ramp of {ramp_us:.1f} us, "
            f"and the shortest period is {shortest / REFERENCE_CLOCK_HZ * 1e6:.1f} us; use fewer samples or a longer "
            "period."
        )
    return _with_timer(rest, "PLL1_7.TR_SED", wanted - shortest + 1)


def _frame_pause(chirp: ChirpSettings, words: Mapping[int, int]) -> int:
    """CCR1: the pause after a frame, in deep sleep."""
    wanted = chirp.frame_period_s * REFERENCE_CLOCK_HZ
    shortest = timing_of({**words, CCR1: _CCR1_REST}).frame_cycles
    if wanted < shortest - 0.5:
        raise ConfigurationError(
            f"a frame period of {chirp.frame_period_s * 1e3:.2f} ms is too short: {chirp.chirps_per_frame} chirps of "
            f"{chirp.chirp_period_s * 1e6:.1f} us and 1.0 ms to wake up take "
            f"{shortest / REFERENCE_CLOCK_HZ * 1e3:.2f} ms; use fewer chirps, a shorter chirp period or a longer frame "
            "period."
        )
    return _with_timer(_CCR1_REST, "CCR1.TR_FED", wanted - shortest + 1)


def _with_timer(word: int, name: str, cycles: float) -> int:
    count, multiplier = find_timer(cycles)
    return FIELDS[f"{name}_MUL"].put(FIELDS[name].put(word, count), multiplier)


def _check(chirp: ChirpSettings) -> None:
    """Everything but the pauses, which need words first."""
    if chirp.device != DEVICE:
        raise ConfigurationError(f"the chirp settings are for {chirp.device!r}, and this radar is a {DEVICE!r}.")
    check_limits(chirp)
    expected = slope_hz_per_s(
        chirp.start_frequency_hz, chirp.end_frequency_hz, chirp.samples_per_chirp, chirp.sample_rate_hz
    )
    if abs(chirp.slope_hz_per_s - expected) > SLOPE_TOLERANCE * expected:
        raise ConfigurationError(
            f"a slope of {chirp.slope_hz_per_s / 1e12:.2f} MHz/us is stated, but the band, {chirp.samples_per_chirp} "
            f"samples and the settling time make it {expected / 1e12:.2f} MHz/us; leave it to the chirp file's reader."
        )


# --- temperature ------------------------------------------------------------------------------------------------------

_SADC_VOLTS_PER_STEP = 1.21 / 256
_VOLTS_AT_ZERO, _VOLTS_PER_DEGREE = 0.78984, 0.00286
_SADC_STEPS_PER_BYTE = 4  # 32 times oversampled, the result has ten bits instead of eight


def temperature_c(result: int) -> float:
    """Temperature of the chip from SADC_RESULT, measured with ``SADC_TEMPERATURE``."""
    volts = FIELDS["SADC_RESULT.VALUE"].of(result) / _SADC_STEPS_PER_BYTE * _SADC_VOLTS_PER_STEP
    return (volts - _VOLTS_AT_ZERO) / _VOLTS_PER_DEGREE


def temperature_result(temperature: float) -> int:
    """SADC_RESULT at a temperature in degrees Celsius: the inverse of `temperature_c`, to the nearest step."""
    volts = _VOLTS_AT_ZERO + temperature * _VOLTS_PER_DEGREE
    return min(max(round(volts / _SADC_VOLTS_PER_STEP * _SADC_STEPS_PER_BYTE), 0), 1023)
