# SPDX-License-Identifier: Apache-2.0
# systemd accepts the units, and their exposure, from 0 to 100, in systemd-analyze(1), stays
# low.
dpkg --install /srv/eroute_*.deb /srv/eroute-fleet_*.deb
systemd-analyze verify --man=no eroute.service eroute-sync.service eroute-acquire.service eroute-fleet.service 2>&1 | tee /tmp/verify
[ ! -s /tmp/verify ]
exposed() { # UNIT MOST
	systemd-analyze security --offline=yes --threshold="$2" "/usr/lib/systemd/system/$1" >/tmp/exposed || {
		grep -v '^+' /tmp/exposed
		return 1
	}
}
exposed eroute.service 35
exposed eroute-sync.service 35
exposed eroute-fleet.service 35
exposed eroute-acquire.service 20
