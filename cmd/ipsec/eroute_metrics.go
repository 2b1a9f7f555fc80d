// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"

	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

// metricsPermissions are those of a new file, less the umask: node_exporter is not root.
const metricsPermissions fs.FileMode = 0o644

// runMetrics is --metrics: the table's figures as Prometheus metrics.
func runMetrics(c *command) error {
	return c.save(optMetrics, metricsPermissions, func(w io.Writer) error {
		return metrics.Write(w, c.metricsSource())
	})
}

// metricsSource is where metrics come from, but for the relay's.
func (c *command) metricsSource() metrics.Source {
	return metrics.Source{Open: c.env.openWatch, XFRM: c.env.xfrmCounters}
}
