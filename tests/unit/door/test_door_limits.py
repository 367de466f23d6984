"""What the door allows, from settings and the file limit; and what counts as one address."""

from __future__ import annotations

import resource

import pytest
from support.service import FakeDoor

from gateway.door.limits import DoorLimits, raise_file_limit
from gateway.door.register import address_of


@pytest.mark.parametrize(
    ("files", "in_all", "of_one"), [(65536, 1000, 250), (1024, 768, 250), (300, 44, 44), (100, 1, 1)]
)
def test_the_file_limit_bounds_connections(files: int, in_all: int, of_one: int) -> None:
    """No more connections are promised than files may be open, and the operator's line says how many."""
    wanted = FakeDoor(max_connections=1000, max_connections_per_address=250)
    limits = DoorLimits.of(wanted, files)
    assert (limits.connections, limits.connections_per_address) == (in_all, of_one)
    assert limits.told() == (
        f"{files} files may be open: at most {in_all} connections, {of_one} from one address"
    )


def test_the_soft_file_limit_is_raised() -> None:
    """The soft limit is raised to what is wanted, within the hard one, and never lowered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
        assert raise_file_limit(600) == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600
        assert raise_file_limit(550) == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600
        assert raise_file_limit(hard + 1) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        (":nonsense", ":nonsense"),
    ],
)
def test_one_host_is_one_address(peer: str, address: str) -> None:
    """An IPv6 host has a whole /64 to itself, so that is what counts as one."""
    assert address_of(peer) == address
