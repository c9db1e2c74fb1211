"""Where templates and keys are unless somebody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from faceedge.perception.templates.kernel_keys import KernelKeys
from faceedge.perception.templates.keys import FileKeys, KeyStore, folders_in
from faceedge.perception.templates.vault import Vault

APPLICATION = "faceedge"
KERNEL = "kernel"
"""In the place of a folder of keys: the kernel's keyring."""
TEMPLATES_VARIABLE, KEYS_VARIABLE = "FACEEDGE_TEMPLATES", "FACEEDGE_KEYS"


def open_vault(application: str = "", templates: str | Path = "", keys: str | Path = "") -> Vault:
    """The vault of one application.

    Args:
        application: empty: ``faceedge``.
        templates: folder; empty: FACEEDGE_TEMPLATES, else ~/.local/share/faceedge/templates.
        keys: folder, or ``kernel``; empty: FACEEDGE_KEYS, else ~/.config/faceedge/keys.

    Raises:
        ConfigurationError: keys inside the templates' folder.
        DeviceError: no kernel keyring here.
        InputError: no possible name of an application.
    """
    return Vault(_templates(templates), _keys(keys), application or APPLICATION)


def open_vaults(templates: str | Path = "", keys: str | Path = "") -> list[Vault]:
    """The vaults of all applications that have templates or keys here; raises as `open_vault` does."""
    folder, store = _templates(templates), _keys(keys)
    found = {*folders_in(folder), *store.applications()}
    return [Vault(folder, store, application) for application in sorted(found)]


def _templates(folder: str | Path) -> Path:
    chosen = folder or os.environ.get(TEMPLATES_VARIABLE, "") or _home("XDG_DATA_HOME", ".local/share") / "templates"
    return Path(chosen).expanduser()


def _keys(place: str | Path) -> KeyStore:
    chosen = str(place) or os.environ.get(KEYS_VARIABLE, "") or str(_home("XDG_CONFIG_HOME", ".config") / "keys")
    return KernelKeys() if chosen == KERNEL else FileKeys(Path(chosen).expanduser())


def _home(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual) / "faceedge"
