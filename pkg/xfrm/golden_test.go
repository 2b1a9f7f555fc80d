// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the golden requests in testdata")

// readHex reads a message from testdata: hexadecimal digits, and comments that begin with #.
func readHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// writeHex is the inverse of readHex.
func writeHex(t testing.TB, name, comment string, b []byte) {
	t.Helper()
	text := "# " + comment + "\n"
	for i := 0; i < len(b); i += 16 {
		line := ""
		for j := i; j < min(i+16, len(b)); j += 4 {
			line += fmt.Sprintf("%x ", b[j:min(j+4, len(b))])
		}
		text += strings.TrimSpace(line) + "\n"
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".hex"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGoldenRequests compares the bytes of every request, little-endian, after the netlink header.
func TestGoldenRequests(t *testing.T) {
	updated, err := updateState(readHex(t, "state-esp-used"), 0x65000008)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseState(readHex(t, "state-esp"))
	if err != nil {
		t.Fatal(err)
	}
	s := m.State
	v6 := StateKey{unix.IPPROTO_AH, 0x80000135, netip.MustParseAddr("2001:db8::2")}
	for _, golden := range []struct {
		name    string
		msgType uint16
		request request
	}{
		{"updsa", nl.XFRM_MSG_UPDSA, updated},
		{"getsa-v4", nl.XFRM_MSG_GETSA, getState(s.StateKey)},
		{"getsa-v6", nl.XFRM_MSG_GETSA, getState(v6)},
		{"getsa-filter", nl.XFRM_MSG_GETSA, dumpStatesTo(v6.Dst)},
		{"updpolicy-v4", nl.XFRM_MSG_UPDPOLICY, pinned(s, testIfID, IPv4).message(nl.XFRM_MSG_UPDPOLICY)},
		{"updpolicy-v6", nl.XFRM_MSG_UPDPOLICY, pinned(s, testIfID, IPv6).message(nl.XFRM_MSG_UPDPOLICY)},
		{"newpolicy-dev", nl.XFRM_MSG_NEWPOLICY, allow(9, IPv6).message(nl.XFRM_MSG_NEWPOLICY)},
		{"getpolicy", nl.XFRM_MSG_GETPOLICY, pinned(s, testIfID, IPv4).policyID.message(nl.XFRM_MSG_GETPOLICY)},
		{"delpolicy", nl.XFRM_MSG_DELPOLICY, pinned(s, testIfID, IPv6).policyID.message(nl.XFRM_MSG_DELPOLICY)},
		{"delpolicy-dev", nl.XFRM_MSG_DELPOLICY, allow(9, IPv4).policyID.message(nl.XFRM_MSG_DELPOLICY)},
		{"acquire-v4", nl.XFRM_MSG_ACQUIRE, acquire4.message()},
		{"acquire-v6", nl.XFRM_MSG_ACQUIRE, acquire6.message()},
		{"newsa-probe", nl.XFRM_MSG_NEWSA, probeState(unix.IPPROTO_ESP, IPv4)},
		{"newsa-probe-ah", nl.XFRM_MSG_NEWSA, probeState(unix.IPPROTO_AH, IPv6)},
		{"newsa-probe-comp", nl.XFRM_MSG_NEWSA, probeState(unix.IPPROTO_COMP, IPv4)},
	} {
		if golden.request.msgType != golden.msgType {
			t.Errorf("%s: message type %#x, want %#x", golden.name, golden.request.msgType, golden.msgType)
		}
		name := "request-" + golden.name
		if *update {
			writeHex(t, name, fmt.Sprintf("message type %#x", golden.msgType), golden.request.payload)
		}
		if diff := cmp.Diff(readHex(t, name), golden.request.payload); diff != "" {
			t.Errorf("%s:\n%s", golden.name, diff)
		}
	}
}

// TestParsePolicy checks that our policies, as the kernel returns them, equal those that we install, so that a
// second Bind changes nothing.
func TestParsePolicy(t *testing.T) {
	m, err := parseState(readHex(t, "state-esp"))
	if err != nil {
		t.Fatal(err)
	}
	s := m.State
	for name, family := range map[string]Families{"policy-v4": IPv4, "policy-v6": IPv6} {
		m, err := parsePolicy(readHex(t, name))
		if err != nil || !m.isOut() || m.policy() != pinned(s, testIfID, family) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}
