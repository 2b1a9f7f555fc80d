# SPDX-License-Identifier: Apache-2.0
# Boots a systemd that runs both units, then units.sh, and succeeds if that does.
ip link add wan type veth peer name wan-peer
ip link add lan type veth peer name lan-peer
ip link set wan-peer up
ip link set lan up
dpkg --install /srv/eroute_*.deb
cat >/etc/eroute/eroute.toml <<'END'
table = "table"

[[device]]
virtual = "ipsec0"
physical = "wan"
ingress = ["lan"]
END
cat >/etc/eroute/table <<'END'
--add --src 192.0.2.0/24 --dst 10.2.0.0/16 --said %trap
--add --src 192.0.2.0/24 --dst 10.2.9.0/24 --said %pass
END

# The routes of docs/install.md.
cat >/etc/systemd/network/10-lo.network <<'END'
[Match]
Name=lo
[Route]
Destination=10.2.0.0/16
Type=blackhole
Metric=9999
END
cat >/etc/systemd/network/20-ipsec0.network <<'END'
[Match]
Name=ipsec0
[Link]
RequiredForOnline=no
[Network]
LinkLocalAddressing=no
ConfigureWithoutCarrier=yes
[Route]
Destination=10.2.0.0/16
END
cat >/etc/systemd/network/30-wan.network <<'END'
[Match]
Name=wan
[Network]
LinkLocalAddressing=no
Address=192.0.2.1/24
END

systemctl enable systemd-networkd-wait-online

# override UNIT: adds stdin to the unit.
override() {
	mkdir "/etc/systemd/system/$1.d"
	cat - <(printf 'StandardOutput=append:/srv/log\nStandardError=append:/srv/log\n') >"/etc/systemd/system/$1.d/test.conf"
}
override eroute.service <<'END'
[Service]
END
override eroute-sync.service <<'END'
[Service]
END
# Without a key manager, --json provides a listener.
override eroute-acquire.service <<'END'
[Service]
ExecStart=
ExecStart=/usr/libexec/eroute/ipsec acquire --json
WatchdogSec=3s
END
cat >/etc/systemd/system/test.service <<'END'
[Unit]
DefaultDependencies=no
Wants=eroute.service eroute-sync.service eroute-acquire.service systemd-networkd.service
After=eroute.service eroute-acquire.service systemd-networkd.service
SuccessAction=exit
FailureAction=exit
FailureActionExitStatus=1
[Service]
Type=oneshot
ExecStart=/bin/bash -euo pipefail -x /srv/test/units.sh
StandardOutput=append:/srv/log
StandardError=append:/srv/log
END
exec env container=test /lib/systemd/systemd --system --unit=test.service --log-target=console --show-status=no
