// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

// traces is everything that attaching could leave in a namespace, by part.
type traces map[string]string

// traces reads East's links, rules, routes of every table, policies, settings, programs, pins, and the maps'
// content about devices.
func (g *gateway) traces(t *testing.T) traces {
	t.Helper()
	all := traces{}
	for _, family := range []string{"-4", "-6"} {
		out, err := g.East.IP(t.Context(), family, "rule")
		if err != nil {
			t.Fatal(err)
		}
		all["ip "+family+" rule"] = out
	}
	for _, lines := range [][]string{{"link", "addr"}, {"route show table all"}, {"xfrm policy", "xfrm state"}} {
		out, err := g.East.Shown(t.Context(), lines...)
		if err != nil && !strings.HasPrefix(lines[0], "xfrm") {
			t.Fatal(err)
		}
		all["ip "+strings.Join(lines, ", ")] = out
	}
	for _, dir := range []string{"ipv4/conf", "ipv6/conf", "ipv4"} {
		all["settings of "+dir] = g.settings(t, "/proc/sys/net/"+dir)
	}
	g.read(t, func(tab *table.Table) error {
		all["pins"] = pins(t, tab.Dir().Path())
		for _, name := range []string{"eroute_devices", "eroute_ingress"} {
			all[name] = entries(t, tab.Map(name))
		}
		return nil
	})
	for _, dev := range []string{lab.LAN, lab.WAN} {
		all["programs of "+dev] = g.programs(t, dev)
	}
	return all
}

// settings reads the kernel settings directly in a directory of /proc/sys, or those of its devices.
func (g *gateway) settings(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := g.East.Do(func() error {
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			return err
		}
		deeper, err := filepath.Glob(dir + "/*/*")
		for _, file := range append(files, deeper...) {
			if b, err := os.ReadFile(file); err == nil {
				fmt.Fprintf(&all, "%s %s\n", file, bytes.TrimSpace(b))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// asItFills are the pins that a table creates as it grows.
var asItFills = regexp.MustCompile(`^eroute_(counters|index)-\d+$`)

// pins lists the files below a directory, except those.
func pins(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !asItFills.MatchString(d.Name()) {
			fmt.Fprintln(&all, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func entries(t *testing.T, m *ebpf.Map) string {
	t.Helper()
	var all strings.Builder
	var k, v []byte
	it := m.Iterate()
	for it.Next(&k, &v) {
		fmt.Fprintf(&all, "%x %x\n", k, v)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// programs names the BPF programs on a device's hooks.
func (g *gateway) programs(t *testing.T, dev string) string {
	t.Helper()
	var all strings.Builder
	err := g.East.Do(func() error {
		l, err := netlink.LinkByName(dev)
		if err != nil {
			return nil // deleted, and its programs with it
		}
		if xdp := l.Attrs().Xdp; xdp != nil && xdp.Attached {
			fmt.Fprintln(&all, "xdp")
		}
		for _, hook := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
			result, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: hook})
			if err != nil {
				return err
			}
			fmt.Fprintln(&all, hook, len(result.Programs))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// unchanged checks that East is as before.
func (g *gateway) unchanged(t *testing.T, before traces) {
	t.Helper()
	if diff := cmp.Diff(before, g.traces(t)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}
