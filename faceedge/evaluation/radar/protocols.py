"""Who is enrolled from what, and who is tried against whom.

- *Same recording*: the first half of a recording enrols, its last 40 % probes, a tenth between them. It says that a
  model knows a recording, not that it knows a face. One recording of each person.
- *Pooled recordings*: the same with all recordings of each person together, as papers that divide frames probably do.
- *Session-disjoint*: the first sessions enrol, the one after sets thresholds, the last one probes: another day,
  distance, pose, room and clothes.

Impostors are people of whom no method and no threshold has seen anything (`strangers`); without such people, the
other enrolled ones. Their frames are of the same part of a recording as the person's, so that warming up tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from faceedge.errors import InputError
from faceedge.evaluation.radar.clips import Clip
from faceedge.evaluation.radar.methods import Enrolment

ENROLLED_UNTIL, HELD_OUT_UNTIL, PROBED_FROM = 0.4, 0.5, 0.6
"""Shares of a recording in *same recording*: both parts of the first half are the enrolment's."""
SESSION_PARTS = 3
"""In *session-disjoint*: enrolment, thresholds, probe."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Everything that a table of authentication needs.

    Attributes:
        name: of the protocol.
        enrolled: of each person, what a method may know.
        genuine: of each person, what is tried as that person.
        impostors: (person, clips): who claims to be each of the enrolled; the enrolled person itself is passed over.
        unseen: whether the impostors are people who are not enrolled.
    """

    name: str
    enrolled: Mapping[str, Enrolment]
    genuine: Mapping[str, tuple[Clip, ...]]
    impostors: Mapping[str, tuple[Clip, ...]]
    unseen: bool

    def against(self, person: str) -> list[Clip]:
        """The impostors' clips for one claimed person."""
        return [clip for name, clips in self.impostors.items() if name != person for clip in clips]


def by_person(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Clips of each person, sessions in order."""
    found: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: (clip.person, clip.session, clip.name)):
        found.setdefault(clip.person, []).append(clip)
    return found


def same_recording(enrolled: Sequence[Clip], strangers: Sequence[Clip] = ()) -> Protocol:
    """The parts of each person's first recording."""
    return _parts("same recording", enrolled, strangers, 1)


def pooled_recordings(enrolled: Sequence[Clip], strangers: Sequence[Clip] = ()) -> Protocol:
    """The parts of all recordings of each person, together."""
    return _parts("pooled recordings", enrolled, strangers, None)


def _parts(name: str, enrolled: Sequence[Clip], strangers: Sequence[Clip], sessions: int | None) -> Protocol:
    people = {person: clips[:sessions] for person, clips in by_person(enrolled).items()}
    others = {person: clips[:sessions] for person, clips in by_person(strangers).items()}
    probes: dict[str, tuple[Clip, ...]] = {
        person: tuple(clip.between(PROBED_FROM, 1) for clip in clips) for person, clips in people.items()
    }
    return Protocol(
        name,
        {
            person: Enrolment(
                tuple(clip.between(0, ENROLLED_UNTIL) for clip in clips),
                tuple(clip.between(ENROLLED_UNTIL, HELD_OUT_UNTIL) for clip in clips),
            )
            for person, clips in people.items()
        },
        probes,
        {person: tuple(clip.between(PROBED_FROM, 1) for clip in clips) for person, clips in others.items()} or probes,
        bool(others),
    )


def session_disjoint(enrolled: Sequence[Clip], strangers: Sequence[Clip] = ()) -> Protocol:
    """The sessions of each person: all but two enrol, the last but one sets thresholds, the last one probes.

    With two sessions, the last fifth of the first one takes the place of a session of its own for thresholds.

    Raises:
        InputError: nobody has two sessions.
    """
    people = {person: clips for person, clips in by_person(enrolled).items() if len(clips) > 1}
    if not people:
        raise InputError(
            "no person has two recordings, so nothing can be said of another session; expected at least two sessions "
            "of each enrolled person."
        )
    others = by_person(strangers)
    probes: dict[str, tuple[Clip, ...]] = {person: (clips[-1],) for person, clips in people.items()}
    return Protocol(
        "session-disjoint",
        {person: _sessions(clips) for person, clips in people.items()},
        probes,
        {person: (clips[-1],) for person, clips in others.items()} or probes,
        bool(others),
    )


def _sessions(clips: Sequence[Clip]) -> Enrolment:
    if len(clips) < SESSION_PARTS:
        return Enrolment((clips[0].between(0, 0.8),), (clips[0].between(0.8, 1),))
    return Enrolment(tuple(clips[:-2]), (clips[-2],))


PROTOCOLS: dict[str, Callable[[Sequence[Clip], Sequence[Clip]], Protocol]] = {
    "same-recording": same_recording,
    "pooled-recordings": pooled_recordings,
    "session-disjoint": session_disjoint,
}
