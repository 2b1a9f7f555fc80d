// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// BenchmarkBatchLine measures the parsing of a line.
func BenchmarkBatchLine(b *testing.B) {
	const line = "--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --transport-proto tcp --dst-port 22 --said tun0x1000@192.0.2.1"
	names := testenv.Names()
	r := NewParser(b.Context(), testenv.Hosts, func() *eroute.Names { return names })
	var words []string
	b.ReportAllocs()
	for b.Loop() {
		words = SplitLine(line, words[:0])
		if _, err := r.BatchLine(words); err != nil {
			b.Fatal(err)
		}
	}
}
