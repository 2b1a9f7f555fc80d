// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"strings"

	"github.com/safchain/ethtool"
)

// GRO is ethtool's name of a device's feature to merge packets that it has received.
const GRO = "rx-gro"

// HasFeature reports whether a feature of a device, by ethtool's name, is on.
func (n *Node) HasFeature(dev, feature string) (on bool, err error) {
	err = n.features(dev, func(features map[string]bool) map[string]bool {
		on = features[feature]
		return nil
	})
	return on, err
}

// SetFeature turns a feature of a device on or off, as "ethtool -K" does.
func (n *Node) SetFeature(dev, feature string, on bool) error {
	return n.features(dev, func(map[string]bool) map[string]bool { return map[string]bool{feature: on} })
}

// SendForGRO makes a veth device send packets so that the GRO of its other end receives them, as that of a
// network card receives all packets: the kernel gives them to GRO only if the sender has TSO off
// (veth_skb_is_eligible_for_gro, drivers/net/veth.c).
func (n *Node) SendForGRO(dev string) error {
	return n.features(dev, func(features map[string]bool) map[string]bool {
		off := make(map[string]bool)
		for name, on := range features {
			if on && strings.HasPrefix(name, "tx-tcp") {
				off[name] = false
			}
		}
		return off
	})
}

// features passes the features of a device to choose, and makes the changes that it returns.
func (n *Node) features(dev string, choose func(map[string]bool) map[string]bool) error {
	err := n.Do(func() error {
		tool, err := ethtool.NewEthtool()
		if err != nil {
			return err
		}
		defer tool.Close()
		all, err := tool.Features(dev)
		if err != nil {
			return err
		}
		if changes := choose(all); len(changes) > 0 {
			return tool.Change(dev, changes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("features of %s on %s: %w", dev, n.Name, err)
	}
	return nil
}
