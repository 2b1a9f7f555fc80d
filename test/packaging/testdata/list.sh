# SPDX-License-Identifier: Apache-2.0
# Sourced: lists everything that a package could leave behind.

list() {
	find /etc /opt /usr /var -xdev \( -path /var/cache -o -path /var/log \) -prune -o -print | sort
	getent passwd | cut -d: -f1
	getent group | cut -d: -f1
}

# left_as FILE: fails on a difference from the list in FILE.
left_as() { diff "$1" <(list); }
