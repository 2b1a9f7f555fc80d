#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by setup.sh: the .debs that are not installed, but unpacked or kept. Afterwards
#   $cache/virtme/usr/bin/vng       virtme-ng
#   $cache/kernel/boot/vmlinuz-V    the kernel
#   $cache/kernel/lib/modules/V     its modules
#   $cache/strongswan/usr           charon and swanctl
#   $cache/libreswan/usr            pluto and whack
#   $cache/prometheus/usr           promtool
#   $cache/debs/*.deb               those with the two commands named ipsec, as they are
# Each is unpacked beside its place and renamed, so that it is there whole or
# not at all.

# The release after Debian 12 has both: virtme-ng, and a kernel with tcx.
readonly suite=trixie kernel_series=6.12

# debian_mirror: the URL this machine gets Debian from, else Debian's own.
debian_mirror() {
	local url
	url=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Label: Debian' 'Codename: bookworm' 2>/dev/null | head -n 1) || true
	printf '%s' "${url:-http://deb.debian.org/debian}"
}

# private COMMAND ARG...: an apt command that knows only that suite and keeps its
# state in the cache.
private() {
	local apt=$cache/apt command=$1
	shift
	"$command" -q \
		-o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# private_update: fetches the suite's list of packages, once in a run of setup.sh.
private_update() {
	[ -z "${private_updated:-}" ] || return 0
	local apt=$cache/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	printf 'deb [signed-by=%s] %s %s main\n' \
		"$keyring" "$(debian_mirror)" "$suite" >"$apt/sources.list"
	run private apt-get update
	private_updated=1
}

# unpack PACKAGE... DIR: downloads the packages and unpacks them into DIR.
unpack() {
	local dir=${*: -1} debs
	debs=$(mktemp -d "$cache/debs.XXXXXX")
	(cd "$debs" && run private apt-get download "${@:1:$#-1}")
	local deb
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dir"
	done
	rm -rf "$debs"
}

fetch_virtme() {
	[ ! -e "$cache/virtme" ] || return 0
	say "fetching virtme-ng from Debian $suite"
	private_update
	rm -rf "$cache/virtme.new"
	unpack virtme-ng "$cache/virtme.new"
	mv "$cache/virtme.new" "$cache/virtme"
}

fetch_kernel() {
	[ ! -e "$cache/kernel" ] || return 0
	say "fetching Linux $kernel_series from Debian $suite"
	private_update
	local package
	package=$(private apt-cache pkgnames "linux-image-$kernel_series" |
		grep -E "^linux-image-${kernel_series}[^-]*-amd64\$" | sort -V | tail -n 1) || true
	if [ -z "$package" ]; then
		say "no linux-image-$kernel_series*-amd64 in $suite"
		return 1
	fi
	rm -rf "$cache/kernel.new"
	unpack "$package" "$cache/kernel.new"
	local version=${package#linux-image-}
	[ -e "$cache/kernel.new/lib" ] || ln -s usr/lib "$cache/kernel.new/lib"
	depmod -b "$cache/kernel.new" "$version"
	printf '%s\n' "$version" >"$cache/kernel.new/version"
	mv "$cache/kernel.new" "$cache/kernel"
}

# fetch_unpacked NAME PACKAGE...: Debian 12's packages, unpacked into $cache/NAME.
fetch_unpacked() {
	local name=$1
	shift
	[ ! -e "$cache/$name" ] || return 0
	say "fetching $name"
	run apt-get -q -o DPkg::Lock::Timeout=300 update || say "going on with the lists there are"
	rm -rf "$cache/$name.new"
	local debs deb
	debs=$(mktemp -d "$cache/debs.XXXXXX")
	(cd "$debs" && run apt-get -q -o APT::Sandbox::User=root download "$@")
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$cache/$name.new"
	done
	rm -rf "$debs"
	mv "$cache/$name.new" "$cache/$name"
}

fetch_strongswan() {
	fetch_unpacked strongswan libstrongswan libstrongswan-standard-plugins \
		strongswan-libcharon strongswan-charon strongswan-swanctl
}

fetch_libreswan() {
	fetch_unpacked libreswan libreswan
}

fetch_prometheus() {
	fetch_unpacked prometheus prometheus
}

# fetch_debs: Debian 12's packages that have a command named ipsec.
fetch_debs() {
	[ ! -e "$cache/debs" ] || return 0
	say "fetching the packages that have an ipsec"
	run apt-get -q -o DPkg::Lock::Timeout=300 update || say "going on with the lists there are"
	rm -rf "$cache/debs.new"
	mkdir "$cache/debs.new"
	(cd "$cache/debs.new" && run apt-get -q -o APT::Sandbox::User=root download strongswan-starter libreswan)
	mv "$cache/debs.new" "$cache/debs"
}
