// SPDX-License-Identifier: Apache-2.0

package main

const erouteLong = `Changes, lists and asks the eroute table of this network namespace. An eroute says
what becomes of the packets from one prefix to another that are routed into an
ipsec device. The most specific one counts: longest source prefix, then longest
destination prefix, then protocol, source port, destination port. Packets without
an eroute are dropped.`

const erouteUsage = `  ipsec eroute [--eraf F] [--src S/M] [--dst D/M] [--said TEXT] [--min-packets N] [--json]
  ipsec eroute --add|--replace --src S/M --dst D/M
               [--transport-proto P] [--src-port N] [--dst-port N] --said TEXT
               [--acquire-mode M] [--acquire-proto P] [--acquire-peer E] [--acquire-reqid N]
  ipsec eroute --del --src S/M --dst D/M
               [--transport-proto P] [--src-port N] [--dst-port N]
  ipsec eroute --clear
  ipsec eroute --batch FILE|- [--no-new-clear] [--assert FILE|-]
  ipsec eroute --add|--replace|--del|--clear|--batch ... --check
  ipsec eroute --save FILE|-
  ipsec eroute --restore FILE|- [--no-new-clear] [--assert FILE|-] [--check]
  ipsec eroute --diff FILE|- [FILE|-] [--json]
  ipsec eroute --import-xfrm
  ipsec eroute --lookup --src ADDRESS --dst ADDRESS
               [--transport-proto P] [--src-port N] [--dst-port N] [--explain] [--json]
  ipsec eroute --lookup --batch FILE|- [--explain] [--json]
  ipsec eroute --sync | --limit N | --stats [--json] | --metrics FILE|-
  ipsec eroute --watch [--interval SECONDS] [--json]`

const erouteExample = `  Protect what goes from one site to another with an SA, but drop mail:
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
    ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 \
        --transport-proto tcp --dst-port smtp --said %drop

  Keep the table, and put it back:
    ipsec eroute --save table
    ipsec eroute --restore table

  Which packets would another table treat differently? What has changed since?
    ipsec eroute --diff running table.new
    ipsec eroute --diff table

  Replace the table only if that sends nothing in clear that is not now, and keeps
  promises; see first what changes:
    echo '10.1.0.0/16 10.2.0.0/16 protected' > promises
    ipsec eroute --restore table.new --no-new-clear --assert promises --check
    ipsec eroute --restore table.new --no-new-clear --assert promises

  Carry policies of ip xfrm over; what cannot be is told on standard error:
    ipsec eroute --import-xfrm > table

  Which eroute would this packet meet? Why, and what would become of it?
    ipsec eroute --lookup --src 10.1.0.1 --dst 10.2.0.1 --transport-proto icmp --explain

  Which eroutes have most traffic? Without a terminal, a line each:
    ipsec eroute --watch --interval 5 >traffic

  Give Prometheus the table's figures by node_exporter, from a timer or cron:
    ipsec eroute --metrics /var/lib/prometheus/node-exporter/eroute.prom

  Many changes at once, all or none; then as many questions:
    printf '%s\n' '--del --src 10.1/16 --dst 10.2/16  # a comment' \
        '--add --src %default --dst 10.3/16 --said %pass' | ipsec eroute --batch -
    printf '%s\n' '10.1.0.1 10.3.0.1' '10.1.0.1 10.3.0.1 tcp 1024 ssh' |
        ipsec eroute --lookup --batch -`
