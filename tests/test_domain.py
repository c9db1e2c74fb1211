"""The domain of a graph that must stay apart from others."""

from __future__ import annotations

import socket

from faceedge.nodes import domain


def test_a_domain_in_which_somebody_listens_is_not_free() -> None:
    chosen = domain.free_domain()
    assert chosen in domain.DOMAINS
    port = domain.PORT_BASE + domain.DOMAIN_GAIN * chosen + domain.DISCOVERY_OFFSET
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind(("", port))
        assert not domain.is_free(chosen)
    assert domain.is_free(chosen)
