// SPDX-License-Identifier: Apache-2.0

package lab

import "fmt"

// Unplug deletes a device of a gateway, with the other end of its link and the routes through both.
func (l *Lab) Unplug(n *Node, dev string) error {
	link, err := n.nl.LinkByName(dev)
	if err == nil {
		err = n.nl.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("unplug %s of %s: %w", dev, n.Name, err)
	}
	return nil
}

// Replug makes a link again that [Lab.Unplug] deleted, with its addresses and the lab's own routes through
// it, like a dial-up link that returns: under the same name, with another ifindex.
func (l *Lab) Replug(n *Node, dev string) error {
	for _, c := range l.cables() {
		ends := func(at *Node, name string) bool {
			return at == c.a.node && name == c.a.dev || at == c.b.node && name == c.b.dev
		}
		if !ends(n, dev) {
			continue
		}
		l.replugged++
		if err := connect(c, replugIndex+l.replugged); err != nil {
			return err
		}
		if err := l.waitReady(); err != nil {
			return err
		}
		return l.routeIf(ends)
	}
	return fmt.Errorf("replug %s of %s: no such link", dev, n.Name)
}
