// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// memoryDevices are the ipsec devices of a namespace with the interfaces wan and lan.
type memoryDevices struct{ all []device.Attachment }

func (d *memoryDevices) Attach(_ context.Context, c device.Config) ([]string, error) {
	if d.find(c.Virtual) >= 0 {
		return nil, fmt.Errorf("--virtual %s: already attached: detach it first", c.Virtual)
	}
	if err := checkMemoryInterfaces(append([]string{c.Physical}, c.Also...), c.Ingress); err != nil {
		return nil, err
	}
	a := device.Attachment{
		Virtual: c.Virtual, Physical: c.Physical, VirtualMTU: 1500, PhysicalMTU: 1500, Kind: device.KindPlain,
		Watched: !c.Routed, DropUnmatched: c.DropUnmatched, Also: c.Also, Strict: c.Strict, Follow: c.Follow,
	}
	for _, name := range c.Ingress {
		a.Ingress = append(a.Ingress, device.Ingress{Name: name, Mode: "xdp"})
	}
	d.all = append(d.all, a)
	return []string{"this is memory"}, nil
}

func (d *memoryDevices) Detach(_ context.Context, virtual string) error {
	i := d.find(virtual)
	if i < 0 {
		return fmt.Errorf("--virtual %s: %w", virtual, loader.ErrNotAttached)
	}
	d.all = slices.Delete(d.all, i, i+1)
	return nil
}

func (d *memoryDevices) Upgrade() error                                  { return nil }
func (d *memoryDevices) List() ([]device.Attachment, error)              { return d.all, nil }
func (d *memoryDevices) Follow() ([]device.Difference, error)            { return nil, nil }
func (d *memoryDevices) Differences(string) ([]device.Difference, error) { return nil, nil }
func (d *memoryDevices) Close() error                                    { return nil }

func (d *memoryDevices) find(virtual string) int {
	return slices.IndexFunc(d.all, func(a device.Attachment) bool { return a.Virtual == virtual })
}

func checkMemoryInterfaces(physical, ingress []string) error {
	for _, name := range physical {
		if !isInterface(name) {
			return fmt.Errorf("--physical %s: Link not found", name)
		}
	}
	for _, name := range ingress {
		if !isInterface(name) {
			return fmt.Errorf("--ingress %s: Link not found", name)
		}
	}
	return nil
}

func isInterface(name string) bool { return name == "wan" || name == "lan" }
