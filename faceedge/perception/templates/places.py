"""Where the templates of this device and their keys are, where nobody says otherwise; the same for every command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from faceedge.perception.templates.keys import FileKeys
from faceedge.perception.templates.vault import Vault

APPLICATION = "faceedge"
TEMPLATES_VARIABLE, KEYS_VARIABLE = "FACEEDGE_TEMPLATES", "FACEEDGE_KEYS"


def templates_folder(chosen: Path | str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """``chosen``; empty: FACEEDGE_TEMPLATES, or the user's data folder (XDG Base Directory Specification 0.8)."""
    text = str(chosen) if str(chosen) not in ("", ".") else environment.get(TEMPLATES_VARIABLE, "")
    if text:
        return Path(text).expanduser()
    return _home(environment, "XDG_DATA_HOME", ".local/share") / "faceedge" / "templates"


def keys_folder(chosen: Path | str = "", environment: Mapping[str, str] = os.environ) -> Path:
    """``chosen``; empty: FACEEDGE_KEYS, or the user's configuration folder, which is another one than that of data.

    That is the least there is: another medium is better, see docs/templates.md.
    """
    text = str(chosen) if str(chosen) not in ("", ".") else environment.get(KEYS_VARIABLE, "")
    if text:
        return Path(text).expanduser()
    return _home(environment, "XDG_CONFIG_HOME", ".config") / "faceedge" / "keys"


def open_vault(templates: Path | str = "", keys: Path | str = "", application: str = APPLICATION) -> Vault:
    """The templates of one application, keys in files; empty: the usual folders.

    Raises:
        ConfigurationError: the keys would lie inside the templates' folder.
        InputError: no possible name of an application.
    """
    return Vault(templates_folder(templates), FileKeys(keys_folder(keys)), application)


def _home(environment: Mapping[str, str], variable: str, usual: str) -> Path:
    text = environment.get(variable, "")
    if text and Path(text).is_absolute():  # the specification has relative ones ignored
        return Path(text)
    return Path(environment.get("HOME", "~")).expanduser() / usual
