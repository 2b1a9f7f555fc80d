// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ESPAvailable tells whether the kernel can make ESP states over IPv4: it makes
// one in a network namespace of its own, which goes away with it. Loads the
// kernel's modules for ESP if need be. Needs CAP_SYS_ADMIN.
func ESPAvailable() (bool, error) {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and with it the namespace.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make network namespace: %w", err)
			return
		}
		done <- makeProbe()
	}()
	err := <-done
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOSYS) {
		return false, nil // no XFRM_USER or no ESP; no cipher for it
	}
	if err != nil {
		return false, fmt.Errorf("probe ESP: %w", err)
	}
	return true, nil
}

// makeProbe makes an ESP state in the calling thread's network namespace. Returns
// an error that wraps EPROTONOSUPPORT if the kernel has no ESP.
func makeProbe() error {
	h, err := Open()
	if err != nil {
		return err
	}
	defer h.Close()
	return h.change(probeState())
}

// probeState builds the XFRM_MSG_NEWSA of a transport-mode state with AES-GCM,
// which the kernel's ESP always selects, and addresses for documentation (RFC 5737).
func probeState() request {
	const keyLen = 16 + 4 // AES-128 and salt, RFC 4106
	info := nl.XfrmUsersaInfo{
		Sel:    nl.XfrmSelector{Family: unix.AF_INET},
		Id:     nl.XfrmId{Daddr: toAddress(netip.MustParseAddr("192.0.2.2")), Spi: hton32(0x100), Proto: unix.IPPROTO_ESP},
		Saddr:  toAddress(netip.MustParseAddr("192.0.2.1")),
		Family: unix.AF_INET,
		Lft: nl.XfrmLifetimeCfg{
			SoftByteLimit:   nl.XFRM_INF,
			HardByteLimit:   nl.XFRM_INF,
			SoftPacketLimit: nl.XFRM_INF,
			HardPacketLimit: nl.XFRM_INF,
		},
	}
	// struct xfrm_algo_aead: name, bits of key, bits of ICV, key (all zero)
	aead := make([]byte, 64, 64+4+4+keyLen)
	copy(aead, "rfc4106(gcm(aes))")
	aead = binary.NativeEndian.AppendUint32(aead, keyLen*8)
	aead = binary.NativeEndian.AppendUint32(aead, 128)
	aead = append(aead, make([]byte, keyLen)...)
	return request{nl.XFRM_MSG_NEWSA, appendAttribute(info.Serialize(), nl.XFRMA_ALG_AEAD, aead)}
}
