"""Who a synthetic person is: shape of the face, skin, hair, what they wear, and how they move. Drawn from a seed.

Nobody here is anybody: shapes are random combinations of MakeHuman's targets, not fits to people. Ranges are those of
adults of 18 to 66 years.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from faceedge.errors import ConfigurationError, InputError
from faceedge.simulation.person.shape import draw_shape

AGES_YEARS = (18.0, 66.0)
ANCESTRIES = ("african", "asian", "caucasian")
IRISES = ("brown", "hazel", "green", "grey", "blue")
HAIRS = ("black", "dark brown", "brown", "blond", "red", "grey")

# Numbers of the independent random streams of a person's seed.
_WHO, _SHAPE, _LOOK, _HABITS, _WEARS = range(5)

# Mean and standard deviation of the steps of skin tone (1 to 6) by ancestry.
_SKIN_STEPS = {"african": (5.2, 0.7), "asian": (3.3, 0.7), "caucasian": (2.2, 0.8)}


@dataclass(frozen=True, slots=True)
class SkinTone:
    """Colour of the skin.

    Attributes:
        step: 1 (palest) to 6 (darkest), in the manner of Fitzpatrick's phototypes; any number between.
        redness: 0 to 1, of cheeks, nose and ears.
        freckles: 0 (none) to 1.
        roughness: 0 (smooth, as of a young skin) to 1: pores and wrinkles.
    """

    step: float
    redness: float
    freckles: float
    roughness: float


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that stays the same about a person from session to session.

    Attributes:
        seed: what the person was drawn from; also of the random fields of skin and texture.
        sex: ``female`` or ``male``, as far as shape, hair and beard go.
        age_years: 18 to 66.
        ancestry: shares of `ANCESTRIES`, sum 1.
        shape: coefficients of the head's targets, see `faceedge.simulation.person.head.Head.shaped`.
        size: factors of depth, breadth and height that bring the shape to the drawn dimensions.
        skin: colour.
        iris: one of `IRISES`.
        hair: colour, one of `HAIRS`.
        hair_length: 0 (bald) to 1 (long).
        hairline: 0 (low) to 1 (receded).
        brows: 0 (thin) to 1 (thick).
        beard: 0 (shaved) to 1 (full).
        glasses, mask: whether they are worn.
        breathing_hz: at rest.
        breathing_m: how far the breastbone moves with a breath, from end to end.
        heart_hz: at rest.
        pulse_m: how far the skin of the face moves with a beat, from end to end.
        blink_hz: blinks a second, on average.
        blink_s: how long a blink takes.
        sway_m: standard deviation of the head's slow movement while sitting still.
        expressiveness: factor of the intensity of expressions.
        asymmetry: -1 to 1, the side that expressions favour: positive is the person's left.
        restlessness: factor of how often posture, head and eyes move.
    """

    seed: int
    sex: str
    age_years: float
    ancestry: tuple[float, float, float]
    shape: tuple[float, ...]
    size: tuple[float, float, float]
    skin: SkinTone
    iris: str
    hair: str
    hair_length: float
    hairline: float
    brows: float
    beard: float
    glasses: bool
    mask: bool
    breathing_hz: float
    breathing_m: float
    heart_hz: float
    pulse_m: float
    blink_hz: float
    blink_s: float
    sway_m: float
    expressiveness: float
    asymmetry: float
    restlessness: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The person that `to_dict` wrote.

        Raises:
            InputError: a value is missing or unknown.
        """
        skin = values.get("skin")
        for kind, found in ((cls, values), (SkinTone, skin if isinstance(skin, dict) else {})):
            known = {field.name for field in fields(kind)}
            wrong = [f"lacks {name}" for name in sorted(known - set(found))]
            wrong += [f"has the unknown {name}" for name in sorted(set(found) - known)]
            if wrong:
                raise InputError(
                    f"the description of a person {', '.join(wrong)}; was it written by another version? Draw the "
                    "person anew from the seed."
                )
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**{**plain, "skin": SkinTone(**values["skin"])})


def draw_person(
    seed: int, *, glasses: bool | None = None, mask: bool | None = None, beard: float | None = None
) -> Person:
    """The person of ``seed``. What they wear can be fixed; nothing else changes with that.

    Raises:
        ConfigurationError: the seed is no whole number of 0 or more, or the beard is not 0 to 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigurationError(f"a person's seed is a whole number of 0 or more, {seed!r} came")
    if beard is not None and not 0 <= beard <= 1:
        raise ConfigurationError(f"a beard is 0 (shaved) to 1 (full), {beard} came")
    seed = int(seed)
    who = np.random.default_rng((seed, _WHO))
    sex = ("female", "male")[int(who.integers(2))]
    age_years = float(who.uniform(*AGES_YEARS))
    ancestry = _ancestry(who)
    shape, size = draw_shape(np.random.default_rng((seed, _SHAPE)), sex, age_years, ancestry)
    look = _look(np.random.default_rng((seed, _LOOK)), sex, age_years, ancestry)
    wears = np.random.default_rng((seed, _WEARS)).random(2)
    if beard is not None:
        look["beard"] = float(beard)
    return Person(
        seed=seed,
        sex=sex,
        age_years=age_years,
        ancestry=ancestry,
        shape=shape,
        size=size,
        glasses=bool(wears[0] < 0.35) if glasses is None else glasses,
        mask=bool(wears[1] < 0.05) if mask is None else mask,
        **look,
        **_habits(np.random.default_rng((seed, _HABITS)), age_years),
    )


def _ancestry(random: np.random.Generator) -> tuple[float, float, float]:
    """Mostly one, sometimes a mixture: real populations are no three heaps."""
    african, asian, caucasian = random.dirichlet((0.35, 0.35, 0.35))
    return float(african), float(asian), float(caucasian)


def _look(
    random: np.random.Generator, sex: str, age_years: float, ancestry: tuple[float, float, float]
) -> dict[str, Any]:
    male = sex == "male"
    mean, spread = (
        sum(share * _SKIN_STEPS[a][k] for a, share in zip(ANCESTRIES, ancestry, strict=True)) for k in (0, 1)
    )
    step = float(np.clip(random.normal(mean, spread), 1, 6))
    light = ancestry[2] * random.random()  # light eyes and hair come with European ancestry
    grey = random.random() < np.clip((age_years - 35) / 45, 0, 0.8)
    old = (age_years - AGES_YEARS[0]) / (AGES_YEARS[1] - AGES_YEARS[0])
    return {
        "skin": SkinTone(
            step=step,
            redness=float(random.beta(2, 3)),
            freckles=float(random.random() ** 3 * np.clip((3.5 - step) / 2, 0, 1)),
            roughness=float(np.clip(random.normal(0.2 + 0.55 * old, 0.12), 0, 1)),
        ),
        "iris": IRISES[int(np.clip(light * 7 - 1.5, 0, 4))],
        "hair": "grey" if grey else HAIRS[int(np.clip(light * 7 - random.random(), 0, 4))],
        "hair_length": float(np.clip(random.normal(0.25 if male else 0.7, 0.2), 0 if male else 0.15, 1)),
        "hairline": float(np.clip(random.beta(2, 4) + (0.5 * old * random.random() if male else 0), 0, 1)),
        "brows": float(np.clip(random.normal(0.6 if male else 0.4, 0.2), 0, 1)),
        "beard": float(random.beta(0.6, 1.2)) if male else 0.0,
    }


def _habits(random: np.random.Generator, age_years: float) -> dict[str, Any]:
    """Rates and amplitudes at rest, sitting.

    Breathing 12 to 20 a minute; the breastbone moves 4 to 12 mm (De Groote et al., J. Appl. Physiol. 83, 1997). Heart
    60 to 100 a minute. The skin of the face moves some tens of micrometres with a beat. Blinks at rest: 17 a minute,
    much different between people (Bentivoglio et al., Mov. Disord. 12, 1997), of 0.2 to 0.4 s (VanderWerf et al., J.
    Neurophysiol. 89, 2003).
    """
    return {
        "breathing_hz": float(np.clip(random.normal(0.26, 0.045), 0.15, 0.4)),
        "breathing_m": float(np.clip(random.lognormal(np.log(6e-3), 0.35), 2.5e-3, 14e-3)),
        "heart_hz": float(np.clip(random.normal(1.2, 0.16), 0.8, 1.75)),
        "pulse_m": float(np.clip(random.lognormal(np.log(40e-6), 0.4), 12e-6, 120e-6)),
        "blink_hz": float(np.clip(random.lognormal(np.log(0.25), 0.5), 0.06, 0.9)),
        "blink_s": float(np.clip(random.normal(0.26 + 0.0008 * (age_years - 40), 0.04), 0.16, 0.42)),
        "sway_m": float(np.clip(random.lognormal(np.log(4e-3), 0.4), 1.5e-3, 12e-3)),
        "expressiveness": float(np.clip(random.lognormal(-0.1, 0.3), 0.4, 1.6)),
        "asymmetry": float(np.clip(random.normal(0.08, 0.25), -0.7, 0.7)),
        "restlessness": float(np.clip(random.lognormal(0.0, 0.4), 0.35, 2.5)),
    }
