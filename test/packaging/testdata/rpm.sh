# SPDX-License-Identifier: Apache-2.0
# rpm installs and erases. It does not know Debian's packages.
. /srv/test/list.sh
rpm() { command rpm --dbpath /tmp/rpm "$@"; }
rpm --initdb
touch /etc/.pwd.lock /etc/{passwd,group,shadow,gshadow,subuid,subgid}-
list >/tmp/before

rpm --install --nodeps /srv/eroute-[0~]*.rpm
version=$(rpm --query --queryformat '%{version}' eroute)
[ "$(eroute --version)" = "ipsec eroute $version" ]
[ ! -e /usr/sbin/ipsec ]
getent passwd eroute
rpm --verify --nodeps eroute
rpm --install /srv/eroute-ipsec-*.rpm
[ "$(ipsec tncfg --version)" = "ipsec tncfg $version" ]
rpm --query --conflicts eroute-ipsec | grep '^libreswan$'
rpm --install /srv/eroute-fleet-*.rpm
[ "$(ipsec-fleet --version)" = "ipsec-fleet $version" ]
rpm --erase eroute-ipsec eroute-fleet eroute
[ ! -e /etc/eroute/eroute.toml ]

# The user remains, as usual for RPM packages.
userdel eroute
left_as /tmp/before
