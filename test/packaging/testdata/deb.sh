# SPDX-License-Identifier: Apache-2.0
# dpkg installs, upgrades, removes and purges.
. /srv/test/list.sh
touch /etc/.pwd.lock /etc/{passwd,group,shadow,gshadow,subuid,subgid}-
list >/tmp/before

dpkg --install /srv/eroute_*.deb
version=$(dpkg-query -W -f '${Version}' eroute)
[ "$(eroute --version)" = "ipsec eroute $version" ]
[ "$(tncfg --version)" = "ipsec tncfg $version" ]
[ "$(/usr/libexec/eroute/ipsec --version)" = "ipsec $version" ]
[ ! -e /usr/sbin/ipsec ]
getent passwd eroute
for page in 8/ipsec_eroute 8/ipsec_tncfg 8/ipsec_acquire 8/eroute 8/tncfg 5/ipsec_eroute; do
	mandoc -Tlint -Wwarning "/usr/share/man/man${page%/*}/${page#*/}.${page%/*}.gz"
done
# Each shell has completions; bash is tested.
for name in eroute tncfg; do
	[ -e /usr/share/zsh/vendor-completions/_$name ]
	[ -e /usr/share/fish/vendor_completions.d/$name.fish ]
done
(
	set +eu
	. /usr/share/bash-completion/bash_completion
	. /usr/share/bash-completion/completions/eroute
	compopt() { :; } # works only while a key is pressed
	COMP_LINE='eroute --lim' COMP_POINT=12 COMP_WORDS=(eroute --lim) COMP_CWORD=1
	__start_eroute eroute
	printf '%s\n' "${COMPREPLY[@]}"
) | grep -- --limit

# Files in /etc belong to the operator.
tncfg --config /etc/eroute/eroute.toml
echo '# mine' >>/etc/eroute/eroute.toml
dpkg --install /srv/eroute_*.deb
grep '# mine' /etc/eroute/eroute.toml

# Without another ipsec, the second package provides one.
dpkg --install /srv/eroute-ipsec_*.deb
[ "$(ipsec eroute --version)" = "ipsec eroute $version" ]
[ "$(ipsec --version)" = "ipsec $version" ]
ipsec --help | grep '^Commands:'
dpkg --remove eroute-ipsec
[ ! -e /usr/sbin/ipsec ]

dpkg --install /srv/eroute-fleet_*.deb
[ "$(ipsec-fleet --version)" = "ipsec-fleet $version" ]
mandoc -Tlint -Wwarning /usr/share/man/man8/ipsec-fleet_agent.8.gz
dpkg --purge eroute-fleet

systemctl enable eroute eroute-acquire
dpkg --remove eroute
[ ! -e /usr/sbin/eroute ]
[ -e /etc/eroute/eroute.toml ]
dpkg --purge eroute eroute-ipsec
left_as /tmp/before
