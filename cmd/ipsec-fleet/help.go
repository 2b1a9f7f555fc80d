// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/ipsec-eroute/eroute/internal/cli"

const rootLong = `ipsec-fleet keeps the eroute tables of many gateways at revisions that operators publish.
Operators sign tables and assign them to rings of gateways in etcd; the agent of each
gateway verifies the signature, restores the table and confirms it, or goes back. See
docs/fleet.md.`

const rootExample = `  ipsec-fleet publish table
  ipsec-fleet rollout 3f2a9c --rings canary,all
  ipsec-fleet status`

// definitions are the commands, in the order of the help text.
var definitions = []definition{
	{
		use: "publish FILE|- [--assert FILE]", short: "sign and store a table", words: 1, body: runPublish,
		options: cli.Options{{Name: "assert", Arg: "FILE", Group: "Options", Help: "refuse a table that violates an assertion, as ipsec eroute --assert does"}},
		long: `Checks a table in the format of ipsec eroute --save, signs it, stores it and prints its
revision. No gateway changes before a rollout. A table that is already published keeps
its revision.

The table is for all gateways: eroutes to a single SA are refused, because its SPI was
chosen for one gateway. Traps, groups, %xfrm and shunts are accepted. Names of hosts are
replaced by their addresses. Lines can have variables such as ${local}, and sites such as
@paris as source or destination: each gateway has its own values, in its settings. They
are checked with those of [variables] and [sites] in the settings of this command.`,
		example: `  ipsec eroute --save table
  ipsec-fleet publish table --assert promises`,
	},
	{
		use: "rollout REVISION --rings RING,... [--wait SECONDS]", short: "assign a revision to rings", words: 1, body: runRollout,
		options: rolloutOptions,
		long: `Assigns a revision to the rings, one after the other. It goes on to the next ring when all
gateways of the ring have confirmed the revision, and stops with the reason at the first
gateway that has not: it refused the revision, went back to the table before, or is
offline. A revision can be named by the beginning of its ID. Only one rollout runs at a
time. It can be repeated.`,
		example: `  ipsec-fleet rollout 3f2a9c --rings canary,1,10,100`,
	},
	{
		use: "rollback --rings RING,... [--wait SECONDS]", short: "return to the revision before", words: 0, body: runRollback,
		options: rolloutOptions,
		long: `Assigns to each of the rings the revision that it had before its present one, in the same
way as a rollout.`,
		example: `  ipsec-fleet rollback --rings canary`,
	},
	{
		use: "status [--watch | --json]", short: "show rings and gateways", words: 0, body: runStatus,
		options: statusOptions,
		long: `Shows the revision of each ring, and the state of each gateway: unassigned, applying,
confirmed, refused, rolled back or offline, with the revision that it confirmed last and
the reason of a failure.`,
		example: `  ipsec-fleet status
  ipsec-fleet status --watch
  ipsec-fleet status --json | jq '.gateways[] | select(.state != "confirmed")'`,
	},
	{
		use: "history [--json]", short: "list revisions", words: 0, body: runHistory,
		options: cli.Options{jsonOption},
		long:    `Lists the published revisions, the newest first, and the rings that have them.`,
		example: `  ipsec-fleet history`,
	},
	{
		use: "diff REVISION REVISION [--json]", short: "compare two revisions", words: 2, body: runDiff,
		options: cli.Options{jsonOption},
		long: `Shows the packets whose verdict changes from one revision to the other, as ipsec eroute
--diff does. Variables have the values of the settings: with --config and the settings of
a gateway, its tables are compared.`,
		example: `  ipsec-fleet diff 3f2a9c 81d04e`,
	},
	{
		use: "prune [--keep N] [--check]", short: "remove old revisions", words: 0, body: runPrune,
		options: pruneOptions,
		long: `Removes from the store the revisions that are not among the N newest, and their snapshots,
except those that are still named: by a ring, as its revision or the one before; by the
report of a gateway that is online; or as the parent of a ring's revision. Removes nothing
while a rollout runs, or if the assignment of a ring is not valid. A table that was removed
can be published again.`,
		example: `  ipsec-fleet prune --check
  ipsec-fleet prune --keep 50`,
	},
	{
		use: "gateways [--remove NAME] [--json]", short: "list gateways", words: 0, body: runGateways,
		options: gatewaysOptions,
		long: `Lists the gateways that have registered. A gateway registers when its agent starts, and
remains until it is removed: a rollout waits for it.`,
		example: `  ipsec-fleet gateways
  ipsec-fleet gateways --remove gw7`,
	},
	{
		use: "agent", short: "keep the table of this gateway at the revision of its ring", words: 0, body: runAgent,
		long: `Watches the assignment of this gateway's ring, and restores the assigned table if pinned
keys have signed it and it sends no packets in clear that were not sent in clear before.
If the health is not good within a time, it restores the table before. The health is
good if no more SAs are missing, the store can be reached on a new connection, and the
health command succeeds. If the table is empty when the agent starts, as after a boot, it
restores the confirmed revision from disk. Without the store it changes nothing.`,
		example: `  ipsec-fleet agent --config /etc/eroute/fleet.toml`,
	},
	{
		use: "demo", short: "show a fleet of three gateways on this machine", words: 0, body: runDemo,
		long: `Runs etcd and three gateways in network namespaces, and shows a rollout, a revision that
cuts a gateway off and is taken back, one that is refused, and a rollback, in less than
two minutes. It prints each command and fails if one has an unexpected result. Nothing of
it is visible outside, and nothing remains. Needs root, ip and openssl.`,
		example: `  ipsec-fleet demo`,
	},
}
