// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// BenchmarkDiff compares two files of EROUTE_TEST_EROUTES eroutes (default 1,000,000) that differ in 1,000, in a
// separate process, and measures time and peak memory.
func BenchmarkDiff(b *testing.B) {
	n := testenv.Count(b, testenv.Eroutes, 1_000_000)
	dir := b.TempDir()
	program, before, after := testenv.Build(b), filepath.Join(dir, "before"), filepath.Join(dir, "after")
	for _, f := range []struct {
		name    string
		changed bool
	}{{before, false}, {after, true}} {
		if err := writeBenchTable(f.name, n, f.changed); err != nil {
			b.Fatal(err)
		}
	}
	memory := int64(0)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program, "eroute", "--diff", before, after, "--json")
		cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		memory = max(memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
		b.ReportMetric(cmd.ProcessState.UserTime().Seconds()+cmd.ProcessState.SystemTime().Seconds(), "cpu-s")
	}
	b.ReportMetric(float64(memory)/(1<<20), "MiB")
}

// benchChanges is the number of eroutes that differ between the tables.
const benchChanges = 1000

// writeBenchTable writes the table of a gateway: networks and hosts as source and destination, short prefixes that
// contain longer ones, some ports, an SA for each.
func writeBenchTable(name string, n int, changed bool) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range n {
		said := fmt.Sprintf("tun%#x@192.0.2.%d", 0x1000+i, 1+i%250)
		end := "--said " + said
		if changed && i%(n/benchChanges) == 0 {
			switch i / (n / benchChanges) % 4 {
			case 0:
				continue
			case 1:
				end = "--said %pass"
			case 2:
				end = "--said tun0x1000@192.0.2.251"
			case 3:
				end = "--said %drop"
			}
		}
		var src, dst string
		switch a, c := byte(i>>12), byte(i>>4); i % 16 {
		case 0:
			src, dst = fmt.Sprintf("10.%d.0.0/16", a), fmt.Sprintf("11.%d.%d.0/24", a, c)
		case 1, 2, 3:
			src, dst = fmt.Sprintf("10.%d.%d.%d/32", a, c, i%16), fmt.Sprintf("12.%d.0.0/16", a)
		case 4:
			src, dst = fmt.Sprintf("10.%d.%d.0/24", a, c), "0.0.0.0/0"
		case 5:
			src, dst = fmt.Sprintf("10.%d.%d.0/24", a, c), fmt.Sprintf("13.%d.%d.0/24 --transport-proto 6 --dst-port 25", a, c)
		case 6, 7:
			src, dst = fmt.Sprintf("2001:db8:%x:%x::/64", a, c), fmt.Sprintf("2001:db9:%x:%x::/64", a, i&0xff)
		default:
			src, dst = fmt.Sprintf("10.%d.%d.0/24", a, c), fmt.Sprintf("14.%d.%d.0/24", a, i&0xff)
		}
		if _, err := fmt.Fprintf(w, "--add --src %s --dst %s %s\n", src, dst, end); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
