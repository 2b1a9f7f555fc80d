// SPDX-License-Identifier: Apache-2.0

package doctor

import "fmt"

// fullness is the share of a limit from which on there is little room left.
const fullness = 0.9

var tableCheck = check{"table", "it is whole and has room", always, func(f *Facts) (found []Finding) {
	switch {
	case f.TableError != nil:
		return append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("the table cannot be read: %v", f.TableError),
			Cost:   "it goes on as it is, but nothing can be changed",
			Remedy: "remove it from /sys/fs/bpf/ipsec, attach and restore it",
		})
	case f.Table == nil:
		return append(found, Finding{
			Level: Note, Text: "there is no table in this network namespace",
			Remedy: "ipsec tncfg --attach or ipsec eroute --add makes one",
		})
	}
	t := f.Table
	if t.HalfWritten {
		found = append(found, Finding{
			Level: Problem, Text: "a command was killed while it changed the table",
			Cost:   "some of its changes are made, some not; packets are slower, as no answer is remembered",
			Remedy: "ipsec eroute --sync puts the table in order; look which changes are in it",
		})
	}
	if t.HalfRestored {
		found = append(found, Finding{
			Level: Note, Text: "a restore was interrupted: the table is as it was before, none of its eroutes was changed",
			Cost: "the memory that the restore took is still in use", Remedy: "ipsec eroute --sync frees it, and so does the next change",
		})
	}
	if float64(t.Eroutes) >= fullness*float64(t.Limit) {
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("the table holds %d eroutes of %d at the most", t.Eroutes, t.Limit),
			Cost: "adding more will be refused", Remedy: "ipsec eroute --limit",
		})
	}
	return found
}}
