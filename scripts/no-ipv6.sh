#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# In a VM booted with ipv6.disable=1: a gateway attaches, encrypts, rejects, synchronises, upgrades and
# detaches, and doctor reports no problem. Runs itself in the VM.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ ${1-} != guest ]]; then
	exec go run ./internal/vm/run -no-ipv6 -- bash scripts/no-ipv6.sh guest
fi

fail() {
	echo "no-ipv6: $*" >&2
	exit 1
}
[[ ! -e /proc/sys/net/ipv6 ]] || fail "this kernel has IPv6"
PATH=$PWD/bin:$PATH
west() { ip netns exec west "$@"; }

# A gateway, whose wan leads to west and its network 10.2.0.0/16.
ip netns add west
ip link add wan type veth peer name wan netns west
ip addr add 192.0.2.1/24 dev wan
ip addr add 10.1.0.1/16 dev lo
ip link set wan up
west ip addr add 192.0.2.2/24 dev wan
west ip addr add 10.2.0.1/16 dev lo
west ip link set wan up
west ip link set lo up
west ip route add 10.1.0.0/16 via 192.0.2.1 src 10.2.0.1
sysctl -qw net.ipv4.ip_forward=1
before=$(ip rule; ip route show table all)

ipsec tncfg --attach --virtual ipsec0 --physical wan
ip route add 10.2.0.0/16 dev ipsec0 src 10.1.0.1
ip route add blackhole 10.2.0.0/16 metric 9999
readonly keys="aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
for netns in "" "-n west"; do
	ip $netns xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode tunnel $keys
	ip $netns xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x2000 mode tunnel $keys
done
ip xfrm policy add src 10.2.0.0/16 dst 10.1.0.0/16 dir in tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel
west ip xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir in tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
west ip xfrm policy add src 10.2.0.0/16 dst 10.1.0.0/16 dir out tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel

ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
ipsec eroute --add --src 2001:db8:1::/48 --dst 2001:db8:2::/48 --said %drop
ping -qc 3 -I 10.1.0.1 10.2.0.1 || fail "no answer through the tunnel"
ipsec eroute --replace --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %reject
said=$(ping -c 1 -W 2 -I 10.1.0.1 10.2.0.1) && fail "an answer to what was rejected"
[[ $said = *"Packet filtered"* ]] || fail "not rejected: $said"
ipsec eroute --sync
ipsec tncfg --upgrade
ipsec doctor || fail "doctor has found problems"
ipsec tncfg --clear
ip route del blackhole 10.2.0.0/16
after=$(ip rule; ip route show table all)
[[ $after = "$before" ]] || fail "left: $after, before: $before"
echo "no-ipv6: ok"
