// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// runImport implements --import-xfrm: it writes the kernel's outbound policies as a batch, and reports on stderr
// what the batch omits.
func runImport(c *command) error {
	c.note("reading policies and states")
	kernel, err := c.env.policies()
	if err != nil {
		return err
	}
	eroutes, notes := migrate.Eroutes(kernel)
	for i := range eroutes {
		if _, err := fmt.Fprintln(c.out, erouteargs.AddLine(&eroutes[i])); err != nil {
			return err
		}
	}
	for _, note := range notes {
		c.printLine(note)
	}
	return nil
}

// policies reads the XFRM state of the calling thread's network namespace.
func policies() (k migrate.Kernel, err error) {
	h, err := xfrm.Open()
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if k.Policies, err = h.Policies(); err != nil {
		return k, err
	}
	if k.States, err = h.States(); err != nil {
		return k, err
	}
	listeners, err := xfrm.Listeners()
	k.Negotiated = listeners > 0
	return k, err
}
