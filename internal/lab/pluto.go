// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// Pluto is libreswan's key manager on a gateway, with one connection to the other gateway: IKEv2 with a
// pre-shared key, ESP in tunnel mode between their LANs.
type Pluto struct {
	Node, Peer *Node
	Local, Far netip.Prefix // the LANs
	Trap       bool         // auto=ondemand: accept ACQUIREs
	Updown     bool         // run libreswan's own script when the connection goes up and down: it changes routes
	daemon
}

const (
	plutoConnection = "site" // the name of the connection

	noUpdown = "leftupdown=" // pluto must not change routes, such as the one into the ipsec device

	ipsecConf = `
config setup
	dnssec-enable=no

conn site
	ikev2=insist
	authby=secret
	left=%s
	leftid=@%s
	leftsubnet=%s
	%s
	right=%s
	rightid=@%s
	rightsubnet=%s
	ike=aes128-sha2_256-dh31
	esp=aes_gcm128-null
	retransmit-timeout=4s
	auto=ignore
`
	ipsecSecrets = "@%s @%s : PSK \"not a secret in a lab, but long enough\"\n"

	startPluto = `certutil -N -d sql:"$2" --empty-password &&
exec /usr/libexec/ipsec/pluto --nofork --stderrlog --config "$2/ipsec.conf" --secretsfile "$2/ipsec.secrets" --nssdir "$2" --rundir "$2"`
)

// Start runs pluto until Stop, and returns once it has loaded its connection.
func (p *Pluto) Start(ctx context.Context) error {
	updown := noUpdown
	if p.Updown {
		updown = ""
	}
	err := p.prepare(p.Node, "libreswan", map[string]string{
		"ipsec.conf": fmt.Sprintf(ipsecConf, p.Node.WAN4, p.Node.Name, p.Local, updown,
			p.Peer.WAN4, p.Peer.Name, p.Far),
		"ipsec.secrets": fmt.Sprintf(ipsecSecrets, p.Node.Name, p.Peer.Name),
	})
	if err != nil {
		return err
	}
	err = p.run(ctx, startPluto, func() error { return p.whack(ctx, "--listen") })
	if err != nil {
		return err
	}
	_, err = p.control(ctx, "/usr/libexec/ipsec/addconn",
		"--ctlsocket", p.socket(), "--config", filepath.Join(p.dir, "ipsec.conf"), plutoConnection)
	if err == nil && p.Trap {
		err = p.whack(ctx, "--route", "--name", plutoConnection)
	}
	return err
}

func (p *Pluto) socket() string { return filepath.Join(p.dir, "pluto.ctl") }

func (p *Pluto) whack(ctx context.Context, args ...string) error {
	_, err := p.control(ctx, append([]string{"/usr/libexec/ipsec/whack", "--ctlsocket", p.socket()}, args...)...)
	return err
}

// Rekey replaces the current SA by a new one.
func (p *Pluto) Rekey(ctx context.Context) error {
	err := p.whack(ctx, "--rekey-child", "--name", plutoConnection)
	if err != nil && strings.Contains(err.Error(), "unrecognized option") { // its name before libreswan 5
		err = p.whack(ctx, "--rekey-ipsec", "--name", plutoConnection)
	}
	return err
}

// Terminate ends the connection and its SAs.
func (p *Pluto) Terminate(ctx context.Context) error {
	return p.whack(ctx, "--terminate", "--name", plutoConnection)
}
