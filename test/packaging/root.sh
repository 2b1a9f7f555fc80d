#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command in a temporary copy of this machine's root: root.sh SHARED COMMAND... It must be the
# first process in new mount, PID, network and cgroup namespaces. SHARED is a directory, which the
# command sees as /srv.
#
# The copy is an overlay, so that packages can be installed next to the machine's software. /sys/fs/bpf
# is a new one, and /sys/fs/cgroup contains what systemd needs.
set -euo pipefail
mount --make-rprivate / # what is unmounted here stays mounted on the machine, such as /run/netns/*
shared=$(realpath "$1")
shift
files=/mnt # nothing is left of it
mount -t tmpfs tmpfs "$files"
mkdir "$files"/{upper,work,root}
root=$files/root
mount -t overlay -o lowerdir=/,upperdir="$files/upper",workdir="$files/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t bpf bpf "$root/sys/fs/bpf"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root"/dev/{pts,shm,net}
mknod "$root/dev/net/tun" c 10 200
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$shared" "$root/srv"
mkdir "$root/run/before"
cd "$root"
pivot_root . run/before
umount -l /run/before
rmdir /run/before
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
rm -f /var/lib/man-db/auto-update # an index of manuals, after each package, takes seconds
ip link set lo up
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
