// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/docblocks"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// reader executes a document on the nodes of a lab, in its own directory, with the ipsec command built by
// make build.
type reader struct {
	bench
	dir    string
	blocks []docblocks.Block
	output string // of the last commands
}

func newReader(t *testing.T, name string) *reader {
	t.Helper()
	blocks, err := docblocks.Blocks(name)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{bench: newLab(t), dir: t.TempDir(), blocks: blocks}
	if err := os.Symlink(testenv.Prebuilt(t), filepath.Join(r.dir, "ipsec")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.write(t, func(table *maps.Table) error {
			err := detach(table)
			if err != nil && strings.Contains(err.Error(), "not attached") {
				err = nil
			}
			return errors.Join(err, table.Dir().Remove())
		})
	})
	return r
}

// file returns the text of the block for a file.
func (r *reader) file(t *testing.T, words ...string) string {
	t.Helper()
	i := slices.IndexFunc(r.blocks, func(b docblocks.Block) bool { return b.Language == "conf" && slices.Equal(b.Words, words) })
	if i < 0 {
		t.Fatalf("no block for %q", words)
	}
	return r.blocks[i].Text
}

// put adds a command to the search path of one node.
func (r *reader) put(t *testing.T, node *lab.Node, name, script string) {
	t.Helper()
	dir := filepath.Join(r.dir, node.Name)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700)); err != nil {
		t.Fatal(err)
	}
}

// do runs the commands of a block on a node: each must succeed.
func (r *reader) do(t *testing.T, node *lab.Node, b docblocks.Block) {
	t.Helper()
	ctx := t.Context()
	cmd := node.Command(ctx, "sh", "-euxc", b.Text)
	if slices.Contains(b.Words, "background") {
		cmd = node.Command(context.Background(), "sh", "-euxc", b.Text)
	}
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(r.dir, node.Name)+":"+r.dir+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if !slices.Contains(b.Words, "background") {
		err := cmd.Run()
		t.Logf("line %d, on %s:\n%s%s", b.Line, node.Name, &stderr, &stdout)
		if err != nil {
			t.Fatal(err)
		}
		r.output = stdout.String()
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		t.Logf("line %d, in the background:\n%s", b.Line, &stderr)
	})
	for ctx := within(t, 30*time.Second); !r.stats(t).Relay; time.Sleep(50 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("no relay after 30 s")
		}
	}
}

// spi matches the SPIs, which differ from run to run.
var spi = regexp.MustCompile(`0x[0-9a-f]{8}@`)

// shows checks that the last commands have printed the content of a block, with any SPIs.
func (r *reader) shows(t *testing.T, b docblocks.Block) {
	t.Helper()
	same := func(s string) string { return spi.ReplaceAllString(s, "0xSPI@") }
	if same(r.output) != same(b.Text) {
		t.Errorf("line %d says\n%sbut it is\n%s", b.Line, b.Text, r.output)
	}
}

// The files and commands of the tutorial, in its order, establish a tunnel. No packet between the sites is in
// clear.
func TestTutorial(t *testing.T) {
	r := newReader(t, "tutorial.md")
	r.runCharons(t, r.file(t, "west", "/etc/swanctl/conf.d/site.conf"))
	frames := r.followAll(t)
	if n := frames.Count(lab.Match{Proto: layers.IPProtocolESP}); n < 6 {
		t.Errorf("%d ESP packets for 3 pings and their answers", n)
	}
	for _, clear := range []lab.Match{{Src: lab.EastLAN4, Dst: lab.WestLAN4}, {Src: lab.WestLAN4, Dst: lab.EastLAN4}} {
		if n := frames.Count(clear); n != 0 {
			t.Errorf("%d packets in clear", n)
		}
	}
}

// The same for a gateway that has a key manager already, whose policies the table follows. Translated packets do not
// leave in clear either.
func TestExistingGateway(t *testing.T) {
	blocks, err := docblocks.Blocks("tutorial.md") // has the other end's configuration
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t, "existing-gateway.md")
	r.runCharons(t, (&reader{blocks: blocks}).file(t, "west", "/etc/swanctl/conf.d/site.conf"))
	frames := r.followAll(t)
	if n := frames.Count(lab.Match{Proto: layers.IPProtocolESP}); n < 12 {
		t.Errorf("%d ESP packets for 6 pings and their answers", n)
	}
	if n := frames.Count(lab.Match{Proto: layers.IPProtocolICMPv4}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// runCharons runs strongSwan with the document's configuration on East, and another one on West.
func (r *reader) runCharons(t *testing.T, west string) {
	t.Helper()
	for _, charon := range []*lab.Charon{
		{Node: r.West, Peer: r.East, Config: west},
		{Node: r.East, Peer: r.West, Config: r.file(t, "east", "/etc/swanctl/conf.d/site.conf"), Settings: "\n"},
	} {
		run(t, charon)
		r.put(t, charon.Node, "swanctl", charon.Swanctl())
	}
}

// followAll executes the document, and returns the frames on the wire until its end.
func (r *reader) followAll(t *testing.T) lab.Frames {
	t.Helper()
	nodes := map[string]*lab.Node{"east": r.East, "west": r.West, "easthost": r.EastHost}
	stop := r.wire(t)
	for _, b := range r.blocks {
		switch b.Language {
		case "sh":
			r.do(t, nodes[b.Words[0]], b)
		case "output":
			r.shows(t, b)
		}
	}
	return stop()
}

// crosses checks that pings cross as ESP and not in clear.
func (r *reader) crosses(t *testing.T) {
	t.Helper()
	stop := r.wire(t)
	res, err := r.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: r.WestHost.LAN4, Count: 3})
	if err != nil || res.Received != 3 {
		t.Errorf("%d of 3 pings were answered (%v)", res.Received, err)
	}
	checkOnly(t, stop(), layers.IPProtocolESP)
}

// The migration guide's replacement for a KLIPS script establishes a tunnel; so do the policies of ip-xfrm(8)
// that it then starts from, and, step by step, the eroutes converted from them.
func TestMigration(t *testing.T) {
	const tmpl = " tmpl src 192.1.2.45 dst 192.1.2.23 proto esp reqid 1 mode tunnel"
	west := func(r *reader, states docblocks.Block) {
		t.Helper()
		var both []string // states are the same on both ends
		for line := range strings.Lines(states.Text) {
			if strings.HasPrefix(line, "ip xfrm state ") {
				both = append(both, line)
			}
		}
		states.Text = strings.Join(both, "")
		r.do(t, r.West, states)
		ip(t, r.West, "xfrm policy add src 192.0.1.0/24 dst 192.0.2.0/24 dir out"+tmpl)
		for _, dir := range []string{"in", "fwd"} {
			ip(t, r.West, "xfrm policy add src 192.0.2.0/24 dst 192.0.1.0/24 dir "+dir+" tmpl src 192.1.2.23 dst 192.1.2.45 proto esp reqid 1 mode tunnel")
		}
	}
	r := newReader(t, "migration.md")
	klips := r.blocks[0]
	west(r, klips)
	r.do(t, r.East, klips)
	r.crosses(t)

	r = newReader(t, "migration.md")
	west(r, klips)
	before := klips
	before.Text = before.Text[:strings.Index(before.Text, "ipsec tncfg")] +
		"ip xfrm policy add src 192.0.2.0/24 dst 192.0.1.0/24 dir out tmpl src 192.1.2.23 dst 192.1.2.45 proto esp reqid 1 mode tunnel\n"
	r.do(t, r.East, before)
	r.crosses(t)
	for _, b := range r.blocks[1:] {
		r.do(t, r.East, b)
		r.crosses(t)
	}
	if got := r.eroute(t, nets(lab.EastLAN4, lab.WestLAN4)); got.SAID.String() != "tun0x1000@192.1.2.45" || got.Packets != 3 {
		t.Errorf("eroute %v", got)
	}
}
