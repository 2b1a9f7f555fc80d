// SPDX-License-Identifier: Apache-2.0

package main

// demoStep is a step of the demo: a script of sh, which docs/fleet.md shows.
type demoStep struct {
	title  string
	script string
	wants  []string // parts of the output, with single spaces
	fails  bool     // the last command has to fail
}

// demoSetup makes the namespaces, before the store starts.
var demoSetup = demoStep{
	title: "Three gateways, each in a network namespace with a link to the store. Their tables are empty.",
	script: `ip link set lo up
for n in 1 2 3; do
  ip netns add gw$n
  ip link add gw$n up type veth peer name eth0 netns gw$n
  ip address add 192.0.2.1 peer 192.0.2.1$n dev gw$n
  ip -n gw$n address add 192.0.2.1$n peer 192.0.2.1 dev eth0
  ip -n gw$n link set eth0 up
  ip netns exec gw$n ipsec tncfg --attach --virtual ipsec0 --physical eth0
done
`,
}

// demoSteps are the steps with the store.
var demoSteps = []demoStep{
	{
		title: "The operator's key, settings, and an agent on each gateway. The gateways know the public key.",
		script: `openssl genpkey -algorithm ed25519 -out operator.pem
openssl pkey -in operator.pem -pubout -out keys.pem
cat >operator.toml <<END
endpoints = ["http://192.0.2.1:2379"]
keys = "keys.pem"
signing_key = "operator.pem"
author = "operator"
END
ring=canary
for n in 1 2 3; do
  cat >gw$n.toml <<END
endpoints = ["http://192.0.2.1:2379"]
keys = "keys.pem"
[gateway]
name = "gw$n"
ring = "$ring"
state = "gw$n"
confirm = 10
END
  ip netns exec gw$n ipsec-fleet agent --config gw$n.toml >gw$n.log 2>&1 &
  ring=all
done
until [ "$(ipsec-fleet gateways --config operator.toml | grep -c ' yes ')" = 3 ]; do sleep 0.2; done
`,
	},
	{
		title: "A table is published, and rolled out: first to the canary, then to the others.",
		script: `echo "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap" >table
ipsec-fleet publish table --config operator.toml >first
ipsec-fleet rollout $(cat first) --rings canary,all --config operator.toml
ip netns exec gw3 ipsec eroute
`,
		wants: []string{"ring canary: 1 of 1 gateways confirmed", "ring all: 2 of 2 gateways confirmed", "10.1.0.0/16 -> 10.2.0.0/16 => %trap"},
	},
	{
		title: "The next revision also drops mail. Which packets change is shown before it is rolled out.",
		script: `echo "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --transport-proto 6 --dst-port 25 --said %drop" >>table
ipsec-fleet publish table --config operator.toml >second
ipsec-fleet diff $(cat first) $(cat second) --config operator.toml
ipsec-fleet rollout $(cat second) --rings canary,all --config operator.toml
`,
		wants: []string{"trapped -> dropped: 1 selector", "ring all: 2 of 2 gateways confirmed"},
	},
	{
		title: "A mistake: a revision that cuts the gateways off from the store. The canary goes back, on its own.",
		script: `echo "--add --src 192.0.2.0/24 --dst 192.0.2.0/24 --said %drop" | cat table - >wrong
ipsec-fleet publish wrong --config operator.toml >bad
ipsec-fleet rollout $(cat bad) --rings canary,all --config operator.toml
`,
		wants: []string{"stopped in ring canary: gateway gw1: rolled back: health not good within 10s: the store does not answer"},
		fails: true,
	},
	{
		title: "A revision that would send packets in clear that are protected now: the canary refuses it, and changes nothing.",
		script: `echo "--add --src 10.1.7.0/24 --dst 10.2.0.0/16 --said %pass" | cat table - >wrong
ipsec-fleet publish wrong --config operator.toml >open
ipsec-fleet rollout $(cat open) --rings canary,all --config operator.toml
`,
		wants: []string{"stopped in ring canary: gateway gw1: refused: ", "opens clear text for 10.1.7.0/24 -> 10.2.0.0/16"},
		fails: true,
	},
	{
		title: "All gateways have the table of the second revision, and the first one is only one command away.",
		script: `for n in 1 2 3; do ip netns exec gw$n ipsec eroute --save - | cmp - table; done
ipsec-fleet rollout $(cat second) --rings canary --config operator.toml
ipsec-fleet rollback --rings all --config operator.toml
ipsec-fleet status --config operator.toml
ipsec-fleet history --config operator.toml
`,
		wants: []string{"ring all: 2 of 2 gateways confirmed", "gw1 canary confirmed", "gw3 all confirmed"},
	},
}
