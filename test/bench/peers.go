// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// policyLimit is the maximum number of selectors for an alternative: more take minutes.
const policyLimit = 100000

// errRefused means that an alternative is not available or refuses its configuration.
var errRefused = errors.New("refused")

// addPolicies gives East's kernel an XFRM policy for each selector.
func (g *gateway) addPolicies(ctx context.Context, selectors []eroute.Selector, rest string) error {
	return g.batch(ctx, len(selectors), func(i int) string {
		return fmt.Sprintf("xfrm policy add src %s dst %s %s", selectors[i].Src, selectors[i].Dst, rest)
	})
}

// batch makes ip(8) execute n lines on East.
func (g *gateway) batch(ctx context.Context, n int, line func(i int) string) error {
	return withLines(func(w io.Writer) {
		for i := range n {
			_, _ = fmt.Fprintln(w, line(i))
		}
	}, func(file string) error {
		_, err := g.East.IP(ctx, "-batch", file)
		return err
	})
}

// addRuleset makes nftables drop packets that match a set of the selectors' addresses on input. The selectors
// are those of hosts, IPv4.
func (g *gateway) addRuleset(ctx context.Context, selectors []eroute.Selector, flags string) error {
	if _, err := exec.LookPath("nft"); err != nil {
		return fmt.Errorf("%w: nft is not there (make setup-bench installs it)", errRefused)
	}
	return withLines(func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "table netdev bench {\nset eroutes {\ntype ipv4_addr . ipv4_addr; %s\nelements = {\n", flags)
		for _, s := range selectors {
			_, _ = fmt.Fprintf(w, "%s . %s,\n", s.Src.Addr(), s.Dst.Addr())
		}
		_, _ = fmt.Fprintf(w, "}\n}\nchain in {\ntype filter hook ingress device %s priority 0;\nip saddr . ip daddr @eroutes drop\n}\n}\n", lab.LAN)
	}, func(file string) error {
		out, err := g.East.Command(ctx, "nft", "-f", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: nft -f: %w: %.80s", errRefused, err, out)
		}
		return nil
	})
}

// withLines calls use with a file of write's output.
func withLines(write func(io.Writer), use func(file string) error) (err error) {
	f, err := os.CreateTemp("", "eroute-bench-")
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	w := bufio.NewWriter(f)
	write(w)
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return use(f.Name())
}
