// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

const (
	protocolsFile = "/etc/protocols"
	servicesFile  = "/etc/services"
)

// Names holds the protocol and service names of protocols(5) and services(5). A nil *Names is empty.
type Names struct {
	protocols map[string]uint8
	services  map[service]uint16
}

// service is a service name and its protocol.
type service struct {
	name  string
	proto uint8
}

// LoadNames reads the first column of protocols, and the first column and the aliases of services, for TCP and
// UDP. The first of two lines with the same name is used; lines in another format are skipped. Returns an error
// only if reading fails.
func LoadNames(protocols, services io.Reader) (*Names, error) {
	n := &Names{protocols: map[string]uint8{}, services: map[service]uint16{}}
	if err := eachLine(protocols, n.addProtocol); err != nil {
		return nil, fmt.Errorf("read protocol names: %w", err)
	}
	if err := eachLine(services, n.addService); err != nil {
		return nil, fmt.Errorf("read service names: %w", err)
	}
	return n, nil
}

// SystemNames returns the names of /etc/protocols and /etc/services, which it reads once. A file that cannot be
// read has no names.
func SystemNames() *Names { return systemNames() }

var systemNames = sync.OnceValue(func() *Names {
	n, err := LoadNames(openNames(protocolsFile), openNames(servicesFile))
	if err != nil {
		return nil
	}
	return n
})

// openNames returns the file's text, or an empty text if it cannot be read.
func openNames(path string) io.Reader {
	text, err := os.ReadFile(path)
	if err != nil {
		return strings.NewReader("")
	}
	return strings.NewReader(string(text))
}

// eachLine calls add with the fields of each line that has two or more, without comments.
func eachLine(r io.Reader, add func(fields []string)) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) >= 2 {
			add(fields)
		}
	}
	return nil
}

// addProtocol adds a protocol from the fields "name number aliases...".
func (n *Names) addProtocol(fields []string) {
	number, err := parseNumber(fields[1], 8)
	if _, known := n.protocols[fields[0]]; known || err != nil {
		return
	}
	n.protocols[fields[0]] = uint8(number)
}

// addService adds a service from the fields "name port/protocol aliases...".
func (n *Names) addService(fields []string) {
	number, protocol, _ := strings.Cut(fields[1], "/")
	port, err := parseNumber(number, 16)
	if err != nil {
		return
	}
	var proto uint8
	switch protocol {
	case "tcp":
		proto = ProtoTCP
	case "udp":
		proto = ProtoUDP
	default:
		return
	}
	for i, name := range fields {
		if i == 1 {
			continue
		}
		key := service{name, proto}
		if _, known := n.services[key]; !known {
			n.services[key] = uint16(port)
		}
	}
}

// Protocols returns the names of all protocols, sorted.
func (n *Names) Protocols() []string {
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.protocols))
}

// Services returns the names of all ports of TCP or UDP, sorted.
func (n *Names) Services(proto uint8) (names []string) {
	if n == nil {
		return nil
	}
	for s := range n.services {
		if s.proto == proto {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}

func (n *Names) protocol(name string) (uint8, bool) {
	if n == nil {
		return 0, false
	}
	proto, ok := n.protocols[name]
	return proto, ok
}

func (n *Names) port(name string, proto uint8) (uint16, bool) {
	if n == nil {
		return 0, false
	}
	port, ok := n.services[service{name, proto}]
	return port, ok
}
