// SPDX-License-Identifier: Apache-2.0

package layers

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ipsec-eroute/eroute/"

// layers are the packages by layer, the lowest first.
var layers = [][]string{
	{"bpf", "pkg/eroute", "pkg/fib", "pkg/ifname", "pkg/netdump", "pkg/netlisten", "pkg/fleet", "internal/cli", "internal/files", "internal/settings", "internal/etcd", "internal/sandbox"},
	{"pkg/abi", "pkg/loader", "pkg/xfrm", "pkg/diff", "pkg/top", "pkg/fleet/store", "internal/manpages"},
	{"pkg/pinned", "pkg/migrate", "pkg/fleet/rollout", "pkg/fleet/prune", "internal/screen", "internal/erouteargs"},
	{"pkg/lookup", "pkg/cache", "pkg/follow", "pkg/tries", "pkg/index", "pkg/sas", "pkg/counters", "pkg/interfaces", "pkg/journal", "pkg/relaywire", "pkg/traps", "pkg/revision", "pkg/fleet/template"},
	{"pkg/maps", "pkg/cost", "pkg/fleet/publish", "pkg/fleet/agent"},
	{"pkg/device", "pkg/monitor", "pkg/layout", "internal/emptytable"},
	{"pkg/acquire", "pkg/doctor", "pkg/explain", "pkg/layout/generate", "internal/tncfgargs"},
	{"pkg/metrics", "pkg/session", "internal/render"},
	{"internal/guard"},
	{"cmd/ipsec", "cmd/ipsec-fleet"},
}

// support are the packages shared by tests.
var support = []string{"internal/collisions", "internal/docblocks", "internal/lab", "internal/layers", "internal/schema", "internal/vm", "internal/vm/run"}

// Tests and their support may import everything; they are not imported by the product.
func isSupport(pkg string) bool {
	return strings.HasPrefix(pkg, "internal/test") || slices.Contains(support, pkg)
}

// A package imports only packages of lower layers, and each package has a layer.
func TestLayers(t *testing.T) {
	layer := make(map[string]int)
	for i, all := range layers {
		for _, pkg := range all {
			layer[pkg] = i
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}",
		module+"bpf", module+"pkg/...", module+"internal/...", module+"cmd/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if isSupport(pkg) {
			continue
		}
		at, known := layer[pkg]
		if !known {
			t.Errorf("%s has no layer", pkg)
			continue
		}
		seen++
		for _, path := range fields[1:] {
			imported, own := strings.CutPrefix(path, module)
			if below, known := layer[imported]; own && (!known || below >= at) {
				t.Errorf("%s imports %s, which is not of a lower layer", pkg, imported)
			}
		}
	}
	if seen != len(layer) {
		t.Errorf("%d packages, %d have a layer", seen, len(layer))
	}
}

// The command on a gateway, which changes the table, contains no part of a fleet and no client of etcd.
func TestFleetApart(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"cmd/ipsec").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for pkg := range strings.FieldsSeq(string(out)) {
		seen = seen || pkg == module+"pkg/maps"
		for _, no := range []string{module + "pkg/fleet", "go.etcd.io/", "google.golang.org/grpc"} {
			if strings.HasPrefix(pkg, no) {
				t.Errorf("cmd/ipsec imports %s", pkg)
			}
		}
	}
	if !seen {
		t.Errorf("not the packages of cmd/ipsec:\n%s", out)
	}
}
