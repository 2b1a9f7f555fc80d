// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// buildVersion builds the ipsec command with another version; digest, if not empty, replaces that of its
// layout.
func buildVersion(t *testing.T, version, digest string) string {
	t.Helper()
	flags := []string{"-ldflags", "-X main.version=" + version}
	if digest != "" {
		flags = append(flags, "-overlay", otherLayout(t, t.TempDir(), digest))
	}
	return testenv.Build(t, flags...)
}

// otherLayout makes an overlay for the go command that changes the layout's digest.
func otherLayout(t *testing.T, dir, digest string) string {
	t.Helper()
	source, err := filepath.Abs("../../bpf/layout_bpfel.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`"[0-9a-f]{8}"`).ReplaceAll(text, fmt.Appendf(nil, "%q", digest))
	if string(changed) == string(text) {
		t.Fatal("no digest to change")
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: filepath.Join(dir, "layout.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"layout.go": changed, "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "overlay.json")
}

// running names the programs that run on East's devices by their ids.
func (g *gateway) running(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := g.East.Do(func() error {
		for dev, hooks := range map[string][]ebpf.AttachType{
			lab.LAN: {ebpf.AttachTCXIngress}, ipsec0: {ebpf.AttachTCXEgress},
		} {
			l, err := netlink.LinkByName(dev)
			if err != nil {
				return err
			}
			if xdp := l.Attrs().Xdp; dev == lab.LAN {
				fmt.Fprintln(&all, dev, "xdp", xdp.ProgId)
			}
			for _, hook := range hooks {
				result, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: hook})
				if err != nil {
					return err
				}
				for _, p := range result.Programs {
					fmt.Fprintln(&all, dev, hook, p.ID)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// aimed is a stream and its expected outcome.
type aimed struct {
	*lab.Stream
	eroute eroute.Selector
	passes bool
}

// aimStreams starts two streams in each family from each of East's host and East, one into a %pass eroute and
// one into a %drop eroute, and counts the datagrams that arrive.
func (g *gateway) aimStreams(t *testing.T, rate int) ([]aimed, *lab.StreamCount) {
	t.Helper()
	var streams []aimed
	var eroutes []eroute.Change
	count, err := g.WestHost.CountStreams(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = count.Close() })
	for _, f := range g.families() {
		for _, from := range []struct {
			node *lab.Node
			src  netip.Addr
		}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
			for _, said := range []eroute.SAID{eroute.Pass, eroute.Drop} {
				id := uint32(len(streams) + 1)
				src := netip.AddrPortFrom(from.src, uint16(4700+id))
				s := hosts(from.src, f.westHost)
				s.Proto, s.SrcPort = 17, src.Port()
				eroutes = append(eroutes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said})
				stream := &lab.Stream{From: from.node, Src: src, Dst: netip.AddrPortFrom(f.westHost, count.Port()), ID: id, Rate: rate / 8}
				streams = append(streams, aimed{stream, s, said == eroute.Pass})
			}
		}
	}
	if err := g.apply(eroutes...); err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	return streams, count
}

// checkStreams ends streams and checks that each packet matched its eroute, once, and had its verdict.
func (g *gateway) checkStreams(t *testing.T, streams []aimed, count *lab.StreamCount) (total uint64) {
	t.Helper()
	sent := map[uint32]uint64{}
	for _, s := range streams {
		n, err := s.Stop()
		if err != nil {
			t.Error(err)
		}
		sent[s.ID] = n
		total += n
	}
	for _, s := range streams {
		want := sent[s.ID]
		if !eventually(t, func() bool { return g.eroute(t, s.eroute).Packets >= want }) || g.eroute(t, s.eroute).Packets != want {
			t.Errorf("stream %d: its eroute has counted %d packets of %d", s.ID, g.eroute(t, s.eroute).Packets, want)
		}
		if !s.passes {
			want = 0
		}
		if err := count.Wait(within(t, patience), s.ID, want); err != nil {
			t.Error(err)
		}
		if once, again := count.Arrived(s.ID); once != want || again != 0 {
			t.Errorf("stream %d: %d packets have arrived, %d again, want %d of %d", s.ID, once, again, want, sent[s.ID])
		}
	}
	return total
}

// Another version replaces the running one, forward and back, under traffic: no packet is lost or gets a
// wrong verdict, and the table, its counters and its holds remain.
func TestUpgradeUnderTraffic(t *testing.T) {
	const rate, swaps = 16000, 6
	older, newer := buildVersion(t, "1.0", ""), buildVersion(t, "1.1", "")
	g := newDetached(t)
	if _, stderr, err := g.command(t, older, "tncfg --attach --virtual ipsec0 --physical wan --ingress lan"); err != nil {
		t.Fatal(err, stderr)
	}
	g.route(t)
	g.startRelay(t, "--hold-lifetime", "600")
	held := hosts(g.EastHost.LAN4, g.WestHost.LAN4)
	held.Proto = 1
	if err := g.apply(eroute.Change{Op: eroute.OpAdd, Selector: held, SAID: eroute.Trap}); err != nil {
		t.Fatal(err)
	}
	before := g.counts(t)
	ping := lab.Ping{Dst: g.WestHost.LAN4, Count: 3, Wait: time.Millisecond}
	if _, err := g.EastHost.Ping(t.Context(), ping); err != nil {
		t.Fatal(err)
	}
	g.counted(t, before, counts{Reasons: map[string]uint64{"trap": 1, "hold": 2}, Eroutes: 2}) // the hold replaces the trap
	before = g.counts(t)
	streams, count := g.aimStreams(t, rate)
	begin := time.Now()
	runs := g.running(t)
	for n := range swaps {
		time.Sleep(200 * time.Millisecond)
		if stdout, stderr, err := g.command(t, []string{newer, older}[n%2], "tncfg --upgrade"); err != nil || stdout+stderr != "" {
			t.Fatalf("upgrade %d: %q %q %v", n, stdout, stderr, err)
		}
		was := runs
		if runs = g.running(t); runs == was {
			t.Errorf("upgrade %d: still the same programs:\n%s", n, runs)
		}
	}
	total := g.checkStreams(t, streams, count)
	took := time.Since(begin)
	want := counts{Reasons: map[string]uint64{"pass": 0, "drop": 0}}
	for _, s := range streams {
		reason := map[bool]string{true: "pass", false: "drop"}[s.passes]
		n := g.eroute(t, s.eroute).Packets
		want.Reasons[reason] += n
		want.Eroutes += n
	}
	g.counted(t, before, want)
	if e := g.eroute(t, held); e.SAID != eroute.Hold || e.Packets != 2 || g.holds(t) != 1 {
		t.Errorf("the hold is now %v, %d packets, %d holds", e, e.Packets, g.holds(t))
	}
	if stdout, stderr, err := g.command(t, newer, "eroute --lookup --src 192.0.2.1 --dst 192.0.1.1 --transport-proto udp --src-port 4702 --dst-port 9"); err != nil || !strings.Contains(stdout, "%drop") {
		t.Errorf("lookup: %q %q %v", stdout, stderr, err)
	}
	t.Logf("%d packets, %.0f a second, %d upgrades: none lost, none misjudged", total, float64(total)/took.Seconds(), swaps)
}

// A version with another layout of the maps refuses every command and changes nothing; the table is moved
// through a file, and no packet passes in between if there is a blackhole route.
func TestUpgradeLayout(t *testing.T) {
	const digest = "feedc0de"
	older, newer := buildVersion(t, "1.0", ""), buildVersion(t, "2.0", digest)
	layout := strings.Split(bpf.Layout(), "-")[0] + "-" + digest
	g := newDetached(t)
	run := func(path, args string) string {
		t.Helper()
		stdout, stderr, err := g.command(t, path, args)
		if err != nil {
			t.Fatalf("ipsec %s: %v, %s", args, err, stderr)
		}
		return stdout
	}
	for _, p := range []string{"192.0.1.0/24", "2001:db8:1::/64"} {
		if _, err := g.East.IP(t.Context(), "route", "add", "blackhole", p, "metric", "1024"); err != nil {
			t.Fatal(err)
		}
	}
	attach := "tncfg --attach --virtual ipsec0 --physical wan --ingress lan"
	run(older, attach)
	g.route(t)
	run(older, "eroute --add --src 192.0.2.0/24 --dst 192.0.1.0/24 --said %drop")
	run(older, "eroute --add --src 2001:db8:2::/64 --dst 2001:db8:1::/64 --said %hold")
	listing := run(older, "eroute")
	before := g.traces(t)
	var old string
	lines, config := filepath.Join(t.TempDir(), "lines"), filepath.Join(t.TempDir(), "config")
	saved := filepath.Join(t.TempDir(), "saved")
	for name, text := range map[string]string{
		lines: "--add --src 10.0.0.0/8 --dst 10.0.0.0/8 --said %pass\n", config: fmt.Sprintf("table = %q\n", lines),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := "--src 10.0.0.0/8 --dst 10.0.0.0/8"
	for _, args := range []string{
		"eroute", "eroute --json", "eroute --eraf inet", "eroute --stats", "eroute --stats --json", "eroute --metrics -", "eroute --sync",
		"eroute --limit 10", "eroute --clear", "eroute --clear --check", "eroute --del " + to,
		"eroute --add " + to + " --said %pass", "eroute --add " + to + " --said %pass --check", "eroute --replace " + to + " --said %pass",
		"eroute --batch " + lines, "eroute --batch " + lines + " --check", "eroute --save -", "eroute --save " + saved,
		"eroute --restore " + lines, "eroute --restore " + lines + " --check", "eroute --watch", "eroute --watch --json",
		"eroute --lookup --src 10.0.0.1 --dst 10.0.0.2", "eroute --lookup --src 10.0.0.1 --dst 10.0.0.2 --explain", "monitor", "monitor --json",
		"tncfg", "tncfg --json", "tncfg --clear", "tncfg --upgrade", "tncfg --attach --virtual ipsec1 --physical wan",
		"tncfg --detach --virtual ipsec0", "tncfg --config " + config, "acquire", "acquire --metrics 127.0.0.1:0",
	} {
		stdout, stderr, err := g.command(t, newer, args)
		hint := regexp.MustCompile(`(?:^|\n)ipsec \w+: .*layout v\d+-[0-9a-f]{8}, and this version has ` + layout + `: .*--save.*; then rm -r (/sys/fs/bpf/ipsec/v\d+-[0-9a-f]{8}/\d+)\n$`)
		match := hint.FindStringSubmatch(stderr)
		if err == nil || stdout != "" || match == nil {
			t.Fatalf("ipsec %s: %q, %q, %v", args, stdout, stderr, err)
		}
		old = match[1]
	}
	// The doctor reports it among other findings.
	if stdout, _, err := g.command(t, newer, "doctor"); err == nil || !strings.Contains(stdout, "this version has "+layout) || !strings.Contains(stdout, old) {
		t.Errorf("ipsec doctor: %q, %v", stdout, err)
	}
	if _, err := os.Stat(saved); err == nil {
		t.Error("--save has written a file")
	}
	g.unchanged(t, before)
	if got := run(older, "eroute"); got != listing {
		t.Errorf("listing afterwards: %s", got)
	}

	// The remedy of the message, under traffic.
	wire := g.watchWire(t)
	end := make(chan struct{})
	var floods []<-chan int
	for i, f := range g.families() {
		floods = append(floods, flood(t, g.EastHost, f.eastHost, f.westHost, i, until(end)))
	}
	file := filepath.Join(t.TempDir(), "saved")
	run(older, "eroute --save "+file)
	run(older, "tncfg --clear")
	if err := os.RemoveAll(old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(filepath.Dir(filepath.Dir(old)), layout)) })
	run(newer, "eroute --batch "+file)
	run(newer, attach)
	g.route(t)
	time.Sleep(50 * time.Millisecond)
	close(end)
	sent := 0
	for _, f := range floods {
		sent += <-f
	}
	wire(0)
	if got := regexp.MustCompile(`(?m)^\d+ +`).ReplaceAllString(run(newer, "eroute"), ""); got != regexp.MustCompile(`(?m)^\d+ +`).ReplaceAllString(listing, "") {
		t.Errorf("listing of the new version:\n%s", got)
	}
	t.Logf("%d packets while the table went over, none passed", sent)
	// The older version refuses the newer one's table in turn.
	if _, stderr, err := g.command(t, older, "eroute"); err == nil || !strings.Contains(stderr, "layout "+layout) {
		t.Errorf("the older version: %q, %v", stderr, err)
	}
	run(newer, "tncfg --clear")
	if err := g.apply(); err == nil || !strings.Contains(err.Error(), "layout "+layout) {
		t.Errorf("this version: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(filepath.Dir(filepath.Dir(old)), layout)); err != nil {
		t.Fatal(err)
	}
	if err := g.apply(); err != nil { // for newDetached to remove
		t.Fatal(err)
	}
}
