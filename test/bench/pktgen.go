// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// pktgen is the kernel's packet generator on EastHost, sending UDP to East. See
// Documentation/networking/pktgen.rst.
type pktgen struct {
	src, dst netip.Addr
	flows    int  // number of destinations, from dst on; each packet goes to the next one
	queued   bool // packets pass the queueing discipline and programs at the device's egress
}

// pktgenDir contains the generator's files of the calling thread's network namespace.
const pktgenDir = "/proc/thread-self/net/pktgen/"

// pktgenSize is the size of a frame, in bytes.
const pktgenSize = 100

// send sends packets and returns the time from the first one until the last one was processed. With one CPU,
// each packet is processed before the next one is sent.
func (p pktgen) send(g *gateway, packets int) (took time.Duration, err error) {
	return took, g.EastHost.Do(func() error {
		for _, file := range []struct {
			name     string
			commands []string
		}{
			{"kpktgend_0", []string{"rem_device_all", "add_device " + lab.Eth0}},
			{lab.Eth0, p.commands(packets)},
			{"pgctrl", []string{"start"}}, // returns when all are sent
		} {
			for _, command := range file.commands {
				if err := os.WriteFile(pktgenDir+file.name, []byte(command+"\n"), 0o600); err != nil {
					return fmt.Errorf("pktgen: %s: %w", command, err)
				}
			}
		}
		took, err = readResult()
		return err
	})
}

func (p pktgen) commands(packets int) []string {
	last := p.dst.As4()
	binary.BigEndian.PutUint32(last[:], binary.BigEndian.Uint32(last[:])+uint32(p.flows-1))
	all := []string{
		"delay 0", fmt.Sprintf("count %d", packets), fmt.Sprintf("pkt_size %d", pktgenSize), "dst_mac " + lanMAC.String(),
		fmt.Sprintf("src_min %s", p.src), fmt.Sprintf("src_max %s", p.src),
		fmt.Sprintf("dst_min %s", p.dst), fmt.Sprintf("dst_max %s", netip.AddrFrom4(last)),
	}
	if p.queued {
		all = append(all, "xmit_mode queue_xmit")
	}
	return all
}

// resultTime is the time from the first packet to the last, in us.
var resultTime = regexp.MustCompile(`Result: OK: (\d+)\(`)

func readResult() (time.Duration, error) {
	text, err := os.ReadFile(pktgenDir + lab.Eth0)
	if err != nil {
		return 0, fmt.Errorf("pktgen: %w", err)
	}
	found := resultTime.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("pktgen: no result in %q", text)
	}
	us, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0, fmt.Errorf("pktgen: %w", err)
	}
	return time.Duration(us) * time.Microsecond, nil
}
