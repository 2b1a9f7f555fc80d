// SPDX-License-Identifier: Apache-2.0

package main

const erouteLong = `Manages the eroute table of this network namespace. An eroute maps a selector (source
and destination prefix, optionally protocol and ports) to a SAID: the name of a Security
Association (SA), which encrypts the matching packets, or an action, such as %pass or
%drop. It applies to packets that leave through a watched interface or are routed into
an ipsec device, see ipsec tncfg --help. The most specific eroute wins: longest source
prefix, then longest destination prefix, then protocol, source port and destination
port. Packets that match no eroute leave a watched interface as they are, unless it was
attached with --unmatched drop; in an ipsec device they are dropped.

%pass sends packets in clear, %drop drops them, %reject also sends an ICMP error. %trap
holds them and requests an SA for their flow from key managers, %trapsubnet an SA for the
whole selector; %hold holds them until the eroute is replaced. These three require ipsec
acquire. %xfrm leaves packets to the policies of XFRM, and drops those that match none.

A change that cuts the SSH session it is typed in prints a warning on standard error, and
then takes effect. --check prints the warning, too.`

const erouteUsage = `  ipsec eroute [--eraf F] [--src S/M] [--dst D/M] [--said TEXT] [--min-packets N] [--json]
  ipsec eroute --add|--replace --src S/M --dst D/M
               [--transport-proto P] [--src-port N] [--dst-port N] --said TEXT
               [--spread S [--return-after SECONDS]]
               [--acquire-mode M] [--acquire-proto P] [--acquire-peer E] [--acquire-reqid N]
               [--acquire-spread flow|cpu]
  ipsec eroute --del --src S/M --dst D/M
               [--transport-proto P] [--src-port N] [--dst-port N]
  ipsec eroute --clear
  ipsec eroute --batch FILE|- [--no-new-clear] [--assert FILE|-]
  ipsec eroute --add|--replace|--del|--clear|--batch ... --check
  ipsec eroute --save FILE|-
  ipsec eroute --restore FILE|- [--no-new-clear] [--assert FILE|-] [--revision ID] [--check]
  ipsec eroute --diff FILE|- [FILE|-] [--json]
  ipsec eroute --import-xfrm
  ipsec eroute --lookup --src ADDRESS --dst ADDRESS
               [--transport-proto P] [--src-port N] [--dst-port N] [--explain] [--json]
  ipsec eroute --lookup --batch FILE|- [--explain] [--json]
  ipsec eroute --set-aside SAID | --put-back SAID
  ipsec eroute --sync | --limit N | --stats [--all] [--json] | --metrics FILE|-
  ipsec eroute --watch [--interval SECONDS] [--json]`

const erouteExample = `  Encrypt traffic between two sites, but drop mail:
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 \
        --transport-proto tcp --dst-port smtp --said %drop

  Spread the flows between two sites over two SAs; use a second peer if the first fails:
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 \
        --said tun0x1000@192.0.2.2,tun0x1001@192.0.2.2 --spread flow
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.3.0.0/16 \
        --said tun0x1000@192.0.2.2,tun0x2000@198.51.100.2 --spread failover

  Encrypt on two CPUs with an SA for each, which a key manager has bound to it, and on
  others with a third one:
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.4.0.0/16 \
        --said tun0x1000@192.0.2.2,tun0x1001@192.0.2.2,tun0x1002@192.0.2.2 --spread cpu

  Take a peer's SA out of all groups for maintenance of the peer, and use it again:
    ipsec eroute --set-aside tun0x1000@192.0.2.2
    ipsec eroute --put-back tun0x1000@192.0.2.2

  Save the table and restore it:
    ipsec eroute --save table
    ipsec eroute --restore table

  Compare the table in use with a new one; show what has changed since it was saved:
    ipsec eroute --diff running table.new
    ipsec eroute --diff table

  Restore a table only if it sends no additional packets in clear and satisfies the
  assertions in a file; check it first:
    echo '10.1.0.0/16 10.2.0.0/16 protected' > assertions
    ipsec eroute --restore table.new --no-new-clear --assert assertions --check
    ipsec eroute --restore table.new --no-new-clear --assert assertions

  Convert XFRM policies; those that cannot be converted are reported on standard error:
    ipsec eroute --import-xfrm > table

  Show which eroute a packet matches, why, and what happens to the packet:
    ipsec eroute --lookup --src 10.1.0.1 --dst 10.2.0.1 --transport-proto icmp --explain

  Log the busiest eroutes every five seconds:
    ipsec eroute --watch --interval 5 >traffic

  Export metrics to Prometheus through node_exporter, from a timer or cron:
    ipsec eroute --metrics /var/lib/prometheus/node-exporter/eroute.prom

  Apply several changes, then look up several packets:
    printf '%s\n' '--del --src 10.1/16 --dst 10.2/16  # a comment' \
        '--add --src %default --dst 10.3/16 --said %pass' | ipsec eroute --batch -
    printf '%s\n' '10.1.0.1 10.3.0.1' '10.1.0.1 10.3.0.1 tcp 1024 ssh' |
        ipsec eroute --lookup --batch -`
