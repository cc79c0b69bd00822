# SPDX-License-Identifier: Apache-2.0
"""Kernel features that a test machine may lack. Only a feature in this table can be an
accepted reason to skip, and only while its probe fails on this machine."""

import subprocess

from .tap import Skip

# What must succeed, as root in a fresh network namespace, when the feature is there.
PROBES = {
    "CONFIG_BRIDGE_VLAN_FILTERING": "ip link add b type bridge vlan_filtering 1",
    "CONFIG_DUMMY": "ip link add d type dummy",
    "CONFIG_GENEVE": "ip link add g type geneve id 5 remote 192.0.2.1",
    "CONFIG_IPV6_SIT": "ip link add s type sit remote 192.0.2.1 local 192.0.2.2",
    "CONFIG_IPVLAN": "ip link add v type veth peer name w && ip link add i link v type ipvlan mode l2",
    "CONFIG_IP_VS": "modprobe -q ip_vs; test -e /proc/net/ip_vs",
    "CONFIG_MACVLAN": "ip link add v type veth peer name w && ip link add m link v type macvlan mode bridge",
    "CONFIG_NET_IPGRE": "ip link add g type gre remote 192.0.2.1 local 192.0.2.2",
    "CONFIG_NET_IPIP": "ip link add t type ipip remote 192.0.2.1 local 192.0.2.2",
    "CONFIG_NET_SCH_NETEM": "ip link set lo up && tc qdisc add dev lo root netem delay 1ms",
    "CONFIG_NFT_BRIDGE_META": "nft 'table bridge t { chain c { type filter hook forward priority 0; meta ibrname \"b\" accept; } }'",
    "CONFIG_NFT_BRIDGE_REJECT": "nft 'table bridge t { chain c { type filter hook prerouting priority 0; ip protocol tcp reject; } }'",
    "CONFIG_NF_CONNTRACK_BRIDGE": "nft 'table bridge t { chain c { type filter hook forward priority 0; ct state established accept; } }'",
    "CONFIG_VLAN_8021Q": "ip link add v type veth peer name w && ip link add link v name v.5 type vlan id 5",
    "CONFIG_VXLAN": "ip link add x type vxlan id 5 dstport 4789 remote 192.0.2.1 dev lo",
    "CONFIG_WIREGUARD": "ip link add w type wireguard",
}
# Without this the probes say nothing about the kernel.
CONTROL = "ip link add v type veth peer name w"


def _works(script):
    return subprocess.run(["unshare", "--net", "sh", "-ec", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def is_missing(feature):
    """True when the kernel does not have it; False when it has, or when nobody can tell."""
    return feature in PROBES and _works(CONTROL) and not _works(PROBES[feature])


def require_kernel(*features):
    """Skip the case unless the kernel has all of them."""
    for feature in features:
        if feature not in PROBES:
            raise AssertionError(f"{feature} has no probe in tests/support/live/kernel.py")
        if is_missing(feature):
            raise Skip(f"kernel: {feature}")
