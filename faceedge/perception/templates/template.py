"""What is stored of a person, and the bytes of it before they are encrypted."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from faceedge.errors import InputError
from faceedge.perception.templates.keys import NAME
from faceedge.perception.templates.refusals import Refusal, TemplateError
from faceedge.radar.chirp import ChirpSettings

SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST_BYTES = 1 << 16
MOST_VALUES = 4096
VERSION = 1


@dataclass(frozen=True, slots=True)
class ChirpFingerprint:
    """What of a chirp decides how a face's echo looks; frames a second and chirps a frame do not.

    Attributes: see `ChirpSettings`.

    Raises:
        InputError: a number is not finite.
    """

    device: str
    start_frequency_hz: float
    end_frequency_hz: float
    slope_hz_per_s: float
    samples_per_chirp: int
    sample_rate_hz: float
    rx_antennas: tuple[int, ...]
    tx_antennas: tuple[int, ...]
    complex_sampling: bool
    tx_power_level: int
    if_gain_db: float
    high_pass_hz: float
    low_pass_hz: float

    def __post_init__(self) -> None:
        numbers = [getattr(self, each.name) for each in dataclasses.fields(self)]
        if not all(math.isfinite(number) for number in numbers if isinstance(number, float)):
            raise InputError("the numbers of a chirp must be finite.")

    @classmethod
    def of(cls, chirp: ChirpSettings) -> ChirpFingerprint:
        """The fingerprint of settings."""
        return cls(**{each.name: getattr(chirp, each.name) for each in dataclasses.fields(cls)})

    def differences(self, other: ChirpFingerprint) -> list[str]:
        """What differs, in words; frequencies, slopes and rates count as equal within a millionth."""
        found = []
        for each in dataclasses.fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(ours, float):
                same = math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9)
            else:
                same = ours == theirs
            if not same:
                found.append(f"{each.name} {_words(ours)} there, {_words(theirs)} here")
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One person's protected template and what is needed to use it rightly.

    Attributes:
        name, application: whose it is, and what for; letters, digits and underscores, beginning with a letter.
        protected: (k,) float32, of `polyprotect.protect`.
        threshold: similarity from which a probe is accepted.
        chirp: what the radar transmitted at enrolment.
        model_sha256: of the embedding network's file.
        created: when, with its time zone.
        consent: the record of the person's consent, in words: when, to which text, to which purposes.
        statistics: further numbers of the enrolment that a verifier needs, such as of a score normalisation. Never
            an embedding or a part of one.
        issued: when templates of this person were issued, this one last; `Vault` fills it in.

    Raises:
        InputError: a field is not of that form.
    """

    name: str
    application: str
    protected: np.ndarray
    threshold: float
    chirp: ChirpFingerprint
    model_sha256: str
    created: datetime
    consent: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[str, float] = field(default_factory=dict)
    issued: tuple[datetime, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "a person's name")
        check_name(self.application, "an application's name")
        values = np.asarray(self.protected)
        if values.dtype != np.float32 or values.ndim != 1 or not 1 <= len(values) <= MOST_VALUES:
            raise InputError(
                f"a protected template must be 1 to {MOST_VALUES} float32 values, got {values.dtype} of the shape "
                f"{values.shape}."
            )
        if not np.all(np.isfinite(values)) or not np.any(values):
            raise InputError("a protected template must be finite and not zero everywhere.")
        if not math.isfinite(self.threshold):
            raise InputError(f"a threshold must be finite, got {self.threshold!r}.")
        if not SHA256.fullmatch(self.model_sha256):
            raise InputError(f"a model's sha256 must be 64 hexadecimal digits, got {self.model_sha256[:70]!r}.")
        if any(moment.tzinfo is None for moment in (self.created, *self.issued)):
            raise InputError("the times of a template need a time zone.")
        if not all(math.isfinite(value) for value in self.statistics.values()):
            raise InputError("the statistics of a template must be finite.")

    def require_chirp(self, chirp: ChirpSettings) -> None:
        """Refuse another chirp than the enrolment's.

        Raises:
            TemplateError: OTHER_CHIRP; what differs is named.
        """
        differences = self.chirp.differences(ChirpFingerprint.of(chirp))
        if differences:
            raise TemplateError(
                Refusal.OTHER_CHIRP,
                f"the template of {self.name} was made with another chirp ({'; '.join(differences)}); set the radar "
                "to the chirp of the enrolment, or enrol again.",
            )

    def require_model(self, sha256: str) -> None:
        """Refuse another embedding network than the enrolment's.

        Raises:
            TemplateError: OTHER_MODEL.
        """
        if sha256 != self.model_sha256:
            raise TemplateError(
                Refusal.OTHER_MODEL,
                f"the template of {self.name} was made by another embedding network (sha256 {self.model_sha256[:12]}, "
                f"in use is {sha256[:12]}); enrol again.",
            )

    def to_bytes(self) -> bytes:
        """The template as JSON, in one canonical form; `sealing` encrypts it.

        Raises:
            InputError: more than 64 KiB, such as by a consent text instead of its digest.
        """
        record = dataclasses.asdict(self) | {
            "version": VERSION,
            "protected": base64.b64encode(np.asarray(self.protected, "<f4").tobytes()).decode(),
            "created": self.created.isoformat(),
            "issued": [moment.isoformat() for moment in self.issued],
            "consent": dict(self.consent),
            "statistics": dict(self.statistics),
        }
        data = json.dumps(record, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
        if len(data) > LARGEST_BYTES:
            raise InputError(f"a template must be at most {LARGEST_BYTES} bytes, this one has {len(data)}.")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Template:
        """The template of `to_bytes`.

        Raises:
            TemplateError: CORRUPT; it is anything else.
        """
        try:
            if len(data) > LARGEST_BYTES:
                raise InputError(f"at most {LARGEST_BYTES} bytes were expected, {len(data)} came")
            record = json.loads(data.decode())
            if not isinstance(record, dict) or record.pop("version", None) != VERSION:
                raise InputError(f"a record of version {VERSION} was expected")
            return cls(**_fields(record))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, InputError) as error:
            reason = " ".join(str(error).split())[:160]
            raise TemplateError(
                Refusal.CORRUPT, f"the contents of a template are not what they should be ({reason}); enrol again."
            ) from error


def check_name(name: str, what: str) -> None:
    """InputError unless ``name`` can be a file and a part of a topic."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(
            f"{what} must be letters, digits and underscores, at most 64 and beginning with a letter, got {name!r:.80}."
        )


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    chirp = dict(record["chirp"])
    for antennas in ("rx_antennas", "tx_antennas"):
        chirp[antennas] = tuple(int(number) for number in chirp[antennas])
    for each in dataclasses.fields(ChirpFingerprint):
        kind = type(chirp[each.name]).__name__
        if kind not in str(each.type) and (kind, str(each.type)) != ("int", "float"):
            raise InputError(f"{each.name} is a {kind}")
    if not all(isinstance(text, str) for text in record["consent"].values()):
        raise InputError("the consent is not made of texts")
    if not all(isinstance(value, int | float) for value in record["statistics"].values()):
        raise InputError("the statistics are not made of numbers")
    return record | {
        "protected": np.frombuffer(base64.b64decode(record["protected"], validate=True), "<f4").astype(np.float32),
        "threshold": float(record["threshold"]),
        "chirp": ChirpFingerprint(**chirp),
        "created": datetime.fromisoformat(record["created"]),
        "issued": tuple(datetime.fromisoformat(moment) for moment in record["issued"]),
    }


def _words(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
