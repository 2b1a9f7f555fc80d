#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by setup.sh: the .debs that are not installed, but unpacked or kept. Afterwards
#   $cache/virtme/usr/bin/vng       virtme-ng
#   $cache/qemu/usr/bin             QEMU's program; libraries and firmware are the installed one's
#   $cache/kernel/boot/vmlinuz-V    the kernel
#   $cache/kernel/lib/modules/V     its modules; kernel-SERIES: another one
#   $cache/strongswan/usr           charon and swanctl
#   $cache/libreswan/usr            pluto and whack
#   $cache/strongswan-SUITE/usr     those of another Debian, with all their libraries; libreswan-SUITE too
#   $cache/prometheus/usr           promtool
#   $cache/debs/*.deb               packages with a command ipsec, not unpacked
# Each is unpacked under a temporary name and renamed, so that it is complete or absent.

# The release after Debian 12 has both virtme-ng and a kernel with tcx. Other kernels are searched in
# all of these.
readonly suite=trixie kernel_series=6.12 qemu_suite=bookworm-backports
readonly kernel_suites='bookworm bookworm-backports trixie trixie-backports'

# debian_mirror: the machine's Debian mirror, else Debian's own.
debian_mirror() {
	local url
	url=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Label: Debian' 'Codename: bookworm' 2>/dev/null | head -n 1) || true
	printf '%s' "${url:-http://deb.debian.org/debian}"
}

# private COMMAND ARG...: an apt command that uses only that suite and keeps its state in the
# cache.
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

# private_update SUITE...: fetches the package lists of the suites, once per run of setup.sh.
private_update() {
	[ "${private_updated:-}" != "$*" ] || return 0
	local apt=$cache/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror
	mirror=$(debian_mirror)
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	printf "deb [signed-by=$keyring] $mirror %s main\n" "$@" >"$apt/sources.list"
	run private apt-get update
	private_updated=$*
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
	private_update "$suite"
	rm -rf "$cache/virtme.new"
	unpack virtme-ng "$cache/virtme.new"
	mv "$cache/virtme.new" "$cache/virtme"
}

# QEMU before 8.1 occasionally runs code that another CPU is modifying, as kernels modify their
# own, which then fail ("Oops: int3").
fetch_qemu() {
	[ ! -e "$cache/qemu" ] || return 0
	say "fetching QEMU from Debian $qemu_suite"
	private_update "$qemu_suite"
	rm -rf "$cache/qemu.new"
	unpack qemu-system-x86 "$cache/qemu.new"
	mv "$cache/qemu.new" "$cache/qemu"
}

# fetch_kernel SERIES DIR SUITE...: the newest kernel of a series, such as 6.12, in the
# suites, unpacked into $cache/DIR.
fetch_kernel() {
	local series=$1 dir=$cache/$2
	shift 2
	[ ! -e "$dir" ] || return 0
	say "fetching Linux $series from Debian $*"
	private_update "$@"
	local version
	version=$(private apt-cache pkgnames "linux-image-$series" |
		sed -nE "s/^linux-image-(${series//./\\.}([.][0-9]+)*([+-][^-]*)?-amd64)\$/\1/p" | sort -V | tail -n 1) || true
	if [ -z "$version" ]; then
		say "no linux-image-$series*-amd64 in Debian $*"
		return 1
	fi
	# Newer kernels consist of several packages; linux-image depends on the others.
	local packages=("linux-image-$version") part
	for part in base binary modules; do
		if private apt-cache show "linux-$part-$version" >/dev/null 2>&1; then
			packages+=("linux-$part-$version")
		fi
	done
	rm -rf "$dir.new"
	unpack "${packages[@]}" "$dir.new"
	[ -e "$dir.new/lib" ] || ln -s usr/lib "$dir.new/lib"
	if [ ! -e "$dir.new/boot" ]; then
		mkdir "$dir.new/boot"
		ln "$dir.new/lib/modules/$version/vmlinuz" "$dir.new/boot/vmlinuz-$version"
	fi
	run depmod -b "$dir.new" "$version"
	printf '%s\n' "$version" >"$dir.new/version"
	mv "$dir.new" "$dir"
}

# fetch_unpacked NAME PACKAGE...: Debian 12's packages, unpacked into $cache/NAME.
fetch_unpacked() {
	local name=$1
	shift
	[ ! -e "$cache/$name" ] || return 0
	say "fetching $name"
	run apt-get -q -o DPkg::Lock::Timeout=300 update || say "continuing with the existing package lists"
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

# fetch_with_libraries SUITE NAME PACKAGE...: packages of a suite and all that they depend on, unpacked into
# $cache/NAME-SUITE: an overlay over /usr then replaces the libraries, too. Their versions are in the file versions.
fetch_with_libraries() {
	local from=$1 name=$2-$1
	shift 2
	[ ! -e "$cache/$name" ] || return 0
	say "fetching ${name%-*} from Debian $from"
	private_update "$from"
	rm -rf "$cache/$name.new"
	local debs deb
	debs=$(mktemp -d "$cache/debs.XXXXXX")
	mkdir "$debs/partial"
	run private apt-get -y --download-only --no-install-recommends -o Dir::Cache::archives="$debs" install "$@"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$cache/$name.new"
	done
	for deb in "$@"; do
		dpkg-deb -W --showformat='${Package} ${Version}\n' "$debs/$deb"_*.deb
	done >"$cache/$name.new/versions"
	rm -rf "$debs"
	mv "$cache/$name.new" "$cache/$name"
}

# fetch_key_managers SUITE: those of a newer Debian; make test-newest runs them.
fetch_key_managers() {
	fetch_with_libraries "$1" strongswan strongswan-charon strongswan-swanctl \
		libstrongswan-standard-plugins libstrongswan-extra-plugins
	fetch_with_libraries "$1" libreswan libreswan
}

fetch_prometheus() {
	fetch_unpacked prometheus prometheus
}

# fetch_debs: Debian 12's packages that contain a command ipsec.
fetch_debs() {
	[ ! -e "$cache/debs" ] || return 0
	say "fetching the packages that have an ipsec"
	run apt-get -q -o DPkg::Lock::Timeout=300 update || say "continuing with the existing package lists"
	rm -rf "$cache/debs.new"
	mkdir "$cache/debs.new"
	(cd "$cache/debs.new" && run apt-get -q -o APT::Sandbox::User=root download strongswan-starter libreswan)
	mv "$cache/debs.new" "$cache/debs"
}
