"""The dialogue in which a person agrees, or does not, before `faceedge enroll` reads a single frame."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console
from rich.panel import Panel

from faceedge.errors import ConfigurationError
from faceedge.perception.enrolment import consent
from faceedge.perception.enrolment.consent import Consent, ConsentRefusedError

YES, NO = ("y", "yes"), ("n", "no", "")
TRIES = 3
REFUSED = "{who} did not agree; nothing was captured and nothing was stored."


def add_consent_arguments(parser: argparse.ArgumentParser) -> None:
    """How consent is given where nobody sits at the terminal, and the age from which on people agree themselves."""
    add = parser.add_argument
    add(
        "--agreed-by",
        default="",
        metavar="WHO",
        help="consent was given elsewhere, such as on paper, by this person (default: ask in the terminal)",
    )
    add("--guardian", action="store_true", help="with --agreed-by: WHO is the guardian of a person under age")
    add("--means", default="paper", help="with --agreed-by: how consent was given (default: %(default)s)")
    add(
        "--age-of-consent",
        type=int,
        default=consent.AGE_OF_CONSENT,
        metavar="YEARS",
        help="below it a guardian agrees as well (default: %(default)s; ask which holds where you are)",
    )
    add("--show-consent", action="store_true", help="print the text that people agree to, and end")


def obtain(args: argparse.Namespace, synthetic: bool, console: Console, sittings: int) -> Consent:
    """The record of a consent: of nobody for synthetic recordings, given elsewhere, or given now in the terminal.

    Raises:
        ConfigurationError: nobody can be asked, or the arguments do not fit.
        ConsentRefusedError: somebody who was asked did not agree.
    """
    consent.check_age_of_consent(args.age_of_consent)
    if synthetic:
        return consent.synthetic(args.name)
    if args.agreed_by:
        return consent.record(args.name, args.agreed_by, guardian=args.guardian, means=args.means)
    if args.guardian:
        raise ConfigurationError("--guardian says who --agreed-by is; give both.")
    if not console.is_terminal:
        raise ConfigurationError(
            "nobody can be asked for consent here, this is no terminal; if it was given elsewhere, say by whom with "
            "--agreed-by."
        )
    return ask(args.name, args.age_of_consent, console, sittings, lambda text: console.input(f"[bold]{text}[/] "))


def ask(name: str, age: int, console: Console, sittings: int, answer: Callable[[str], str]) -> Consent:
    """Ask in the terminal. Anything but a clear yes is a no.

    Args:
        name: of the person.
        age: of consent, in years.
        console: where the text is shown.
        sittings: that the text announces.
        answer: asks one question.

    Raises:
        ConsentRefusedError: somebody did not agree.
    """
    text = consent.text_for(name, sittings).rstrip()
    console.print(Panel(text, title="before anything is measured", title_align="left", border_style="dim"))
    if not _yes(f"{name}, are you {age} or older? \\[y/n]", answer):
        guardian = answer("Name of a parent or guardian who is here:").strip()
        if not guardian:
            raise ConsentRefusedError(REFUSED.format(who="A guardian"))
        if not _yes(f"{guardian}, do you agree to this for {name}? \\[y/n]", answer):
            raise ConsentRefusedError(REFUSED.format(who=guardian))
        # What a child refuses, no guardian can agree to.
        if not _yes(f"{name}, is that all right for you? \\[y/n]", answer):
            raise ConsentRefusedError(REFUSED.format(who=name))
        return consent.record(name, guardian, guardian=True)
    if not _yes(f"{name}, do you agree? \\[y/n]", answer):
        raise ConsentRefusedError(REFUSED.format(who=name))
    return consent.record(name, name)


def _yes(question: str, answer: Callable[[str], str]) -> bool:
    for _ in range(TRIES):
        try:
            word = answer(question).strip().casefold()
        except EOFError:
            return False
        if word in YES:
            return True
        if word in NO:
            return False
    return False
