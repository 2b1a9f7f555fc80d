// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// Ten thousand changes are one command without a noticeable delay, and ten thousand packets are looked up in
// a second. Other tests may run concurrently: the best of three is used.
func TestTenThousand(t *testing.T) {
	const n = 10000
	path := testenv.Ipsec(t)
	g := newDetached(t)
	var changes, packets strings.Builder
	for i := range n {
		fmt.Fprintf(&changes, "--replace --src %s --dst 192.0.1.0/24 --said %%drop\n", nth(i))
		fmt.Fprintf(&packets, "%s 192.0.1.%d udp 4711 53\n", nth(i).Addr(), i%256)
	}
	write := func(name string, text *strings.Builder) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct {
		args  string
		lines int // of its output
		most  time.Duration
	}{
		{"eroute --batch " + write("changes", &changes), 0, 3 * time.Second},
		{"eroute --lookup --batch " + write("packets", &packets), n, time.Second},
		{"eroute", n, time.Second},
	} {
		best := time.Hour
		for range 3 {
			begin := time.Now()
			stdout, stderr, err := g.command(t, path, c.args)
			best = min(best, time.Since(begin))
			if lines := strings.Count(stdout, "%drop\n"); err != nil || lines != c.lines {
				t.Fatalf("ipsec %s: %d lines, want %d: %v, %s", c.args, lines, c.lines, err, stderr)
			}
		}
		if best > c.most {
			t.Errorf("ipsec %s took %v, the most is %v", c.args, best, c.most)
		}
		t.Logf("ipsec %s: %v", strings.Fields(c.args)[:len(strings.Fields(c.args))-1], best)
	}
}
