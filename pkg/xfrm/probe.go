// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ESPAvailable reports whether the kernel supports ESP states over IPv4.
func ESPAvailable() (bool, error) { return Available(unix.IPPROTO_ESP, IPv4) }

// Available reports whether the kernel supports states of a protocol (ESP, AH or IPComp) over a family. It
// creates one in a temporary network namespace, for which the kernel may load modules. It needs CAP_SYS_ADMIN.
func Available(proto uint8, family Families) (bool, error) {
	err := InNewNamespace(func() error { return makeProbe(proto, family) })
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ENOSYS) {
		return false, nil // no XFRM_USER, protocol, family or algorithm
	}
	if err != nil {
		return false, fmt.Errorf("probe %s over %s: %w", ProtocolName(proto), family, err)
	}
	return true, nil
}

// InNewNamespace calls f in a new thread with a temporary network namespace, to test what the kernel supports
// without side effects on the current one.
func InNewNamespace(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread, and so the namespace, ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// makeProbe creates a state in the calling thread's network namespace. It returns an error that wraps
// EPROTONOSUPPORT if the kernel does not support it.
func makeProbe(proto uint8, family Families) error {
	h, err := Open()
	if err != nil {
		return err
	}
	defer h.Close()
	return h.change(probeState(proto, family))
}

// probeEnds are addresses for documentation (RFC 5737, RFC 3849).
var probeEnds = map[Families][2]netip.Addr{
	IPv4: {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
	IPv6: {netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")},
}

// probeState builds the XFRM_MSG_NEWSA of a transport-mode state with an algorithm that the kernel's
// configuration always selects for the protocol.
func probeState(proto uint8, family Families) request {
	ends := probeEnds[family]
	info := nl.XfrmUsersaInfo{
		Sel:    nl.XfrmSelector{Family: family.af()},
		Id:     nl.XfrmId{Daddr: toAddress(ends[1]), Spi: hton32(0x100), Proto: proto},
		Saddr:  toAddress(ends[0]),
		Family: family.af(),
		Lft: nl.XfrmLifetimeCfg{
			SoftByteLimit:   nl.XFRM_INF,
			HardByteLimit:   nl.XFRM_INF,
			SoftPacketLimit: nl.XFRM_INF,
			HardPacketLimit: nl.XFRM_INF,
		},
	}
	b := info.Serialize()
	switch proto {
	case unix.IPPROTO_AH:
		return request{nl.XFRM_MSG_NEWSA, appendAttribute(b, nl.XFRMA_ALG_AUTH, probeAlgorithm("hmac(sha256)", 32))}
	case unix.IPPROTO_COMP:
		return request{nl.XFRM_MSG_NEWSA, appendAttribute(b, nl.XFRMA_ALG_COMP, probeAlgorithm("deflate", 0))}
	}
	const keyLen = 16 + 4 // AES-128 and salt, RFC 4106
	aead := probeAlgorithm("rfc4106(gcm(aes))", keyLen)
	icv := binary.NativeEndian.AppendUint32(nil, 128) // bits
	return request{nl.XFRM_MSG_NEWSA, appendAttribute(b, nl.XFRMA_ALG_AEAD, slices.Insert(aead, 64+4, icv...))}
}

// probeAlgorithm returns a struct xfrm_algo: name, key length in bits, key (all zero).
func probeAlgorithm(name string, keyLen int) []byte {
	b := make([]byte, 64, 64+4+4+keyLen)
	copy(b, name)
	b = binary.NativeEndian.AppendUint32(b, uint32(keyLen)*8)
	return append(b, make([]byte, keyLen)...)
}
