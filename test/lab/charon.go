// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Charon is strongSwan's key manager on a gateway, with one connection to the other
// gateway: IKEv2 with a secret that both know, ESP in tunnel mode between their LANs.
type Charon struct {
	Node, Peer *Node
	Local, Far netip.Prefix // the LANs
	ReqID      uint32       // of the child; 0: charon chooses
	Trap       bool         // start_action = trap: take ACQUIREs
	dir        string
	strongswan string
	cmd        *exec.Cmd
	log        bytes.Buffer
	exited     chan struct{}
}

// Names of connection and child in swanctl.
const charonConnection = "site"

const strongswanConf = `
charon {
  load = random nonce openssl pem pkcs1 aes sha1 sha2 hmac kdf gcm gmp kernel-netlink socket-default vici
  install_routes = no
  install_virtual_ip = no
  retransmit_tries = 2
  retransmit_timeout = 2
  filelog { out { path = /dev/stderr
    default = 1
    flush_line = yes } }
}
`

const swanctlConf = `
connections { site {
  version = 2
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
  } }
} }
secrets { ike { secret = "not a secret in a lab" } }
`

// Start runs charon until Stop, and returns when it has its connection. What
// scripts/setup.sh has unpacked is laid over /usr/lib for it alone.
func (c *Charon) Start(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("start charon: %w", err)
	}
	c.strongswan = filepath.Join(cache, "ipsec-eroute", "strongswan")
	if c.dir, err = os.MkdirTemp("", "charon-"); err != nil {
		return fmt.Errorf("start charon: %w", err)
	}
	action := "none"
	if c.Trap {
		action = "trap"
	}
	swanctl := fmt.Sprintf(swanctlConf, c.Node.WAN4, c.Peer.WAN4, c.Node.Name, c.Peer.Name, c.Local, c.Far, c.ReqID, action)
	err = errors.Join(
		os.WriteFile(filepath.Join(c.dir, "strongswan.conf"), []byte(strongswanConf), 0o600),
		os.WriteFile(filepath.Join(c.dir, "swanctl.conf"), []byte(swanctl), 0o600),
	)
	if err != nil {
		return fmt.Errorf("configure charon: %w", err)
	}
	// ip netns exec has made a mount namespace of its own.
	script := `mount -t overlay -o lowerdir="$1/usr/lib:/usr/lib" overlay /usr/lib &&
mount -t tmpfs tmpfs /run && exec /usr/lib/ipsec/charon`
	c.cmd = c.Node.Command(context.Background(), "sh", "-c", script, "sh", c.strongswan)
	c.cmd.Env = append(os.Environ(), "STRONGSWAN_CONF="+filepath.Join(c.dir, "strongswan.conf"))
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.WaitDelay = time.Second
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start charon: %w", err)
	}
	c.exited = make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(c.exited) }()
	for {
		_, err := c.Swanctl(ctx, "--load-all", "--file", filepath.Join(c.dir, "swanctl.conf"))
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return errors.Join(fmt.Errorf("charon on %s has ended:\n%s", c.Node.Name, c.log.String()), c.Stop())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("start charon on %s: %w:\n", c.Node.Name, err), c.Stop())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Swanctl runs swanctl for this charon and returns what it prints.
func (c *Charon) Swanctl(ctx context.Context, args ...string) (string, error) {
	pid := strconv.Itoa(c.cmd.Process.Pid)
	enter := append([]string{"-t", pid, "-m", "-n", "env", "STRONGSWAN_CONF=" + filepath.Join(c.dir, "strongswan.conf"),
		filepath.Join(c.strongswan, "usr/sbin/swanctl")}, args...)
	out, err := exec.CommandContext(ctx, "nsenter", enter...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("swanctl %s on %s: %w: %s", strings.Join(args, " "), c.Node.Name, err, out)
	}
	return string(out), nil
}

// Rekey makes a new SA in place of the one there is.
func (c *Charon) Rekey(ctx context.Context) error {
	_, err := c.Swanctl(ctx, "--rekey", "--child", charonConnection)
	return err
}

// Terminate ends the connection and its SAs.
func (c *Charon) Terminate(ctx context.Context) error {
	_, err := c.Swanctl(ctx, "--terminate", "--ike", charonConnection)
	return err
}

// Log returns what charon has written so far; call it after Stop.
func (c *Charon) Log() string { return c.log.String() }

// Stop ends charon, which removes its SAs and policies; a second Stop does nothing.
func (c *Charon) Stop() error {
	if c.cmd == nil || c.cmd.Process == nil {
		return nil
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
	c.cmd = nil
	return os.RemoveAll(c.dir)
}
