# SPDX-License-Identifier: Apache-2.0
# strongSwan's ipsec has a fixed list of commands: eroute-ipsec diverts it.
keymanager() { dpkg --force-depends --install /srv/debs/strongswan-starter_*.deb; }
works() {
	ipsec eroute --version | grep '^ipsec eroute '
	ipsec tncfg --version | grep '^ipsec tncfg '
	ipsec version | grep strongSwan
	ipsec __complete eroute --li | grep -e --limit # as the shell's script asks
	! ipsec bogus 2>/tmp/bogus
	grep 'unknown command .bogus' /tmp/bogus
}
theirs() {
	ipsec version | grep strongSwan
	[ ! -e /usr/sbin/ipsec.distrib ]
}

keymanager
dpkg --install /srv/eroute_*.deb
theirs
eroute --version
dpkg --install /srv/eroute-ipsec_*.deb
works
dpkg --purge eroute-ipsec
theirs
dpkg --purge strongswan-starter

dpkg --install /srv/eroute-ipsec_*.deb
keymanager
works
dpkg --install /srv/eroute-ipsec_*.deb # an upgrade
works
dpkg --purge strongswan-starter
ipsec eroute --version
[ ! -e /usr/sbin/ipsec.distrib ]
keymanager
dpkg --purge eroute-ipsec eroute
theirs
