// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func testParser() *erouteargs.Parser {
	return erouteargs.NewParser(context.Background(), testenv.Hosts, testenv.Names)
}

// FuzzBatchLine checks that a line parses to a change that a table can hold, and that the same words on the
// command line have the same effect.
func FuzzBatchLine(f *testing.F) {
	for _, seed := range []string{
		"--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop",
		"--replace --eraf inet6 --src %default --dst 3049::/16 --af inet6 --edst 3049::1 --spi 0x135 --proto tun",
		"--del --src=gw.example/32 --dst 10/8 --transport-proto tcp --src-port ssh --dst-port 0x16 # comment",
		"--clear", "--add --add", "--lookup", "--label x --clear", "--", "#", "\t\r\v\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := erouteargs.SplitLine(line, nil)
		change, err := testParser().BatchLine(words)
		if err == nil {
			if err := change.Validate(); err != nil {
				t.Fatalf("%q parsed to %+v: %v", line, change, err)
			}
		}
		if strings.Contains(line, "\n") || len(words) == 0 {
			return
		}
		batch, single := newMemory(), newMemory()
		batchStatus, _, batchErr := runMemory(batch, line, "eroute", "--batch", "-")
		if (batchStatus == 0) != (err == nil && change.Op != eroute.OpDel) {
			t.Fatalf("%q: BatchLine says %v, --batch says %d %q", line, err, batchStatus, batchErr)
		}
		if err != nil {
			return
		}
		status, _, stderr := runMemory(single, "", append([]string{"eroute"}, words...)...)
		if status != batchStatus || !cmp.Equal(batch.eroutes.List(), single.eroutes.List(), cmpopts.EquateComparable(eroute.Eroute{})) {
			t.Fatalf("%q: batch %d %q, command line %d %q", line, batchStatus, batchErr, status, stderr)
		}
	})
}

// FuzzBatch checks that a batch is either applied, or refused with a one-line error that names a line; a refused
// one changes nothing.
func FuzzBatch(f *testing.F) {
	f.Add("--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n\n# x\n--clear\n")
	f.Add("--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\r\n--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %pass")
	f.Add("--del --src 10.9.0.0/16 --dst 10.9.0.0/16\n--del --src 10.9.0.0/16 --dst 10.9.0.0/16\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := newMemory()
		if status, _, stderr := runMemory(m, "", "eroute", "--add", "--src", "10.9.0.0/16", "--dst", "10.9.0.0/16", "--said", "%pass"); status != 0 {
			t.Fatal(stderr)
		}
		before := m.eroutes.List()
		args := []string{"eroute", "--batch", "-"}
		status, stdout, stderr := runMemory(m, text, args...)
		if status == 0 {
			if stdout+stderr != "" {
				t.Fatalf("success is not silent: %q %q", stdout, stderr)
			}
			return
		}
		if err := checkRefusal(args, status, stdout, stderr); err != nil {
			t.Fatal(err)
		}
		var line int
		if _, err := fmt.Sscanf(stderr, "ipsec eroute: --batch -: line %d: ", &line); err != nil || line < 1 || line > strings.Count(text, "\n")+1 {
			t.Fatalf("no line of %q named in %q", text, stderr)
		}
		if !cmp.Equal(before, m.eroutes.List(), cmpopts.EquateComparable(eroute.Eroute{})) {
			t.Fatalf("%q was refused but changed the table", text)
		}
	})
}

// FuzzPacketLine checks that a line to look up parses to a possible packet, and is equivalent to the options.
func FuzzPacketLine(f *testing.F) {
	f.Add("10.0.0.1 10.0.0.2 tcp 1024 ssh")
	f.Add("3049::1 gw6.example/128 58")
	f.Add("dual.example 10.0.0.1/32 0 0 0")
	f.Fuzz(func(t *testing.T, line string) {
		words := erouteargs.SplitLine(line, nil)
		packet, err := testParser().PacketLine(words)
		if err != nil {
			return
		}
		if !packet.Src.IsValid() || !packet.Dst.IsValid() || packet.Src.Is4() != packet.Dst.Is4() {
			t.Fatalf("%q parsed to %+v", line, packet)
		}
		args := []string{"eroute", "--lookup", "--debug"}
		for i, word := range words {
			args = append(args, []string{"--src=", "--dst=", "--transport-proto=", "--src-port=", "--dst-port="}[i]+word)
		}
		if status, stdout, stderr := runMemory(newMemory(), "", args...); status != 0 || stdout != "none\n" {
			t.Fatalf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	})
}

// TestBatchLongLine checks that a line that is too long is refused with its number.
func TestBatchLongLine(t *testing.T) {
	text := "--clear\n--clear #" + strings.Repeat("x", erouteargs.MaxLine) + "\n"
	status, _, stderr := runMemory(newMemory(), text, "eroute", "--batch", "-")
	if want := "ipsec eroute: --batch -: line 2: longer than 1048576 bytes\n"; status != 1 || stderr != want {
		t.Errorf("status %d, stderr %q, want %q", status, stderr, want)
	}
}
