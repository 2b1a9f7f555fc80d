// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// desc returns the descriptor of a metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("eroute_"+name, help, labels, nil)
}

var (
	eroutes      = desc("eroutes", "Eroutes in the table.")
	eroutesLimit = desc("eroutes_limit", "Maximum number of eroutes in the table.")
	revisionInfo = desc("revision_info", "1 for the revision that the table was restored as.", "revision")
	changed      = desc("revision_changed", "Whether a command has changed eroutes since: 1 or 0.")
	traps        = desc("traps", "Eroutes with SAID %trap or %trapsubnet.")
	sas          = desc("sas", "Security Associations (SAs) that eroutes name.")
	sasMissing   = desc("sas_missing", "SAs that eroutes name and that did not exist at the last synchronization.")
	relayUp      = desc("relay_up", "Whether a relay (ipsec acquire) is running: 1 or 0.")
	holds        = desc("holds", "Flows of traps that wait for an SA.")
	resolved     = desc("resolved_flows", "Flows of traps that have an SA.")

	packets    = desc("packets_total", "Packets by reason and verdict.", "reason", "verdict")
	bytes      = desc("bytes_total", "Bytes of IP headers and payload by reason and verdict.", "reason", "verdict")
	topPackets = desc("top_packets_total", "Packets that matched one of the busiest eroutes.", selectorLabels...)
	topBytes   = desc("top_bytes_total", "Bytes of IP headers and payload that matched one of the busiest eroutes.", selectorLabels...)
	saPackets  = desc("sa_packets_total", "Packets processed by one of the busiest SAs, or one of a group.", "said")
	saBytes    = desc("sa_bytes_total", "Bytes processed by one of the busiest SAs, or one of a group, as counted by XFRM.", "said")

	queueUsed = desc("queue_used_bytes", "Bytes used in the ring buffer to the relay.")
	queueSize = desc("queue_size_bytes", "Size of the ring buffer to the relay.")
	mapMemory = desc("map_memory_bytes", "Kernel memory of the table's maps.", "map")
	xfrmError = desc("xfrm_errors_total", "Packets dropped by XFRM, from /proc/net/xfrm_stat.", "error")

	relayEvents      = desc("relay_events_total", "Events of flows since the relay started.", "event")
	relayPackets     = desc("relay_packets_total", "Held packets that the relay sent (release) or dropped (reap, lost) since it started.", "event")
	relayErrors      = desc("relay_errors_total", "Errors logged by the relay since it started.")
	relayHeldPackets = desc("relay_held_packets", "Packets held by the relay.")
	relayMaxPackets  = desc("relay_max_packets", "Maximum number of packets held by the relay.")
	relayHeldBytes   = desc("relay_held_bytes", "Bytes of packets held by the relay.")
	relayMaxBytes    = desc("relay_max_bytes", "Maximum bytes of packets held by the relay.")
)

var selectorLabels = []string{"src", "dst", "proto", "src_port", "dst_port", "said"}

// Collector is a [prometheus.Collector] of a table's metrics.
type Collector struct {
	source Source
	walks  walks
	mu     sync.Mutex // one scrape at a time
}

// NewCollector returns a collector that opens its source for each scrape. Metrics that require a scan of the whole
// table are refreshed less often if the table is large.
func NewCollector(s Source) *Collector {
	return &Collector{source: s, walks: walks{walk: s.walk}}
}

// Describe sends the descriptors of all possible metrics.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		eroutes, eroutesLimit, revisionInfo, changed, traps, sas, sasMissing, relayUp, holds, resolved,
		packets, bytes, topPackets, topBytes, saPackets, saBytes,
		queueUsed, queueSize, mapMemory, xfrmError,
		relayEvents, relayPackets, relayErrors, relayHeldPackets, relayMaxPackets, relayHeldBytes, relayMaxBytes,
	} {
		ch <- d
	}
}

// Collect reads the source and sends its metrics, or the error.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := c.source.read(c.walks.latest)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(eroutes, &sourceError{err})
		return
	}
	errors, err := c.source.xfrm()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(xfrmError, &sourceError{err})
		return
	}
	out := sender(ch)
	out.table(f)
	for name, n := range errors {
		out.count(xfrmError, n, name)
	}
	if c.source.Relay != nil {
		out.relay(c.source.Relay.Totals())
	}
}

// sourceError is an error of the source, kept unchanged through the registry.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// sender sends metrics.
type sender chan<- prometheus.Metric

func (s sender) gauge(d *prometheus.Desc, value int, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
}

func (s sender) count(d *prometheus.Desc, value uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (s sender) table(f figures) {
	s.gauge(eroutes, int(f.Eroutes))
	s.gauge(eroutesLimit, int(f.Limit))
	if r := f.Revision; r.ID != "" {
		s.gauge(revisionInfo, 1, r.ID)
		s.gauge(changed, oneIf(r.Changed))
	}
	s.gauge(traps, f.traps)
	s.gauge(sas, f.SAs)
	s.gauge(sasMissing, f.SAsMissing)
	s.gauge(relayUp, oneIf(f.Relay))
	s.gauge(holds, f.Holds)
	s.gauge(resolved, f.Answered)
	for _, r := range f.Reasons {
		s.count(packets, r.Packets, r.Name, r.Verdict.String())
		s.count(bytes, r.Bytes, r.Name, r.Verdict.String())
	}
	for _, e := range f.busiest {
		labels := selectorValues(e)
		s.count(topPackets, e.Packets, labels...)
		s.count(topBytes, e.Bytes, labels...)
	}
	for _, sa := range f.sas {
		s.count(saPackets, sa.Packets, sa.SAID.String())
		s.count(saBytes, sa.Bytes, sa.SAID.String())
	}
	s.gauge(queueUsed, f.waiting)
	s.gauge(queueSize, f.queueSize)
	for name, n := range f.memory {
		s.gauge(mapMemory, int(n), name)
	}
}

// selectorValues returns the values of selectorLabels; "" for fields that an eroute does not name.
func selectorValues(e eroute.Eroute) []string {
	text := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	s := e.Selector
	return []string{
		s.Src.String(), s.Dst.String(),
		text(int(s.Proto)), text(int(s.SrcPort)), text(int(s.DstPort)),
		e.SAID.String(),
	}
}

func (s sender) relay(t acquire.Totals) {
	for _, kind := range acquire.Kinds {
		s.count(relayEvents, t.Events[kind], kind.String())
	}
	for _, kind := range []journal.Kind{journal.KindRelease, journal.KindReap, journal.KindLost} {
		s.count(relayPackets, t.Packets[kind], kind.String())
	}
	s.count(relayErrors, t.Errors)
	s.gauge(relayHeldPackets, t.StoredPackets)
	s.gauge(relayMaxPackets, t.MaxPackets)
	s.gauge(relayHeldBytes, t.StoredBytes)
	s.gauge(relayMaxBytes, t.MaxBytes)
}
