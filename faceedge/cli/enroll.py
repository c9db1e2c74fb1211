"""`faceedge enroll NAME`: consent, guided capture or recordings, and a protected template at the end.

Nothing is written before the last line. Whatever ends the command earlier leaves what was enrolled before untouched.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from faceedge.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from faceedge.perception.enrolment.consent import Consent
    from faceedge.perception.enrolment.enrolment import Embedder, Enrolment, EnrolmentResult, EnrolmentSettings
    from faceedge.perception.templates.vault import Vault
    from faceedge.radar.chirp import ChirpSettings

SITTINGS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge enroll`."""
    from faceedge.cli.enroll_consent import add_consent_arguments
    from faceedge.cli.radar_frames import add_source_arguments

    add = parser.add_argument
    add("name", metavar="NAME", help="of the person: letters, digits and underscores, beginning with a letter")
    add_source_arguments(parser, sittings=True)
    add(
        "--sittings",
        type=int,
        default=SITTINGS,
        metavar="N",
        help="how often the person sits down in front of a device; the last third sets the threshold "
        "(default: %(default)s)",
    )
    add("--stay", action="store_true", help="nobody stands up between sittings, such as an emulated person")
    add(
        "--allow-templates",
        action="store_true",
        help="templates are biometric data: say that your policy allows them (not needed for synthetic recordings)",
    )
    add("--replace", action="store_true", help="in place of the template of NAME that is there")
    add(
        "--distinct-from",
        action="append",
        default=[],
        metavar="OTHER",
        help="NAME is another person than OTHER, although the radar takes them for one",
    )
    add("--weak", action="store_true", help="store a template even where its threshold lets strangers in; for trials")
    add("--often", action="store_true", help="enrol although NAME was enrolled often lately")
    add_vault_arguments(parser)
    add_consent_arguments(parser)


def add_vault_arguments(parser: argparse.ArgumentParser) -> None:
    """Where templates and keys are."""
    add = parser.add_argument
    add("--application", default="", help="templates and keys are bound to it (default: faceedge)")
    add("--templates", default="", metavar="FOLDER", help="default: FACEEDGE_TEMPLATES, else the user's own data")
    add(
        "--keys",
        default="",
        metavar="FOLDER",
        help="or `kernel` for the kernel's keyring; default: FACEEDGE_KEYS, else the user's own configuration",
    )


def main(args: argparse.Namespace, console: Console | None = None, embedder: Embedder | None = None) -> int:
    """Enrol; 0, or a FaceedgeError whose sentence says what is missing.

    Args:
        args: of `add_arguments`.
        console: where to; None: the terminal.
        embedder: None: the one that ships; others in tests.
    """
    from rich.console import Console

    from faceedge.cli.enroll_consent import obtain
    from faceedge.cli.radar_frames import check_source, is_synthetic
    from faceedge.perception.enrolment.consent import text_for
    from faceedge.perception.identity.embedding import IdentityEmbedder
    from faceedge.perception.templates.places import open_vault

    console = console or Console(highlight=False)
    if args.show_consent:
        console.print(text_for(args.name, args.sittings), markup=False, soft_wrap=True)
        return 0
    check_source(args)
    vault = open_vault(args.application, args.templates, args.keys)
    synthetic = bool(args.recording) and all(is_synthetic(path) for path in args.recording)
    check(args, vault, synthetic)
    settings, chirp = _settings(args), _chirp(args)
    embedder = embedder or IdentityEmbedder(chirp)  # before anybody is asked for anything
    agreed = obtain(args, synthetic, console, settings.sittings)
    console.print(agreed.sentence(), markup=False, style="dim")
    from faceedge.perception.enrolment.enrolment import Enrolment

    enrolment = Enrolment(chirp, embedder, settings)
    capture(args, enrolment, console)
    result = enrolment.finish(vault.draw_key())
    refuse_duplicates(args, enrolment, result, vault, console)
    template = result.template(args.name, vault.application, agreed)
    vault.put(args.name, template, result.key, even_so=args.often or synthetic)
    tell(args, result, agreed, console)
    return 0


def check(args: argparse.Namespace, vault: Vault, synthetic: bool) -> None:
    """Refuse what cannot work or is not allowed, before anything is read.

    Raises:
        ConfigurationError: templates are not allowed, or NAME is enrolled already.
        InputError: no possible name.
    """
    from faceedge.perception.templates.template import check_name

    check_name(args.name, "a person's name")
    if not synthetic and not args.allow_templates:
        raise ConfigurationError(
            "templates of faces are off until somebody allows them: they are biometric data, and need a reason, the "
            "person's consent and, in many places, an assessment first. If your policy has all that, add "
            "--allow-templates."
        )
    if args.name in vault.names() and not args.replace:
        raise ConfigurationError(
            f"{args.name} is enrolled already; add --replace to enrol {args.name} anew. The old template stays valid "
            "until the new one is complete."
        )


def _settings(args: argparse.Namespace) -> EnrolmentSettings:
    from faceedge.perception.enrolment.enrolment import EnrolmentSettings
    from faceedge.perception.enrolment.threshold import LEAST_VALUE

    least = -1.0 if args.weak else LEAST_VALUE
    if not args.recording:
        settings = EnrolmentSettings(sittings=args.sittings, leave=not args.stay, least_threshold=least)
    elif len(args.recording) < 2:
        raise InputError(
            "one recording is given, at least two are needed: one makes the template and another, of another sitting, "
            "its threshold. Give --recording once more."
        )
    else:
        settings = EnrolmentSettings(sittings=len(args.recording), steps=(), least_threshold=least)
    settings.check()
    return settings


def _chirp(args: argparse.Namespace) -> ChirpSettings:
    from faceedge.cli.radar_frames import common_chirp, live_source

    return common_chirp(args.recording) if args.recording else live_source(args).chirp


def capture(args: argparse.Namespace, enrolment: Enrolment, console: Console) -> None:
    """Take frames until there is enough, or the enrolment has failed.

    Raises:
        DeviceError, InputError: the source's.
    """
    from faceedge.cli.enroll_view import CaptureView, sitting_words
    from faceedge.cli.radar_frames import live_frames, live_source, recorded_frames
    from faceedge.perception.enrolment.enrolment import Phase

    ends = (Phase.COMPLETE, Phase.FAILED)
    if args.recording:
        for number, path in enumerate(args.recording, 1):
            for frame in recorded_frames(path):
                enrolment.push(frame)
            done = enrolment.end_sitting()
            if done is None:
                return
            line = f"sitting {number} of {len(args.recording)}  {sitting_words(done)}  {path}"
            console.print(line, markup=False, soft_wrap=True)
        return
    with live_source(args) as source, CaptureView(args.name, console) as view:
        for frame in live_frames(source):
            view.show(enrolment.push(frame))
            if enrolment.phase in ends:
                return


def refuse_duplicates(
    args: argparse.Namespace, enrolment: Enrolment, result: EnrolmentResult, vault: Vault, console: Console
) -> None:
    """InputError if somebody enrolled could be the same person and the operator has not said otherwise."""
    from faceedge.perception.enrolment.duplicates import enrolled_in, find_duplicates

    others, skipped = enrolled_in(vault, result.chirp, result.model_sha256, args.name)
    for sentence in skipped:
        console.print(sentence, markup=False, style="yellow", soft_wrap=True)
    found = find_duplicates([each.embeddings for each in enrolment.sittings], others)
    open_ones = [duplicate for duplicate in found if duplicate.name not in args.distinct_from]
    if open_ones:
        first = open_ones[0]
        more = "".join(f" --distinct-from {duplicate.name}" for duplicate in open_ones)
        raise InputError(
            f"{first.sentence()} Nothing was stored. If {args.name} is somebody else, say so by{more}: the radar will "
            "not tell these two apart well."
        )


def tell(args: argparse.Namespace, result: EnrolmentResult, agreed: Consent, console: Console) -> None:
    """What came of it, and what can be done with it."""
    from rich.text import Text

    from faceedge.cli.palette import ACCENT

    threshold = result.threshold
    what = "synthetic person" if agreed.synthetic else "person"
    console.print(Text.assemble((f" {args.name} ", f"bold black on {ACCENT}"), f" is enrolled ({what})."))
    lines = [
        f"template     from {result.sittings - threshold.sittings} of {result.sittings} sittings, "
        f"{len(result.protected)} protected values",
        f"threshold    {threshold.value:.3f}, which accepts {threshold.accepted:.0%} of {threshold.decisions} "
        f"decisions of {threshold.sittings} held-out sitting{'s' if threshold.sittings > 1 else ''}",
        f"seen         {result.coverage.seconds:.0f} s, {result.coverage.looks} looks that differ, distances over "
        f"{100 * result.coverage.span_m:.0f} cm",
        *(f"note         {note}" for note in result.notes),
        f"try it       faceedge verify {args.name} {_source_words(args)}",
        f"remove it    faceedge templates erase {args.name}",
    ]
    for line in lines:
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _source_words(args: argparse.Namespace) -> str:
    """The same radar for the next command."""
    if args.recording:
        return "--recording FOLDER"
    return " ".join([f"--source {args.source}", *([f"--path {args.path}"] if args.path else [])])
