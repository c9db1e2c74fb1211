"""Where templates and keys are unless somebody says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from faceedge.perception.templates.kernel_keys import KernelKeys
from faceedge.perception.templates.keys import FileKeys, KeyStore
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
    folder = templates or os.environ.get(TEMPLATES_VARIABLE, "") or _home("XDG_DATA_HOME", ".local/share") / "templates"
    place = str(keys) or os.environ.get(KEYS_VARIABLE, "") or str(_home("XDG_CONFIG_HOME", ".config") / "keys")
    store: KeyStore = KernelKeys() if place == KERNEL else FileKeys(Path(place).expanduser())
    return Vault(Path(folder).expanduser(), store, application or APPLICATION)


def _home(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / usual) / "faceedge"
