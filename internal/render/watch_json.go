// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"io"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/top"
)

// sampleJSON is a sample in docs/schema.json.
type sampleJSON struct {
	Time       string        `json:"time"`
	Seconds    float64       `json:"seconds"`
	Eroutes    int           `json:"eroutes"`
	Packets    uint64        `json:"packets"`
	Bytes      uint64        `json:"bytes"`
	PacketRate float64       `json:"packets_per_second"`
	ByteRate   float64       `json:"bytes_per_second"`
	Top        []busyRowJSON `json:"top"`
}

type busyRowJSON struct {
	*erouteJSON
	PacketRate float64 `json:"packets_per_second"`
	ByteRate   float64 `json:"bytes_per_second"`
}

// SampleJSON writes a sample of the busiest eroutes as an object on one line.
func SampleJSON(w io.Writer, look *top.Sample) error {
	j := sampleJSON{
		Time: look.Time.UTC().Format(time.RFC3339Nano), Seconds: look.Since.Seconds(),
		Eroutes: look.Count, Packets: look.Packets, Bytes: look.Bytes,
		PacketRate: look.PacketRate, ByteRate: look.ByteRate, Top: []busyRowJSON{},
	}
	for _, r := range look.By(top.ByPacketRate) {
		if r.PacketRate == 0 {
			break
		}
		j.Top = append(j.Top, busyRowJSON{newErouteJSON(&r.Eroute), r.PacketRate, r.ByteRate})
	}
	return json.NewEncoder(w).Encode(j)
}
