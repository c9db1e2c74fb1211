"""Permittivities as Gabriel published them, and reflections as the textbook has them."""

from __future__ import annotations

import math

import pytest

from faceedge.errors import ConfigurationError
from faceedge.simulation.person.materials import (
    CENTRE_HZ,
    SOLIDS,
    TISSUES,
    half_space,
    layered,
    permittivity,
)

WAVELENGTH_M = 299_792_458 / CENTRE_HZ


@pytest.mark.parametrize(
    ("tissue", "expected"),
    [
        ("dry skin", 7.975 - 10.904j),
        ("wet skin", 10.216 - 11.840j),
        ("cornea", 11.647 - 14.657j),
        ("tongue", 11.884 - 14.978j),
    ],
)
def test_tissues_at_60_ghz_are_those_of_gabriels_model(tissue: str, expected: complex) -> None:
    assert permittivity(tissue, 60e9) == pytest.approx(expected, abs=1e-3)


def test_dry_skin_disperses_as_published_at_lower_frequencies() -> None:
    assert permittivity("dry skin", 1e9) == pytest.approx(40.94 - 16.18j, abs=0.02)
    assert permittivity("dry skin", 10e9) == pytest.approx(31.29 - 14.41j, abs=0.02)


def test_skin_reflects_three_eighths_of_the_power() -> None:
    assert abs(half_space(permittivity("dry skin", 60e9))) == pytest.approx(0.6145, abs=1e-4)
    assert abs(half_space(permittivity("dry skin"))) ** 2 == pytest.approx(0.376, abs=2e-3)


def test_every_material_absorbs_and_reflects_less_than_all() -> None:
    for name in (*TISSUES, *SOLIDS):
        value = permittivity(name)
        assert value.real > 1
        assert value.imag < 0
        assert 0.02 < abs(half_space(value)) < 0.7


def test_a_better_and_better_conductor_reflects_minus_one() -> None:
    assert half_space(1 - 1e12j) == pytest.approx(-1, abs=1e-5)


def test_a_layer_without_thickness_is_not_there() -> None:
    skin = permittivity("dry skin")
    assert layered(((permittivity("cotton"), 0.0),), skin) == pytest.approx(half_space(skin))
    assert layered((), skin) == pytest.approx(half_space(skin))


def test_a_quarter_wave_of_the_mean_index_takes_the_reflection_away() -> None:
    assert abs(layered(((4.0, WAVELENGTH_M / 8),), 16.0)) == pytest.approx(0, abs=1e-12)


def test_half_a_wave_in_a_clear_layer_changes_nothing() -> None:
    assert layered(((2.25, WAVELENGTH_M / 3),), 9.0) == pytest.approx(-0.5)


def test_two_layers_of_one_material_are_one() -> None:
    cloth = permittivity("wool")
    skin = permittivity("wet skin")
    whole = layered(((cloth, 1.5e-3), (1.0, 2e-3)), skin)
    assert layered(((cloth, 0.6e-3), (cloth, 0.9e-3), (1.0, 2e-3)), skin) == pytest.approx(whole)


def test_a_lossy_layer_that_is_thick_hides_what_is_behind() -> None:
    skin = permittivity("dry skin")
    assert layered(((skin, 0.02),), 1.0) == pytest.approx(half_space(skin), abs=1e-9)


def test_unknown_materials_and_impossible_frequencies_are_named() -> None:
    with pytest.raises(ConfigurationError, match="no material 'silk'; there are dry skin"):
        permittivity("silk")
    for frequency_hz in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ConfigurationError, match="a frequency above 0 Hz"):
            permittivity("dry skin", frequency_hz)
