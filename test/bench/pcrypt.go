// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// withPcrypt makes the kernel create pcrypt, which shares the encryption of packets out among all CPUs. SAs that are added
// later use it: it has a higher priority than the algorithm it is made of.
func withPcrypt(prepare cpuPreparation) cpuPreparation {
	return func(ctx context.Context, g *gateway, suite string) ([]*lab.SA, error) {
		if err := startPcrypt(); err != nil {
			return nil, err
		}
		return prepare(ctx, g, suite)
	}
}

// newAlgorithm is struct crypto_user_alg (include/uapi/linux/cryptouser.h).
type newAlgorithm struct {
	_, driver, _ [64]byte // name, driver and module
	kind, mask   uint32
	_, _         uint32 // references and flags
}

func (a newAlgorithm) Serialize() []byte {
	b, _ := binary.Append(nil, binary.NativeEndian, a)
	return b
}

func (a newAlgorithm) Len() int { return binary.Size(a) }

// The message that creates an algorithm, and the types of algorithms (include/uapi/linux/cryptouser.h, include/linux/crypto.h).
const (
	cryptoNewAlgorithm = 0x10
	cryptoAEAD         = 3
	cryptoTypes        = 0xf
)

// pcryptReady is in /proc/crypto when the kernel has tested it.
var pcryptReady = regexp.MustCompile(`driver +: pcrypt\(.*\nmodule +: pcrypt\n.*\n.*\nselftest +: passed`)

func startPcrypt() error {
	a := newAlgorithm{kind: cryptoAEAD, mask: cryptoTypes}
	copy(a.driver[:], "pcrypt(rfc4106(gcm(aes)))")
	request := nl.NewNetlinkRequest(cryptoNewAlgorithm, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	request.AddData(a)
	_, err := request.Execute(unix.NETLINK_CRYPTO, 0)
	if err != nil && !errors.Is(err, unix.EAGAIN) { // EAGAIN: its test takes longer
		return fmt.Errorf("create pcrypt: %w", err)
	}
	for started := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile("/proc/crypto")
		switch {
		case err != nil:
			return fmt.Errorf("create pcrypt: %w", err)
		case pcryptReady.Match(text):
			return nil
		case time.Since(started) > 30*time.Second:
			return errors.New("create pcrypt: the kernel does not finish its test")
		}
	}
}
