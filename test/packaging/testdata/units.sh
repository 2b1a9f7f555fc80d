# SPDX-License-Identifier: Apache-2.0
# Run by systemd (boot.sh), with both units up.
# soon COMMAND...: succeeds as soon as the command does.
soon() {
	for _ in $(seq 200); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}
relays() { eroute --stats | grep '^relay *running$'; }

systemctl is-active eroute eroute-acquire
when() { systemctl show --value --property="$1" "$2"; }
[ "$(when ActiveEnterTimestampMonotonic eroute)" -le "$(when ActiveEnterTimestampMonotonic network-pre.target)" ]
tncfg | grep '^ipsec0 -> wan '
eroute | grep '^0 .* => %trap$'
soon relays
[ "$(when User eroute-acquire)" = eroute ]
pid=$(when MainPID eroute-acquire)
grep '^Uid:' "/proc/$pid/status" | grep -w "$(id -u eroute)"

taken() { eroute --metrics - | grep '^eroute_queue_used_bytes 0$'; }
listed() { eroute | grep "$1"; }
routed() { ip route get 10.2.0.1 from 192.0.2.1 | grep "$1"; }

# %pass packets leave in spite of the blackhole, by routes added after the device.
synced() { ip route show table all | grep -v ' table local ' | grep '^192.0.2.0/24 dev wan table '; }
soon synced

# A trap, a hold, and the relay re-sends held packets: 2 of 3.
soon routed ' dev ipsec0 '
for _ in 1 2 3; do echo held >/dev/udp/10.2.0.1/9; done
soon listed '^2 .* => %hold$'
soon taken
eroute --replace --src 192.0.2.1/32 --dst 10.2.0.1/32 --said %pass
soon listed '^2 .* => %pass$'

# It sends watchdog notifications, and is restarted without them.
restarts() { [ "$(when NRestarts eroute-acquire)" = "$1" ]; }
sleep 3.5
restarts 0
kill -STOP "$pid"
soon restarts 1
soon systemctl is-active eroute-acquire

# An upgrade replaces the running programs, and restarts the relay.
program() { stat -c %i /sys/fs/bpf/ipsec/v*/*/eroute_lookup; }
before=$(program)
pid=$(when MainPID eroute-acquire)
dpkg --install /srv/eroute_*.deb
[ "$(program)" != "$before" ]
[ "$(when MainPID eroute-acquire)" != "$pid" ]
eroute | grep '^2 .* => %pass$'
tncfg | grep '^ipsec0 -> wan '

# Again, which removes what the file does not contain; then stop.
systemctl reload eroute
eroute | grep '^1 .* => %trap$'
! eroute | grep '^2 .* => %pass$'
tncfg | grep '^ipsec0 -> wan '
systemctl stop eroute
[ -z "$(tncfg)" ]
! ip route get 10.2.0.1 2>/tmp/unreachable # the route that is worse drops
grep 'Invalid argument' /tmp/unreachable
systemctl start eroute
soon routed ' dev ipsec0 '

# A failed start is repeated: here the interface appears late.
systemctl stop eroute
ip link set wan name later
! systemctl start eroute
[ -z "$(tncfg)" ]
ip link set later name wan
attached() { systemctl is-active eroute && tncfg | grep '^ipsec0 -> wan '; }
soon attached

# The relay runs as soon as there is a table, even with an empty file.
systemctl stop eroute eroute-acquire
rm -r /sys/fs/bpf/ipsec
: >/etc/eroute/eroute.toml
systemctl start eroute-acquire
soon relays

# The agent of a fleet restores the confirmed revision, with the privileges of its unit and without its store.
dpkg --install /srv/eroute-fleet_*.deb
cat >/etc/eroute/fleet.toml <<'END'
endpoints = ["http://127.0.0.1:1"]
keys = "/etc/eroute/keys.pem"
[gateway]
name = "gw"
ring = "ring"
END
openssl genpkey -algorithm ed25519 | openssl pkey -pubout >/etc/eroute/keys.pem
state=/var/lib/eroute/fleet
mkdir -p $state
revision=$(printf '%064d' 7)
table='--add --src 192.0.2.0/24 --dst 10.7.0.0/16 --said %trap'
digest=$(echo "$table" | sha256sum | cut -d ' ' -f 1)
echo "$table" >$state/$digest.table
echo "{\"ring\": \"ring\", \"serial\": 1, \"revision\": \"$revision\", \"state\": \"confirmed\", \"confirmed\": \"$revision\"," \
	"\"table\": \"$digest\"}" >$state/state.json
systemctl start eroute-fleet
listed ' 192.0.2.0/24 .* 10.7.0.0/16 .* => %trap$'
systemctl is-active eroute-fleet
when Before eroute-fleet | grep -w network-pre.target
dpkg --purge eroute-fleet
! systemctl is-active eroute-fleet
[ ! -e $state ]
listed ' 10.7.0.0/16 .* => %trap$'

# Removing a package stops its units.
dpkg --purge eroute
! systemctl is-active eroute-acquire
