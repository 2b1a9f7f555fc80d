// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"github.com/ipsec-eroute/eroute/pkg/device"
)

// deviceJSON is an ipsec device as docs/json.md describes it.
type deviceJSON struct {
	Virtual     string        `json:"virtual"`
	Physical    string        `json:"physical"`
	VirtualMTU  int           `json:"virtual_mtu"`
	PhysicalMTU int           `json:"physical_mtu"`
	Kind        string        `json:"kind"`
	Ingress     []ingressJSON `json:"ingress"`
}

type ingressJSON struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

func newDeviceJSON(a *device.Attachment) *deviceJSON {
	j := &deviceJSON{a.Virtual, a.Physical, a.VirtualMTU, a.PhysicalMTU, a.Kind, make([]ingressJSON, len(a.Ingress))}
	for i, in := range a.Ingress {
		j.Ingress[i] = ingressJSON(in)
	}
	return j
}

// writeDevicesJSON writes the ipsec devices, one a line.
func writeDevicesJSON(w io.Writer, all []device.Attachment) error {
	return writeArray(w, "devices", func(yield func(*deviceJSON, error) bool) {
		for i := range all {
			if !yield(newDeviceJSON(&all[i]), nil) {
				return
			}
		}
	})
}
