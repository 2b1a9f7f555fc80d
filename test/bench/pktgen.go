// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// pktgen is the kernel's packet generator on EastHost, sending UDP to East. See
// Documentation/networking/pktgen.rst.
type pktgen struct {
	src, dst netip.Addr
	flows    int  // number of destinations of each CPU, from dst on; each packet goes to the next one
	cpus     int  // CPUs that send, each to its own destinations
	size     int  // of a frame, in bytes
	rate     int  // packets a second of each CPU; 0: as many as possible
	queued   bool // packets pass the queueing discipline and programs at the device's egress
}

// pktgenDir contains the generator's files of the calling thread's network namespace.
const pktgenDir = "/proc/thread-self/net/pktgen/"

// pktgenSize is the size of a frame, in bytes.
const pktgenSize = 100

// send sends packets from each CPU and returns the time from the first one until the last one was processed: the CPU that
// sends a packet processes it before it sends the next one.
func (p pktgen) send(g *gateway, packets int) (took time.Duration, err error) {
	return took, g.EastHost.Do(func() error {
		for cpu := range runtime.NumCPU() {
			if err := writePktgen(fmt.Sprintf("kpktgend_%d", cpu), "rem_device_all"); err != nil {
				return err
			}
		}
		for cpu := range p.cpus {
			err := writePktgen(fmt.Sprintf("kpktgend_%d", cpu), "add_device "+pktgenDevice(cpu))
			if err == nil {
				err = writePktgen(pktgenDevice(cpu), p.commands(cpu, packets)...)
			}
			if err != nil {
				return err
			}
		}
		if err := writePktgen("pgctrl", "start"); err != nil { // returns when all are sent
			return err
		}
		for cpu := range p.cpus {
			each, err := readResult(cpu)
			if err != nil {
				return err
			}
			took = max(took, each)
		}
		return nil
	})
}

// pktgenDevice is the generator's name of eth0 as it is used by one CPU.
func pktgenDevice(cpu int) string { return fmt.Sprintf("%s@%d", lab.Eth0, cpu) }

func writePktgen(file string, commands ...string) error {
	for _, command := range commands {
		if err := os.WriteFile(pktgenDir+file, []byte(command+"\n"), 0o600); err != nil {
			return fmt.Errorf("pktgen: %s: %w", command, err)
		}
	}
	return nil
}

func (p pktgen) commands(cpu, packets int) []string {
	first, last := p.destination(cpu*p.flows), p.destination((cpu+1)*p.flows-1)
	all := []string{
		"delay 0", fmt.Sprintf("count %d", packets), fmt.Sprintf("pkt_size %d", p.size), "dst_mac " + lanMAC.String(),
		fmt.Sprintf("src_min %s", p.src), fmt.Sprintf("src_max %s", p.src),
		fmt.Sprintf("dst_min %s", first), fmt.Sprintf("dst_max %s", last),
	}
	if p.rate != 0 {
		all[0] = fmt.Sprintf("ratep %d", p.rate)
	}
	if p.queued {
		all = append(all, "xmit_mode queue_xmit")
	}
	return all
}

// destination is the nth destination.
func (p pktgen) destination(n int) netip.Addr {
	b := p.dst.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
	return netip.AddrFrom4(b)
}

// resultTime is the time from the first packet to the last, in us.
var resultTime = regexp.MustCompile(`Result: OK: (\d+)\(`)

// readResult waits until a CPU has sent its packets: on a busy host "start" returns before it has begun.
func readResult(cpu int) (time.Duration, error) {
	var text []byte
	for started := time.Now(); time.Since(started) < resultPatience; time.Sleep(time.Millisecond) {
		var err error
		if text, err = os.ReadFile(pktgenDir + pktgenDevice(cpu)); err != nil {
			return 0, fmt.Errorf("pktgen: %w", err)
		}
		if found := resultTime.FindSubmatch(text); found != nil {
			us, err := strconv.Atoi(string(found[1]))
			if err != nil {
				return 0, fmt.Errorf("pktgen: %w", err)
			}
			return time.Duration(us) * time.Microsecond, nil
		}
	}
	return 0, fmt.Errorf("pktgen: no result in %q", text)
}

// resultPatience is several times the duration of a round on a busy host.
const resultPatience = time.Minute
