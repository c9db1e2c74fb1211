"""`faceedge templates`: who is enrolled on this device, whether the templates are sound, and how they go."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TextIO

from faceedge.errors import InputError
from faceedge.perception.templates.places import KERNEL, KEYS_VARIABLE, TEMPLATES_VARIABLE, open_vault, open_vaults
from faceedge.perception.templates.refusals import TemplateError
from faceedge.perception.templates.vault import Vault

SOUND, REVOKED = "sound", "revoked"
ACTIONS = {
    "list": "who is enrolled, since when, and whether the template can be used",
    "check": "the same for each template that is not sound, with what to do; exits with 1 if there is one",
    "rotate": "encrypt templates with new keys",
    "revoke": "make a template useless for ever; how often the person was enrolled stays on record",
    "erase": "leave nothing of a person",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One person for one application; ``problem`` is the sentence of a refusal."""

    application: str
    name: str
    state: str
    created: str = ""
    issues: int = 0
    consent: str = ""
    problem: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `faceedge templates`."""
    actions = parser.add_subparsers(dest="action", title="what", metavar="WHAT", required=True)
    for action, text in ACTIONS.items():
        each = actions.add_parser(action, help=text, description=text)
        if action in ("list", "check"):
            each.add_argument("--json", action="store_true", help="for machines; the keys stay as they are")
        else:
            each.add_argument("names", nargs="*", metavar="NAME", help="of people")
            each.add_argument("--everyone", action="store_true", help="instead of names")
        each.add_argument("--application", default="", help="only this one (default: all applications)")
        each.add_argument(
            "--templates", default="", metavar="FOLDER", help=f"default: {TEMPLATES_VARIABLE}, else the user's own data"
        )
        each.add_argument(
            "--keys",
            default="",
            metavar="FOLDER",
            help=f"or `{KERNEL}` for the kernel's keyring; default: {KEYS_VARIABLE}, else the user's own configuration",
        )


def main(args: argparse.Namespace, out: TextIO | None = None) -> int:
    """Do what ``args.action`` says; 0, or 1 where `check` finds something wrong."""
    out = out or sys.stdout
    if args.application:
        vaults = [open_vault(args.application, args.templates, args.keys)]
    else:
        vaults = open_vaults(args.templates, args.keys)
    if args.action in ("list", "check"):
        lines = [line for vault in vaults for line in look(vault)]
        wrong = [line for line in lines if line.problem]
        show(lines if args.action == "list" else wrong, len(lines), args, out)
        return int(bool(wrong) and args.action == "check")
    if bool(args.names) == args.everyone:
        raise InputError(f"`faceedge templates {args.action}` needs names, or --everyone.")
    change(vaults, args, out)
    return 0


def look(vault: Vault) -> list[Line]:
    """Everybody of one application, by name: templates, revoked ones, and keys without a template."""
    lines = []
    enrolled, revoked = vault.names(), vault.revoked()
    for name in people(vault):
        if name in enrolled:
            lines.append(_line(vault, name))
        elif name in revoked:
            lines.append(Line(vault.application, name, REVOKED))
        else:
            problem = f"{name} has a key and no template; `faceedge templates erase {name}` removes it."
            lines.append(Line(vault.application, name, "no template", problem=problem))
    return lines


def people(vault: Vault) -> list[str]:
    """Everybody of whom there is anything, by name."""
    return sorted({*vault.names(), *vault.revoked(), *vault.keys.names(vault.application)})


def show(lines: list[Line], looked_at: int, args: argparse.Namespace, out: TextIO) -> None:
    """Print the lines."""
    if args.json:
        json.dump([asdict(line) for line in lines], out, indent=2, ensure_ascii=False)
        out.write("\n")
        return
    for line in lines:
        facts = [line.created and f"enrolled {line.created}", line.consent and f"consent {line.consent}"]
        facts.append(f"issued {line.issues} times" if line.issues > 1 else "")
        print("  ".join([line.application, line.name, line.state, *filter(None, facts)]), file=out)
        if line.problem:
            print(f"    {line.problem}", file=out)
    if not looked_at:
        print("Nobody is enrolled.", file=out)
    elif not lines:
        print(f"{looked_at} looked at, all sound.", file=out)


def change(vaults: list[Vault], args: argparse.Namespace, out: TextIO) -> None:
    """Rotate, revoke or erase, for each application that has the person."""
    actions: dict[str, tuple[Callable[[Vault, str], object], str]] = {
        "rotate": (lambda vault, name: vault.rotate(name), "encrypted with a new key"),
        "revoke": (lambda vault, name: vault.revoke(name), "revoked: the key is destroyed"),
        "erase": (lambda vault, name: vault.erase(name), "erased: key, template and record"),
    }
    act, done = actions[args.action]
    wanted = list(dict.fromkeys(args.names)) or sorted({name for vault in vaults for name in people(vault)})
    for name in wanted:
        concerned = [vault for vault in vaults if name in people(vault)]
        for vault in concerned if args.action == "rotate" else vaults:  # erasing looks for half-written files as well
            act(vault, name)
        for vault in concerned:
            print(f"{vault.application}  {name}  {done}", file=out)
        if not concerned:
            print(f"Nothing of {name} is here.", file=out)
    if not wanted:
        print("Nobody is enrolled.", file=out)


def _line(vault: Vault, name: str) -> Line:
    try:
        template = vault.get(name)
    except TemplateError as error:
        return Line(vault.application, name, error.refusal.value, problem=str(error))
    created = f"{template.created:%Y-%m-%d %H:%M}"
    consent = template.consent.get("agreed_at", "")
    return Line(vault.application, name, SOUND, created, len(template.issued), consent)
