// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestFlowsReused checks that a packet gets the verdict of its own flow, and is counted on no other, while
// flows end and new ones reuse their memory.
func TestFlowsReused(t *testing.T) {
	const flows = 3
	table := newTable(t)
	coll := loadFlowProbe(t, table, flows)
	variables := coll.Variables
	end := time.Now().Add(testenv.Duration(t, 3*time.Second))
	var both sync.WaitGroup
	var runs uint64
	for name, runs := range map[string]*uint64{"probe_flows": &runs, "probe_change_flows": new(uint64)} {
		both.Go(func() {
			runtime.LockOSThread()
			for ; time.Now().Before(end); *runs++ {
				if ret, err := coll.Programs[name].Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil || ret != 0 {
					t.Errorf("%s: %d, %v", name, ret, err)
					return
				}
			}
		})
	}
	both.Wait()
	var wrong, unread, changes, miscounted uint64
	for name, v := range map[string]*uint64{
		"probe_wrong": &wrong, "probe_unread": &unread, "probe_changes": &changes, "probe_miscounted": &miscounted,
	} {
		if err := variables[name].Get(v); err != nil {
			t.Fatal(err)
		}
	}
	looks := runs * uint64(bpftest.ProbeProbeRunRUN_LENGTH)
	t.Logf("%d changes, %d look-ups: %d wrong, %d without an answer; %d flows miscounted", changes, looks, wrong, unread, miscounted)
	if wrong != 0 || miscounted != 0 {
		t.Errorf("%d of %d look-ups got another flow's verdict, %d of %d flows have another's bytes", wrong, looks, miscounted, changes)
	}
	if changes == 0 || runs == 0 || unread > looks/1000 {
		t.Errorf("%d changes, %d look-ups, %d without an answer", changes, looks, unread)
	}
}

func testFlow(i int) eroute.Selector {
	src, dst := netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
	return eroute.Selector{Src: netip.PrefixFrom(src, 32), Dst: netip.PrefixFrom(dst, 32)}
}

// loadFlowProbe loads the programs that look flows up and change them, with one packet of each flow.
func loadFlowProbe(t *testing.T, table *Table, flows int) *ebpf.Collection {
	t.Helper()
	var relay bpf.ABIRelay
	relay.FlowTuples = 1 << bpf.ABIErouteTupleTUPLE_ANY
	if err := table.maps["eroute_relay"].Put(uint32(0), relay); err != nil {
		t.Fatal(err)
	}
	packets := make([]bpftest.ProbePacket, flows)
	for i := range packets {
		s := testFlow(i)
		packets[i] = bpftest.ProbePacket{Family: uint8(eroute.Inet), Proto: 17, Sport: abi.BEPort(1), Dport: abi.BEPort(2)}
		copy(packets[i].Src[:], s.Src.Addr().AsSlice())
		copy(packets[i].Dst[:], s.Dst.Addr().AsSlice())
	}
	return loadProbes(t, table, packets)
}
