"""Complex permittivity around 60 GHz of what people are made of and wear, and how much of a wave it reflects.

Tissues follow the four Cole-Cole dispersions of S. Gabriel, R. W. Lau and C. Gabriel (Phys. Med. Biol. 41:2271-2293,
1996),

    permittivity = e_inf + sum of delta / (1 + (j w tau)^(1 - alpha)) + sigma / (j w e_0)

which give 8.0 - 10.9j for dry skin at 60 GHz; measured skin agrees within some 15 % (M. Zhadobov et al., Int. J.
Microw. Wirel. Technol. 3:237-247, 2011). Cloth, plastics and keratin hardly disperse: a constant and a loss tangent
are given for them. Hair, cotton and the fleece of masks are mostly air; their figures are those of the mixture.

Amplitude reflection at normal incidence is Fresnel's, (1 - n) / (1 + n); layers follow the recursion of Airy's formula.
Signs are those of the electric field: a metal reflects -1.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from faceedge.errors import ConfigurationError
from faceedge.radar.chirp import SPEED_OF_LIGHT_M_S

CENTRE_HZ = 60.5e9
"""Middle of the radar's band, where reflections are taken."""

_E0_F_M = 8.8541878128e-12
_PS, _NS, _US, _MS = 1e-12, 1e-9, 1e-6, 1e-3


@dataclass(frozen=True, slots=True)
class Tissue:
    """Parameters of Gabriel's model: ``poles`` are (delta, tau in s, alpha), conductivity in S/m."""

    e_inf: float
    poles: tuple[tuple[float, float, float], ...]
    conductivity_s_m: float


TISSUES = {
    "dry skin": Tissue(4.0, ((32.0, 7.234 * _PS, 0.0), (1100.0, 32.481 * _NS, 0.2)), 2e-4),
    "wet skin": Tissue(
        4.0,
        ((39.0, 7.958 * _PS, 0.1), (280.0, 79.577 * _NS, 0.0), (3e4, 1.592 * _US, 0.16), (3e4, 1.592 * _MS, 0.2)),
        4e-4,
    ),
    "cornea": Tissue(
        4.0,
        ((48.0, 7.958 * _PS, 0.1), (4000.0, 159.155 * _NS, 0.05), (1e5, 15.915 * _US, 0.2), (4e7, 15.915 * _MS, 0.0)),
        0.4,
    ),
    "tongue": Tissue(
        4.0,
        ((50.0, 7.958 * _PS, 0.1), (4000.0, 159.155 * _NS, 0.1), (1e5, 159.155 * _US, 0.2), (4e7, 15.915 * _MS, 0.0)),
        0.25,
    ),
}

SOLIDS = {
    # permittivity and loss tangent
    "cotton": (1.5, 0.016),  # N. Chahat et al., IEEE Trans. Antennas Propag. 61:1816-1824, 2013, woven
    "wool": (1.3, 0.02),  # knitted, with more air than cotton (assumed)
    "polycarbonate": (2.77, 0.008),  # J. W. Lamb, Int. J. Infrared Millim. Waves 17:1997-2034, 1996
    "fleece": (1.2, 0.003),  # of polypropylene fibres, a fifth of the volume (mixed from Lamb's polypropylene)
    "hair": (1.2, 0.05),  # keratin fibres, a twentieth to a tenth of the volume (assumed)
    "tooth": (8.0, 0.03),  # enamel (assumed from its figures at lower frequencies)
}
MASK_M, LENS_M = 0.45e-3, 2.0e-3
"""Thickness of a surgical mask's three layers and of a lens of glasses."""


def permittivity(name: str, frequency_hz: float = CENTRE_HZ) -> complex:
    """Relative complex permittivity, with a negative imaginary part.

    Raises:
        ConfigurationError: a material that is in no table, or a frequency that is not above 0.
    """
    if not (frequency_hz > 0 and math.isfinite(frequency_hz)):
        raise ConfigurationError(f"a permittivity needs a frequency above 0 Hz, got {frequency_hz}.")
    if name in SOLIDS:
        real, loss = SOLIDS[name]
        return complex(real, -real * loss)
    if name not in TISSUES:
        raise ConfigurationError(f"no material {name!r}; there are {', '.join((*TISSUES, *SOLIDS))}.")
    tissue = TISSUES[name]
    w = 2 * math.pi * frequency_hz
    poles = sum(delta / (1 + (1j * w * tau) ** (1 - alpha)) for delta, tau, alpha in tissue.poles)
    return tissue.e_inf + poles + tissue.conductivity_s_m / (1j * w * _E0_F_M)


def half_space(permittivity_below: complex) -> complex:
    """Amplitude reflection of a thick body in air."""
    return _interface(1.0, permittivity_below)


def layered(
    layers: tuple[tuple[complex, float], ...], backing: complex = 1.0, frequency_hz: float = CENTRE_HZ
) -> complex:
    """Amplitude reflection of ``layers``, (permittivity, thickness in m) from the outside in, on ``backing``."""
    wave = 2 * math.pi * frequency_hz / SPEED_OF_LIGHT_M_S
    below, reflection = backing, 0j
    for material, thickness_m in reversed(layers):
        inner = _joined(_interface(material, below), reflection)
        reflection = inner * cmath.exp(-2j * wave * _index(material) * thickness_m)
        below = material
    return _joined(_interface(1.0, below), reflection)


def _joined(front: complex, behind: complex) -> complex:
    return (front + behind) / (1 + front * behind)


def _index(material: complex) -> complex:
    return cmath.sqrt(material)


def _interface(above: complex, below: complex) -> complex:
    one, two = _index(above), _index(below)
    return (one - two) / (one + two)
