// SPDX-License-Identifier: Apache-2.0

//go:build vm

package xfrm

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const (
	v4 = "src 192.0.2.1 dst 192.0.2.2 "
	v6 = "src 2001:db8::1 dst 2001:db8::2 "

	gcm  = " aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
	cbc  = " enc cbc(aes) 0x000102030405060708090a0b0c0d0e0f auth-trunc hmac(sha256) 0x000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f 96"
	cmac = " auth-trunc cmac(aes) 0x000102030405060708090a0b0c0d0e0f 96"
)

// volatile matches the lines of ip-xfrm(8) that change by themselves.
var volatile = regexp.MustCompile(`(?m)^\s*(lastused|add .* use ).*\n`)

// showState returns the state without its if_id, and its if_id.
func showState(t *testing.T) (text, ifID string) {
	t.Helper()
	var rest []string
	for line := range strings.Lines(ip(t, "-s xfrm state list proto esp") + ip(t, "-s xfrm state list proto ah") + ip(t, "-s xfrm state list proto comp")) {
		if after, ok := strings.CutPrefix(strings.TrimSpace(line), "if_id "); ok {
			ifID = after
			continue
		}
		rest = append(rest, line)
	}
	return volatile.ReplaceAllString(strings.Join(rest, ""), ""), ifID
}

// packets returns the number of packets that the state has processed.
func packets(t *testing.T, h *Handle, said eroute.SAID) uint64 {
	t.Helper()
	m, err := h.find(said)
	if err != nil {
		t.Fatal(err)
	}
	return m.info.Curlft.Packets
}

// setUpPath creates a link to the peer and an XFRM interface with the test's if_id.
func setUpPath(t *testing.T) {
	t.Helper()
	ipBatch(t, []string{
		"link add wan type dummy",
		"link set lo up",
		"link set wan up",
		"addr add 192.0.2.1/24 dev wan",
		"addr add 192.0.2.77/24 dev wan",
		"addr add 2001:db8::1/64 dev wan nodad",
		"neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev wan",
		"neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev wan",
		fmt.Sprintf("link add x0 type xfrm dev wan if_id %#x", testIfID),
		"link set x0 addrgenmode none multicast off", // sends no packets of its own, which the state would count
		"addr add 10.1.1.1/32 dev x0",
		"addr add 2001:db8:1::1/128 dev x0 nodad",
		"link set x0 up",
		"route add 10.9.9.0/24 dev x0 src 10.1.1.1",
		"route add 2001:db8:9::/64 dev x0 src 2001:db8:1::1",
	})
}

// ipBatch runs ip(8) once for many commands.
func ipBatch(t *testing.T, commands []string) {
	t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip -batch: %v\n%s", err, out)
	}
}

// send sends n UDP packets.
func send(t *testing.T, to string, n int) {
	t.Helper()
	conn, err := net.Dial("udp", net.JoinHostPort(to, "9"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range n {
		if _, err := conn.Write([]byte("packet")); err != nil {
			t.Errorf("send packet %d to %s: %v", i, to, err)
		}
	}
}
