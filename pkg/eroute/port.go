// SPDX-License-Identifier: Apache-2.0

package eroute

import "fmt"

// ParseProtocol parses a transport protocol: a number up to 255 in the format of [ParseNumber], or a name in n.
// 0: all protocols.
func ParseProtocol(text string, n *Names) (uint8, error) {
	number, numberErr := parseNumber(text, 8)
	if numberErr == nil {
		return uint8(number), nil
	}
	if proto, ok := n.protocol(text); ok {
		return proto, nil
	}
	if startsWithDigit(text) {
		return 0, refuse(text, fmt.Errorf("protocol: %w", numberErr))
	}
	return 0, refuse(text, fmt.Errorf("no such protocol in the first column of %s", protocolsFile))
}

// ParsePort parses a port of the given protocol: a number up to 65535 in the format of [ParseNumber], or a name
// in n. 0: all ports, for any protocol. For other ports it returns [ErrPortProtocol] if proto is neither TCP
// nor UDP.
func ParsePort(text string, proto uint8, n *Names) (uint16, error) {
	number, numberErr := parseNumber(text, 16)
	if numberErr == nil && number == 0 {
		return 0, nil
	}
	if !hasPorts(proto) {
		return 0, refuse(text, ErrPortProtocol)
	}
	if numberErr == nil {
		return uint16(number), nil
	}
	if port, ok := n.port(text, proto); ok {
		return port, nil
	}
	if startsWithDigit(text) {
		return 0, refuse(text, fmt.Errorf("port: %w", numberErr))
	}
	name := "tcp"
	if proto == ProtoUDP {
		name = "udp"
	}
	return 0, refuse(text, fmt.Errorf("no such %s service in %s", name, servicesFile))
}
