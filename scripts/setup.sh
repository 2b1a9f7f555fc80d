#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the dependencies of building and testing on Debian 12: setup.sh [build|bench|vm [KERNEL]|newest SUITE|all].
# It is idempotent; a second run takes no noticeable time.
#
#   build  clang and libbpf's headers for the BPF objects, ip, and the tools that test
#          manual pages, packages and completion
#   vm     QEMU, virtme-ng, a 6.12 kernel (and another, such as 7.3), strongSwan and libreswan, and Prometheus's promtool
#   newest strongSwan and libreswan of a newer Debian, such as forky
#   bench  nftables, for the benchmark's comparison
#   all    all of these (the default)
#
# Packages of Debian 12 are installed with apt-get, which needs root.
#
# virtme-ng, QEMU and the kernel are newer than Debian 12: they come as .debs from
# Debian 13 and backports, and are unpacked under ${XDG_CACHE_HOME:-~/.cache}/ipsec-eroute, with
# their own apt state. The machine's package sources are not changed.
# strongSwan, libreswan and Prometheus of Debian 12 are unpacked, too: installed, they would run as
# services, and two of them contain a command ipsec.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipsec-eroute

readonly build_packages=(
	clang-19 llvm-19 clang-format-19 libbpf-dev linux-libc-dev gcc libc6-dev
	git make iproute2 nftables mandoc openssl rpm systemd udev passwd bash-completion zsh fish strace
)
readonly bench_packages=(iproute2 nftables)
readonly vm_packages=(
	qemu-system-x86 busybox-static kmod xz-utils iproute2 iputils-ping udev file
	python3 python3-argcomplete python3-requests python3-pkg-resources
	debian-archive-keyring libgmp10 libssl3 libcap2
	libnss3-tools libcurl3-nss libevent-core-2.1-7 libevent-pthreads-2.1-7
	libldap-2.5-0 libldns3 libunbound8 libcap-ng0 libaudit1
)

say() { printf 'setup: %s\n' "$*" >&2; }

# run CMD...: runs a command; prints its output only if it fails.
run() {
	local log
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		say "failed: $*"
		return 1
	fi
	rm -f "$log"
}

# installed PACKAGE: succeeds if dpkg has configured it.
installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# apt_install PACKAGE...: installs missing packages.
apt_install() {
	local p missing=()
	for p in "$@"; do
		installed "$p" || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "not root: cannot install ${missing[*]}"
		return 1
	fi
	say "installing ${missing[*]}"
	# A failing package source of the machine is no error.
	run apt-get -q -o DPkg::Lock::Timeout=300 update || say "continuing with the existing package lists"
	DEBIAN_FRONTEND=noninteractive run apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "${missing[@]}"
}

build() {
	apt_install "${build_packages[@]}"
}

bench() {
	apt_install "${bench_packages[@]}"
}

vm() {
	apt_install "${vm_packages[@]}"
	mkdir -p "$cache"
	# Of two concurrent runs the second waits, and has nothing left to do.
	exec 9>"$cache/setup.lock"
	flock 9
	. "$here/vm-debs.sh"
	fetch_virtme
	fetch_qemu
	fetch_kernel "$kernel_series" kernel "$suite"
	if [ -n "${1:-}" ]; then
		fetch_kernel "$1" "kernel-$1" $kernel_suites
	fi
	fetch_strongswan
	fetch_libreswan
	fetch_prometheus
	fetch_debs
	exec 9>&-
}

newest() {
	mkdir -p "$cache"
	exec 9>"$cache/setup.lock"
	flock 9
	. "$here/vm-debs.sh"
	fetch_key_managers "$1"
	exec 9>&-
}

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { say "only Linux on x86_64 is supported"; exit 1; }
command -v apt-get >/dev/null || { say "apt-get is missing: Debian 12 is supported"; exit 1; }

case "${1:-all}" in
build) build ;;
bench) bench ;;
vm) vm "${2:-}" ;;
newest) newest "${2:?a suite, such as forky}" ;;
all) build; bench; vm ;;
*) say "usage: setup.sh [build|bench|vm [KERNEL]|newest SUITE|all]"; exit 2 ;;
esac
