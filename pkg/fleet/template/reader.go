// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Reader reads tables in the format of ipsec eroute --save.
type Reader struct {
	Resolver eroute.Resolver
	Names    func() *eroute.Names
	Values   func() (*Values, error) // for lines with variables; nil: there are none
}

// Line is a line of a table.
type Line struct {
	Number  int
	Text    string // the same on all gateways: without names of hosts or services, with variables
	Changes []eroute.Change
}

// errSA refuses an eroute to an SA. %xfrm is permitted where a command wrote it: it names no SA, and packets that no
// policy of a gateway protects drop there. Those that follow policies of XFRM are in no saved table.
var errSA = errors.New("an SA of one gateway: a table of a fleet has %trap, %trapsubnet, %xfrm, %pass, %drop, %reject, %hold and groups")

// Each calls take with each line of a table. name is the option or the object that names it, for errors. It refuses
// eroutes to a single SA: its SPI was chosen for one gateway.
func (r Reader) Each(ctx context.Context, f io.Reader, name string, take func(*Line) error) error {
	common := erouteargs.NewParser(ctx, r.Resolver, r.Names)
	numeric := erouteargs.NewParser(ctx, noHosts{}, noNames)
	var values *Values
	for k := range erouteargs.Chunks(f, name) {
		err := k.Each(func(number int, words []string) (err error) {
			line := &Line{Number: number}
			if !hasVariables(words) {
				c, err := common.BatchLine(words)
				if err != nil {
					return err
				}
				line.Changes = []eroute.Change{c}
				if err := check(line, c); err != nil {
					return err
				}
				line.Text = addLine(c)
				return take(line)
			}
			if values == nil {
				if values, err = r.values(); err != nil {
					return err
				}
			}
			expanded, err := values.expand(words)
			if err != nil {
				return err
			}
			for _, l := range expanded {
				c, err := numeric.BatchLine(l)
				if err == nil {
					err = check(line, c)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", strings.Join(l, " "), err)
				}
				line.Changes = append(line.Changes, c)
			}
			line.Text = strings.Join(words, " ")
			return take(line)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r Reader) values() (*Values, error) {
	if r.Values == nil {
		return &Values{}, nil
	}
	return r.Values()
}

// check refuses a change that a table of a fleet must not contain.
func check(line *Line, c eroute.Change) error {
	if c.Op != eroute.OpAdd {
		b := &erouteargs.Batch{Lines: []uint32{uint32(line.Number)}}
		b.Changes.Append(c)
		return errors.Unwrap(b.NotAdd(0))
	}
	err := c.Validate()
	if err == nil && c.SAID.Action() == eroute.ActionSA && !c.SAID.IsGroup() {
		err = fmt.Errorf("--said value %q: %w", c.SAID, errSA)
	}
	return err
}

// Resolve writes the table of a gateway, and returns its SHA-256 in hexadecimal.
func Resolve(ctx context.Context, w io.Writer, f io.Reader, name string, values func() (*Values, error)) (digest string, err error) {
	h := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(w, h)) // returns an error of w at the end: it is not one of a line
	r := Reader{Resolver: noHosts{}, Names: noNames, Values: values}
	err = r.Each(ctx, f, name, func(l *Line) error {
		for _, c := range l.Changes {
			_, _ = out.WriteString(addLine(c) + "\n")
		}
		return nil
	})
	if err == nil {
		err = out.Flush()
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

func addLine(c eroute.Change) string {
	return erouteargs.AddLine(&eroute.Eroute{Selector: c.Selector, SAID: c.SAID, Acquire: c.Acquire})
}

// noHosts resolves no names of hosts: the answer of a name server is no part of a signed table.
type noHosts struct{}

// LookupNetIP implements [eroute.Resolver].
func (noHosts) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("names of hosts are resolved when a table is published, not in lines with variables")
}

// noNames has no names of protocols and services, which can differ on each gateway.
func noNames() *eroute.Names { return &eroute.Names{} }
