// SPDX-License-Identifier: Apache-2.0

// Command bench measures what the table costs, beside what else could be used, on this
// machine: verdicts by BPF_PROG_TEST_RUN, loading beside ip(8), a single change. Figures
// are medians of interleaved rounds; read the ratios. It needs root.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vishvananda/netns"
)

func main() {
	sizes := flag.String("n", "1000,100000", "sizes of the tables")
	rounds := flag.Int("rounds", 5, "of each measurement")
	output := flag.String("json", "", "also write the figures to this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := parseSizes(*sizes)
	if err == nil {
		err = run(ctx, n, max(*rounds, 1), *output)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func parseSizes(text string) (sizes []int, err error) {
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-n %q: %q is not a size", text, field)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// results is what -json writes.
type results struct {
	Kernel   string        `json:"kernel"`
	CPUs     int           `json:"cpus"`
	Packets  []packetCost  `json:"packets"`
	Programs []programCost `json:"programs"`
	Changes  []changeCost  `json:"changes"`
}

func run(ctx context.Context, sizes []int, rounds int, output string) error {
	runtime.LockOSThread() // network namespaces belong to threads
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("new network namespace (needs root): %w", err)
	}
	defer func() { _ = ns.Close() }()
	all := results{Kernel: release(), CPUs: runtime.NumCPU()}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same packets each time
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Printf("Linux %s, %d CPUs. ns a packet, medians of %d rounds; walk: what the list itself costs.\n", all.Kernel, all.CPUs, rounds)
	_, _ = fmt.Fprintln(w, "table\teroutes\ttraffic\twalk\thash\tlpm\ttries\tverdict\tcounted\tverdict/hash\tcounted/walk\t")
	for _, n := range sizes {
		costs, err := measurePackets(ctx, r, n, rounds, w)
		if err != nil {
			return err
		}
		all.Packets = append(all.Packets, costs...)
	}
	fmt.Println("\nThe whole XDP program, one flow, ns:")
	_, _ = fmt.Fprintln(w, "eroutes\tparse only\tours\tratio\t")
	for _, n := range sizes {
		cost, err := measureProgram(ctx, n, rounds)
		if err != nil {
			return err
		}
		cost.print(w)
		all.Programs = append(all.Programs, cost)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	fmt.Println("\nChanges, ms:")
	_, _ = fmt.Fprintln(w, "eroutes\t--batch\tip -batch\tip/ours\tone --add\tat 1\tratio\t--clear\t")
	for _, n := range sizes {
		cost, err := measureChanges(ctx, n, rounds)
		if err != nil {
			return err
		}
		cost.print(w)
		all.Changes = append(all.Changes, cost)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if output == "" {
		return nil
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(output, append(b, '\n'), 0o644); err != nil { //nolint:gosec // for all to read
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
