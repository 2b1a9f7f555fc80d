// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// hosts resolves names from a map of "network host" to addresses.
type hosts map[string][]netip.Addr

func (h hosts) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	switch host {
	case "broken.example":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	case "wrongfamily.example":
		if network == "ip4" {
			return nil, &net.AddrError{Err: "no suitable address found", Addr: host}
		}
	}
	if addrs, ok := h[network+" "+host]; ok {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

var testHosts = hosts{
	"ip4 gw.example":          addrs("::ffff:192.0.2.1"), // as net.Resolver may return it
	"ip4 both.example":        addrs("192.0.2.2", "192.0.2.2"),
	"ip6 both.example":        addrs("2001:db8::2"),
	"ip6 six.example":         addrs("2001:db8::6"),
	"ip6 wrongfamily.example": addrs("2001:db8::7"),
	"ip4 many.example":        addrs("192.0.2.9", "192.0.2.8"),
	"ip6 many6.example":       addrs("2001:db8::9", "2001:db8::8"),
	"ip4 spread.example":      addrs("192.0.2.9", "198.51.100.9"),
	"ip6 zoned.example":       addrs("fe80::1%eth0"),
	"ip4 3com.example.":       addrs("192.0.2.3"),
	"ip4 net_1":               addrs("192.0.2.11"),
}

// checkRefused checks that an error is one line that names the value and the reason.
func checkRefused(t *testing.T, err error, value, reason string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want an error that contains %q", reason)
	}
	var valueErr *eroute.ValueError
	if !errors.As(err, &valueErr) || valueErr.Value != value {
		t.Errorf("error %q does not name the value %q", err, value)
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("error %q does not contain %q", err, reason)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("error %q is more than one line", err)
	}
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
