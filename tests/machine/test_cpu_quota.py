"""The quota of control groups, read from trees as systems have them."""

import pytest

from alexnet_cy.machine.cpu_quota import cpu_quota

V2_ROOT = {"proc/self/cgroup": "0::/\n"}
SLICE = {"proc/self/cgroup": "0::/user.slice/app.scope\n"}
V1 = {"proc/self/cgroup": "12:cpuset:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/\n"}


@pytest.fixture
def quota_of(tmp_path):
    def quota(tree):
        for path, content in tree.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return cpu_quota(tmp_path)

    return quota


@pytest.mark.parametrize(
    ("content", "processors"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),  # one and a half: rounded up
        ("10000 100000\n", 1),
        ("100000 100000\n", 1),
        ("100001 100000\n", 2),
        ("max 100000\n", None),
        ("max\n", None),
        ("0 100000\n", None),
        ("-1 100000\n", None),
        ("100000 0\n", None),
        ("100000\n", None),
        ("", None),
        ("a b\n", None),
        ("1e5 1e5\n", None),
        ("1 2 3\n", None),
        (b"\xff\xfe\x00\x80", None),
    ],
)
def test_v2(quota_of, content, processors):
    assert quota_of(V2_ROOT | {"sys/fs/cgroup/cpu.max": content}) == processors


def test_the_smallest_quota_on_the_way_up_counts(quota_of):
    folder = "sys/fs/cgroup/user.slice"
    tree = SLICE | {
        f"{folder}/app.scope/cpu.max": "800000 100000",
        f"{folder}/cpu.max": "300000 100000",
        "sys/fs/cgroup/cpu.max": "max 100000",
        "sys/fs/cgroup/other.slice/cpu.max": "100000 100000",
    }
    assert quota_of(tree) == 3


def test_a_group_that_the_container_does_not_show(quota_of):
    """Its path is the host's; the mount point is the group itself."""
    assert quota_of(SLICE | {"sys/fs/cgroup/cpu.max": "400000 100000"}) == 4


@pytest.mark.parametrize(
    ("quota", "period", "processors"),
    [
        ("250000", "100000", 3),
        ("-1", "100000", None),
        ("", "100000", None),
        ("250000", "nonsense", None),
    ],
)
def test_v1(quota_of, quota, period, processors):
    folder = "sys/fs/cgroup/cpu/docker/abc"
    tree = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}
    assert quota_of(V1 | tree) == processors


def test_v1_without_a_group_of_its_own(quota_of):
    folder = "sys/fs/cgroup/cpu"
    tree = {f"{folder}/cpu.cfs_quota_us": "100000", f"{folder}/cpu.cfs_period_us": "50000"}
    assert quota_of(V1 | tree) == 2


def test_both_hierarchies_at_once(quota_of):
    tree = V1 | {
        "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "500000",
        "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/cpu.max": "200000 100000",
    }
    assert quota_of(tree) == 2


@pytest.mark.parametrize(
    "groups",
    ["", "nonsense\n", "0:/\n", ":::\n", b"\x00\xff\n", "0::/../../../etc\n", "0::relative\n"],
)
def test_nonsense_is_no_quota(quota_of, groups):
    assert quota_of({"proc/self/cgroup": groups}) is None


def test_no_control_groups(tmp_path):
    assert cpu_quota(tmp_path) is None


def test_what_cannot_be_read_is_no_quota(quota_of):
    assert quota_of(V2_ROOT | {"sys/fs/cgroup/cpu.max/a-folder-of-that-name": ""}) is None


def test_this_machine():
    quota = cpu_quota()
    assert quota is None or quota >= 1
