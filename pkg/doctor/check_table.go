// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// fullness is the used share of a limit at which the table is reported as nearly full.
const fullness = 0.9

var tableCheck = check{"table", "the table is consistent and has room", always, func(f *Facts) (found []Finding) {
	switch {
	case f.TableError != nil:
		return append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("the table cannot be read: %v", f.TableError),
			Cost:   "it stays in force, but cannot be changed",
			Remedy: "remove it from /sys/fs/bpf/ipsec, then attach and restore the table",
		})
	case f.Table == nil:
		return append(found, Finding{
			Level: Note, Text: "no table in this network namespace",
			Remedy: "ipsec tncfg --attach or ipsec eroute --add creates one",
		})
	}
	t := f.Table
	if t.HalfWritten {
		found = append(found, Finding{
			Level: Problem, Text: "a command was killed while changing the table",
			Cost:   "its changes may be incomplete; packets are slower because verdicts are not cached",
			Remedy: "run ipsec eroute --sync to repair the table, then check its contents",
		})
	}
	if t.HalfRestored {
		found = append(found, Finding{
			Level: Note, Text: "a restore was interrupted: the table is unchanged, none of its eroutes was replaced",
			Cost: "the memory allocated by the restore is still in use", Remedy: "ipsec eroute --sync or the next change frees it",
		})
	}
	if float64(t.Eroutes) >= fullness*float64(t.Limit) {
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("the table holds %d eroutes of %d", t.Eroutes, t.Limit),
			Cost: "adding more fails when it is full", Remedy: "raise the limit: ipsec eroute --limit N",
		})
	}
	return found
}}
