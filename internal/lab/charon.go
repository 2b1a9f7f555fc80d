// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
)

// Charon is strongSwan's key manager on a gateway, with one connection to the other gateway: IKEv2 with a
// pre-shared key, ESP in tunnel mode between their LANs.
type Charon struct {
	Node, Peer *Node
	Local, Far netip.Prefix // the LANs
	ReqID      uint32       // of the child; 0: charon chooses
	Trap       bool         // start_action = trap: accept ACQUIREs
	Connection string       // additional settings of the connection, one per line
	Child      string       // additional settings of the child

	// Settings are additional lines of strongswan.conf, and Config is the swanctl.conf; "": the settings
	// above.
	Settings, Config string
	daemon
}

// Names of connection and child in swanctl.
const charonConnection = "site"

const strongswanConf = `
charon {
  load = random nonce openssl pem pkcs1 aes sha1 sha2 hmac kdf gcm gmp kernel-netlink socket-default vici
  install_virtual_ip = no
  retransmit_tries = 2
  retransmit_timeout = 2
  filelog { out { path = /dev/stderr
    default = 1
    flush_line = yes } }
}
`

const labSettings = `
charon {
  install_routes = no
}
`

const swanctlConf = `
connections { site {
  version = 2
  %s
  local_addrs = %s
  remote_addrs = %s
  proposals = aes128-sha256-x25519
  local { auth = psk
    id = %s }
  remote { auth = psk
    id = %s }
  children { site {
    local_ts = %s
    remote_ts = %s
    esp_proposals = aes128gcm128
    reqid = %d
    start_action = %s
    %s
  } }
} }
secrets { ike { secret = "not a secret in a lab" } }
`

// Start runs charon until Stop, and returns once it has loaded its connection.
func (c *Charon) Start(ctx context.Context) error {
	action := "none"
	if c.Trap {
		action = "trap"
	}
	err := c.prepare(c.Node, "strongswan", map[string]string{
		"strongswan.conf": strongswanConf + cmp.Or(c.Settings, labSettings),
		"swanctl.conf": cmp.Or(c.Config, fmt.Sprintf(swanctlConf, c.Connection, c.Node.WAN4, c.Peer.WAN4, c.Node.Name, c.Peer.Name,
			c.Local, c.Far, c.ReqID, action, c.Child)),
	})
	if err != nil {
		return err
	}
	c.env = []string{"STRONGSWAN_CONF=" + filepath.Join(c.dir, "strongswan.conf")}
	return c.run(ctx, "exec /usr/lib/ipsec/charon", func() error {
		return c.swanctl(ctx, "--load-all", "--file", filepath.Join(c.dir, "swanctl.conf"))
	})
}

// Swanctl is a shell script that works like swanctl(8) on a gateway with this charon.
func (c *Charon) Swanctl() string {
	return fmt.Sprintf("#!/bin/sh\nexec env %s nsenter -t %d -m -n /usr/sbin/swanctl \"$@\" --file %s\n",
		c.env[0], c.cmd.Process.Pid, filepath.Join(c.dir, "swanctl.conf"))
}

func (c *Charon) swanctl(ctx context.Context, args ...string) error {
	_, err := c.control(ctx, append([]string{"/usr/sbin/swanctl"}, args...)...)
	return err
}

// Rekey replaces the current SA by a new one.
func (c *Charon) Rekey(ctx context.Context) error {
	return c.swanctl(ctx, "--rekey", "--child", charonConnection)
}

// Reauthenticate ends the connection and its SAs, and establishes it again.
func (c *Charon) Reauthenticate(ctx context.Context) error {
	return c.swanctl(ctx, "--rekey", "--ike", charonConnection, "--reauth")
}

// Terminate ends the connection and its SAs.
func (c *Charon) Terminate(ctx context.Context) error {
	return c.swanctl(ctx, "--terminate", "--ike", charonConnection)
}
