"""A ROS domain that nobody on this machine uses, for graphs that must stay apart from others."""

from __future__ import annotations

import random
import socket

# Domains whose ports lie below Linux's ephemeral range and above the one that everybody uses.
DOMAINS = range(1, 102)
# RTPS 2.5, section 9.6.2.3: the first participant of a domain listens for discovery on PB + DG * domain + d1.
PORT_BASE, DOMAIN_GAIN, DISCOVERY_OFFSET = 7400, 250, 10


def is_free(domain: int) -> bool:
    """Whether no DDS participant on this machine listens for the discovery of ``domain``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", PORT_BASE + DOMAIN_GAIN * domain + DISCOVERY_OFFSET))
        except OSError:
            return False
    return True


def free_domain() -> int:
    """A random free domain id; a random one where all are taken."""
    domains = random.SystemRandom().sample(DOMAINS, len(DOMAINS))
    return next((domain for domain in domains if is_free(domain)), domains[0])
