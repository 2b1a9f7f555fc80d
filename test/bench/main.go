// SPDX-License-Identifier: Apache-2.0

// Command bench measures the cost of the table in comparison with alternatives, on this machine. Figures are
// medians of interleaved rounds; read the ratios. It needs root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// options are the command line's options.
type options struct {
	sizes, only, scenarios, vm, vmOnly string
	rounds                             int
	out, from                          string
	profile, guest                     bool
}

func main() {
	var o options
	flag.StringVar(&o.sizes, "n", "1000,100000", "`sizes` of the tables")
	flag.IntVar(&o.rounds, "rounds", 5, "of each measurement")
	flag.StringVar(&o.only, "only", "memory,verdict,program,drop,forward,change,instructions,tcp", "`sections` to measure")
	flag.StringVar(&o.scenarios, "run", "", "of section instructions, measure only plain and the scenarios that match this `regexp`")
	flag.BoolVar(&o.profile, "profile", false, "also print the kernel functions in which these scenarios execute instructions")
	flag.StringVar(&o.vm, "vm", "", "measure in the VM too, with tables of these `sizes`")
	flag.StringVar(&o.vmOnly, "vm-only", "esp,sas", "`sections` to measure in the VM")
	flag.StringVar(&o.out, "out", "", "write results.json and the plots into this `directory`")
	flag.StringVar(&o.from, "from", "", "measure nothing: print and draw what this `file` says")
	flag.BoolVar(&o.guest, "guest", false, "print what the bench on the host reads")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	var set *figures.Set
	var err error
	if o.out != "" { // fail now instead of after half an hour
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return fmt.Errorf("-out %q: %w", o.out, err)
		}
	}
	if o.from != "" {
		set, err = figures.Read(o.from)
	} else {
		set, err = measure(ctx, o)
	}
	if err != nil || o.guest {
		return err
	}
	if err := set.Print(os.Stdout); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	return errors.Join(set.Write(filepath.Join(o.out, "results.json")), set.Draw(o.out))
}

func measure(ctx context.Context, o options) (*figures.Set, error) {
	n, err := parseSizes(o.sizes)
	if err != nil {
		return nil, err
	}
	b := newBench(n, max(o.rounds, 1))
	b.guest, b.profile = o.guest, o.profile
	if b.scenarios, err = regexp.Compile(o.scenarios); err != nil {
		return nil, fmt.Errorf("-run %q: %w", o.scenarios, err)
	}
	if err := b.measure(ctx, strings.Split(o.only, ",")); err != nil {
		return nil, err
	}
	if o.guest {
		return nil, b.printForHost()
	}
	if o.vm != "" {
		if err := b.inVM(ctx, vm.Guest{}, o.vmOnly, "-n", o.vm); err != nil {
			return nil, err
		}
	}
	return &b.Set, nil
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
