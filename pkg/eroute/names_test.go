// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"net"
	"os"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var _ eroute.Resolver = (*net.Resolver)(nil)

func TestSystemNames(t *testing.T) {
	_, missing := os.Stat("/etc/protocols")
	proto, err := eroute.ParseProtocol("tcp", eroute.SystemNames())
	if (err != nil) != (missing != nil) || err == nil && proto != eroute.ProtoTCP {
		t.Errorf("tcp is %d, %v; /etc/protocols: %v", proto, err, missing)
	}
	_, missing = os.Stat("/etc/services")
	port, err := eroute.ParsePort("ssh", eroute.ProtoTCP, eroute.SystemNames())
	if (err != nil) != (missing != nil) || err == nil && port != 22 {
		t.Errorf("ssh is %d, %v; /etc/services: %v", port, err, missing)
	}
}
