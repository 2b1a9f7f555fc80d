// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"time"

	"github.com/ipsec-eroute/eroute/pkg/journal"
)

// tellMonitors publishes an event to the monitors of the network namespace.
func (r reporter) tellMonitors(e Event, at time.Time) {
	if r.monitors == nil {
		return
	}
	err := r.monitors.Publish(journal.Event{
		Kind: journal.KindOf(string(e.Kind)), Time: at, Flow: e.Flow, Eroute: e.Eroute, SAID: e.SAID,
		Device: e.Device, Packets: e.Packets, Detail: e.Detail,
	})
	if err != nil {
		r.log.Warn("tell monitors", "error", err)
	}
}
