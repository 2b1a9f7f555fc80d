# SPDX-License-Identifier: Apache-2.0
# libreswan's ipsec runs commands in /usr/libexec/ipsec: package eroute suffices.
keymanager() { dpkg --force-depends --install /srv/debs/libreswan_*.deb; }
works() {
	ipsec eroute --version | grep '^ipsec eroute '
	ipsec tncfg --version | grep '^ipsec tncfg '
	ipsec --version | grep Libreswan
}

keymanager
dpkg --install /srv/eroute_*.deb
works
ipsec --help >/tmp/help || [ $? = 2 ] # so it ends
grep -w eroute /tmp/help
dpkg --install /srv/eroute-ipsec_*.deb
works
dpkg --purge eroute-ipsec
works
dpkg --purge eroute
ipsec --version | grep Libreswan
! ipsec eroute --version
dpkg --purge libreswan

dpkg --install /srv/eroute_*.deb
keymanager
works
dpkg --purge libreswan
eroute --version
