// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/internal/etcd"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

// Addresses: a gateway sends packets to protectedHost, which is behind the hub, through the interface that it watches.
const (
	protectedNet  = "10.2.0.0/16"
	protectedHost = "10.2.0.1"
	protected     = protectedHost + ":9999"
	sendInterval  = 10 * time.Millisecond
)

// gateway is an agent in a network namespace.
type gateway struct {
	d      *fleetDrill
	name   string // also of the namespace and of its interface in the sandbox
	ring   string
	cmd    *exec.Cmd
	log    *os.File
	socket net.Conn
	cause  uint64 // version of the table when it last changed for a reason
}

// newGateway makes a namespace with a link, and starts the agent.
func (d *fleetDrill) newGateway(n int, ring string) (*gateway, error) {
	g := &gateway{d: d, name: fmt.Sprint("gw", n), ring: ring}
	address := fmt.Sprint("10.77.1.", n)
	script := fmt.Sprintf(`ip netns add %[1]s
ip link add %[1]s up type veth peer name eth0 netns %[1]s
ip address add %[3]s peer %[2]s dev %[1]s
ip -n %[1]s address add %[2]s peer %[3]s dev eth0
ip -n %[1]s link set lo up
ip -n %[1]s link set eth0 up
ip -n %[1]s route add %[4]s via %[3]s
ip netns exec %[1]s %[5]s/ipsec tncfg --attach --virtual ipsec0 --physical eth0
`, g.name, address, hub, protectedNet, d.bin)
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make gateway %s: %w: %s", g.name, err, out)
	}
	settings := fmt.Sprintf("endpoints = [\"%s\"]\n%skeys = %q\n[gateway]\nname = %q\nring = %q\nstate = %q\nconfirm = 10\nipsec = %q\n",
		strings.Join(endpoints(), `", "`), etcd.Certificates(d.dir).Settings("gateway"), d.file("keys.pem"), g.name, ring, d.file(g.name), filepath.Join(d.bin, "ipsec"))
	if err := os.WriteFile(d.file(g.name+".toml"), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	var err error
	if g.log, err = os.Create(d.file(g.name + ".log")); err != nil {
		return nil, err
	}
	err = g.do(func() (err error) {
		g.socket, err = net.Dial("udp", protected)
		return err
	})
	if err != nil {
		return nil, err
	}
	go g.send()
	return g, g.start()
}

// start starts the agent.
func (g *gateway) start() error {
	g.cmd = exec.Command("ip", "netns", "exec", g.name, filepath.Join(g.d.bin, "ipsec-fleet"), "agent", "--config", g.d.file(g.name+".toml"))
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	return g.cmd.Start()
}

// stop ends the agent.
func (g *gateway) stop(s syscall.Signal) error {
	if err := g.cmd.Process.Signal(s); err != nil {
		return err
	}
	if err := g.cmd.Wait(); err != nil && s == syscall.SIGTERM {
		return fmt.Errorf("agent of %s: %w", g.name, err)
	}
	return nil
}

// setLink connects the gateway, or cuts it off.
func (g *gateway) setLink(state string) error {
	out, err := exec.Command("ip", "link", "set", g.name, state).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip link set %s %s: %w: %s", g.name, state, err, out)
	}
	return nil
}

// do calls f in the gateway's namespace.
func (g *gateway) do(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		ns, err := netns.GetFromName(g.name)
		if err == nil {
			err = netns.Set(ns)
			_ = ns.Close()
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

// version returns the version of the table, which grows with each change.
func (g *gateway) version() (v uint64, err error) {
	err = g.do(func() error {
		t, err := table.OpenRead()
		if err != nil {
			return err
		}
		v = t.Version()
		return t.Close()
	})
	return v, err
}

// saved returns the table as text.
func (g *gateway) saved(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", g.name, filepath.Join(g.d.bin, "ipsec"), "eroute", "--save", "-")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: ipsec eroute --save: %w: %s", g.name, err, &errs)
	}
	return out.String(), nil
}

// send sends packets until the drill ends. While the link is down, that fails.
func (g *gateway) send() {
	for range time.Tick(sendInterval) {
		_, _ = g.socket.Write([]byte(g.name))
	}
}

// clearText counts the packets to the protected host that arrive, each in clear.
type clearText struct{ socket net.PacketConn }

func newClearText() (*clearText, error) {
	c, err := net.ListenPacket("udp", protected)
	return &clearText{c}, err
}

// count returns the number of packets that have arrived since it was called last.
func (c *clearText) count() (n int, err error) {
	buffer := make([]byte, 64)
	for {
		if err := c.socket.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return n, err
		}
		if _, _, err := c.socket.ReadFrom(buffer); os.IsTimeout(err) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}
