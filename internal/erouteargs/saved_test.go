// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FuzzSavedLine checks that the fast parser of saved lines and the general one agree, and that the fast one
// accepts the output of --save.
func FuzzSavedLine(f *testing.F) {
	for _, seed := range []string{
		"--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said tun0x1000@192.0.2.2",
		"--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --transport-proto 6 --src-port 1 --dst-port 25 --said %drop",
		"--add --src 2001:db8::/32 --dst ::/0 --transport-proto 17 --dst-port 53 --said esp0x2000@2001:db8::2",
		"--add --src 10.0.0.1/8 --dst 10.1.0.0/016 --transport-proto 010 --said tun0xff@192.0.2.2",
		"--add --src ::ffff:10.0.0.0/104 --dst ::/0 --transport-proto 1 --src-port 0 --said %passthrough",
		"--add --src 10.0.0.0/8 --dst ::/0 --dst-port 70000 --said tun0x_1000@192.0.2.02", "--add --src 10.0.0.0/8 --dst 10.0.0.0/8 --said %hold --acquire-reqid 7",
		"--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --transport-proto 6 --transport-proto 6 --said %trap", "--add --src fe80::%eth0/64 --dst ::/0 --said ah0x100@fe80::1%eth0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := SplitLine(line, nil)
		short, ok := savedLine(words)
		long, err := NewParser(t.Context(), testenv.Hosts, testenv.Names).anyBatchLine(words)
		if ok && (err != nil || short != long) {
			t.Fatalf("%q means %+v, or %+v, %v", line, short, long, err)
		}
		if err != nil || long.Op != eroute.OpAdd || long.Acquire != (eroute.AcquireParams{}) {
			return
		}
		saved := AddLine(&eroute.Eroute{Selector: long.Selector, SAID: long.SAID})
		if again, ok := savedLine(SplitLine(saved, nil)); !ok || again != long {
			t.Fatalf("%q is saved as %q, which means %+v, %v", line, saved, again, ok)
		}
	})
}
