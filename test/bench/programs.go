// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/test/lab"
)

// programCost is what the whole XDP program costs for a packet that it drops, again and
// again the same, in ns; and one that only takes the packet apart.
type programCost struct {
	Eroutes int     `json:"eroutes"`
	Parse   float64 `json:"parse_ns"`
	XDP     float64 `json:"xdp_ns"`
}

func (c programCost) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.1f\t\n", c.Eroutes, c.Parse, c.XDP, c.XDP/c.Parse)
}

// xdpContext is struct xdp_md (include/uapi/linux/bpf.h).
type xdpContext struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

// measureProgram measures on a gateway with n eroutes, of which one drops the packet.
func measureProgram(ctx context.Context, n, rounds int) (cost programCost, err error) {
	l, err := lab.New("bench")
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	dst := l.WestHost.LAN4
	frame, err := dropped(l, dst)
	if err != nil {
		return cost, err
	}
	cost.Eroutes = n
	return cost, l.East.Do(func() error {
		table, err := maps.OpenWrite()
		if err != nil {
			return err
		}
		defer func() { _ = errors.Join(device.Detach(ctx, table, "ipsec0"), table.Dir().Remove(), table.Close()) }()
		if _, err := device.Attach(ctx, table, "ipsec0", lab.WAN, []string{lab.LAN}); err != nil {
			return err
		}
		if err := l.East.Route(lab.WestLAN4, "ipsec0"); err != nil {
			return err
		}
		changes := []eroute.Change{{Op: eroute.OpAdd, Selector: eroute.Selector{Src: lab.EastLAN4, Dst: lab.Only(dst)}, SAID: eroute.Drop}}
		for _, s := range hub(nil, n-1, false) {
			changes = append(changes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.Drop})
		}
		if err := table.Apply(ctx, changes); err != nil {
			return err
		}
		cost.Parse, cost.XDP, err = timePrograms(table, frame, rounds)
		return err
	})
}

func dropped(l *lab.Lab, dst netip.Addr) ([]byte, error) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: l.EastHost.LAN4.AsSlice(), DstIP: dst.AsSlice()}
	udp := &layers.UDP{SrcPort: 4711, DstPort: 53}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, fmt.Errorf("build packet: %w", err)
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, ip, udp, gopacket.Payload(make([]byte, 22))); err != nil {
		return nil, fmt.Errorf("build packet: %w", err)
	}
	return l.EastHost.Frame(lab.Eth0, 0, buf.Bytes())
}

func timePrograms(table *maps.Table, frame []byte, rounds int) (parse, xdp float64, err error) {
	spec, err := bpf.LoadParser()
	if err != nil {
		return 0, 0, fmt.Errorf("read parser: %w", err)
	}
	parser, err := ebpf.NewCollection(spec)
	if err != nil {
		return 0, 0, fmt.Errorf("load parser: %w", err)
	}
	defer parser.Close()
	program, err := loader.LoadXDP(table.Replacements())
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = program.Close() }()
	link, err := netlink.LinkByName(lab.LAN)
	if err != nil {
		return 0, 0, fmt.Errorf("find %s: %w", lab.LAN, err)
	}
	in := xdpContext{DataEnd: uint32(len(frame)), IngressIfindex: uint32(link.Attrs().Index)}
	var parses, xdps []float64
	for range rounds {
		for _, p := range []struct {
			program *ebpf.Program
			times   *[]float64
		}{{parser.Programs["probe_parse"], &parses}, {program, &xdps}} {
			const repeat = 1000000
			started := time.Now()
			ret, err := p.program.Run(&ebpf.RunOptions{Data: frame, Context: in, Repeat: repeat})
			if err != nil {
				return 0, 0, fmt.Errorf("run %s: %w", p.program, err)
			}
			if ret != 1 { // XDP_DROP
				return 0, 0, fmt.Errorf("%s answers %d, not to drop the packet", p.program, ret)
			}
			*p.times = append(*p.times, float64(time.Since(started).Nanoseconds())/repeat)
		}
	}
	parse, _ = median(parses)
	xdp, _ = median(xdps)
	return parse, xdp, nil
}
