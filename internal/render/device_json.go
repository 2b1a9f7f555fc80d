// SPDX-License-Identifier: Apache-2.0

package render

import "io"

// deviceJSON is an ipsec device in docs/schema.json.
type deviceJSON struct {
	Virtual     string        `json:"virtual"`
	Physical    string        `json:"physical"`
	VirtualMTU  int           `json:"virtual_mtu"`
	PhysicalMTU int           `json:"physical_mtu"`
	Kind        string        `json:"kind"`
	Watched     bool          `json:"watched"`
	Unmatched   string        `json:"unmatched"`
	Strict      bool          `json:"strict"`
	Follow      bool          `json:"follow"`
	Also        []string      `json:"also_physical,omitempty"`
	Ingress     []ingressJSON `json:"ingress"`
	OutOfSync   []string      `json:"out_of_sync,omitempty"`
}

type ingressJSON struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

func newDeviceJSON(a *Device) *deviceJSON {
	j := &deviceJSON{
		Virtual: a.Virtual, Physical: a.Physical, VirtualMTU: a.VirtualMTU, PhysicalMTU: a.PhysicalMTU, Kind: a.Kind,
		Watched: a.Watched, Unmatched: "drop", Strict: a.Strict, Follow: a.Follow, Also: a.Also, Ingress: make([]ingressJSON, len(a.Ingress)),
	}
	if a.Watched && !a.DropUnmatched {
		j.Unmatched = "pass"
	}
	for i, in := range a.Ingress {
		j.Ingress[i] = ingressJSON(in)
	}
	for _, differs := range a.Differences {
		j.OutOfSync = append(j.OutOfSync, differs.Text)
	}
	return j
}

// DevicesJSON writes ipsec devices, one per line.
func DevicesJSON(w io.Writer, all []Device) error {
	return writeArray(w, "devices", func(yield func(*deviceJSON, error) bool) {
		for i := range all {
			if !yield(newDeviceJSON(&all[i]), nil) {
				return
			}
		}
	})
}
