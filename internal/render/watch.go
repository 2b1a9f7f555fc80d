// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/top"
)

// SampleTitle returns the header line of samples.
func SampleTitle() string {
	return fmt.Sprintf(sampleFormat, "time", "packets/s", "bytes/s", "packets", "bytes", "eroute")
}

// sampleFormat is the format of a line of a sample: time, packets and bytes per second, packets, bytes, eroute.
const sampleFormat = "%-20s %11s %11s %12s %14s %s\n"

// Sample writes a line with the totals, and one for each eroute with traffic, the busiest first.
func Sample(w io.Writer, look *top.Sample) error {
	line := func(r *top.Row, of string) error {
		_, err := fmt.Fprintf(w, sampleFormat, look.Time.UTC().Format(time.RFC3339),
			fmt.Sprintf("%.1f", r.PacketRate), fmt.Sprintf("%.1f", r.ByteRate), fmt.Sprint(r.Packets), fmt.Sprint(r.Bytes), of)
		return err
	}
	all := top.Row{PacketRate: look.PacketRate, ByteRate: look.ByteRate}
	all.Packets, all.Bytes = look.Packets, look.Bytes
	if err := line(&all, fmt.Sprintf("all %d eroutes", look.Count)); err != nil {
		return err
	}
	for _, r := range look.By(top.ByPacketRate) {
		if r.PacketRate == 0 {
			break
		}
		if err := line(&r, r.Rule()); err != nil {
			return err
		}
	}
	return nil
}
