// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

// metricsPermissions is the mode of a new file before the umask; node_exporter, which reads it, does not run as
// root.
const metricsPermissions fs.FileMode = 0o644

// runMetrics implements --metrics: it writes the table's metrics for Prometheus.
func runMetrics(c *command) error {
	return c.save(erouteargs.OptMetrics, metricsPermissions, func(w io.Writer) error {
		return metrics.Write(w, c.metricsSource())
	})
}

// metricsSource returns the source of all metrics except those of the relay.
func (c *command) metricsSource() metrics.Source {
	return metrics.Source{Open: c.env.openWatch, XFRM: c.env.xfrmCounters}
}
