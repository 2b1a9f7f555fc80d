// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// addNullSA gives East an SA to West with the null cipher, so that no cipher hides the other costs.
func (g *gateway) addNullSA(ctx context.Context, options ...string) error {
	args := append(strings.Fields(fmt.Sprintf("xfrm state add src %s dst %s proto esp spi 0x%x mode tunnel", g.East.WAN4, g.West.WAN4, firstSPI)),
		"auth", "digest_null", "", "enc", "cipher_null", "")
	_, err := g.East.IP(ctx, append(args, options...)...)
	return err
}

// outPolicies gives East n policies to the null SA.
func outPolicies(ctx context.Context, g *gateway, n int) error {
	if err := g.addNullSA(ctx); err != nil {
		return err
	}
	return g.addPolicies(ctx, countedSelectors(n), g.nullTemplate())
}

// followed attaches ipsec0 to wan with --follow, and gives East n policies to the null SA.
func followed(ctx context.Context, g *gateway, n int) error {
	table, err := g.attach(ctx, device.Config{Physical: lab.WAN, Follow: true})
	if err != nil {
		return err
	}
	if err := outPolicies(ctx, g, n); err != nil {
		return err
	}
	return g.East.Do(func() error {
		f, err := table.FollowPolicies(ctx)
		if err == nil && (f.Changes.Len() != n || len(f.Left) > 0) {
			err = fmt.Errorf("%d of %d policies are followed", f.Changes.Len(), n)
		}
		return err
	})
}

// nullTemplate is the end of an out policy to the null SA.
func (g *gateway) nullTemplate() string {
	return fmt.Sprintf("dir out tmpl src %s dst %s proto esp spi 0x%x mode tunnel", g.East.WAN4, g.West.WAN4, firstSPI)
}

// withESPOffload loads the module esp4_offload first, as attach does. The kernel then divides large TCP segments only
// when it encrypts them, and executes more instructions for each packet of an SA.
func withESPOffload(prepare preparation) preparation {
	return func(ctx context.Context, g *gateway, n int) error {
		if _, err := xfrm.LoadESPOffload(); err != nil {
			return err
		}
		return prepare(ctx, g, n)
	}
}

// both prepares a gateway in two steps.
func both(first, second preparation) preparation {
	return func(ctx context.Context, g *gateway, n int) error {
		if err := first(ctx, g, n); err != nil {
			return err
		}
		return second(ctx, g, n)
	}
}

// xfrmInterface routes the packets into an XFRM interface with one policy for everything.
func xfrmInterface(ctx context.Context, g *gateway, _ int) error {
	if err := g.addNullSA(ctx, "if_id", "7"); err != nil {
		return err
	}
	for _, args := range []string{
		"xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 " + g.nullTemplate() + " if_id 7",
		"link add xfrm0 type xfrm dev wan if_id 7",
		"link set xfrm0 up",
		"route add 64.0.0.0/2 dev xfrm0",
	} {
		if _, err := g.East.IP(ctx, strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}
