#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: prepares the kernel, notifies the host, runs the command.
exec 2>&1 </dev/null
dmesg -n 4
missing=
for module in $(cat "${0%/*}/modules"); do
	there=
	for name in ${module//|/ }; do
		modprobe -q "$name" && there=1 && break
	done
	[ -n "$there" ] || missing+=" $module"
done
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || missing+=" bpffs"
[ -e /sys/kernel/btf/vmlinux ] || missing+=" /sys/kernel/btf/vmlinux"
printf 'vm-ready %s\n' "$(uname -r)"
if [ -n "$missing" ]; then
	echo "vm: Linux $(uname -r) lacks:$missing"
	exit 96
fi
. "${0%/*}/command.sh"
