// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// run creates the stage, plays the scenes and reports whether every claim held.
func run(ctx context.Context) (err error) {
	s, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Printf(`
  east host ---- east gateway ==== west gateway ---- west host
  %s             ipsec0                        %s

`, s.EastHost.LAN4, s.WestHost.LAN4)
	for _, scene := range []func(*stage) error{attach, drop, reject, pass, encrypt, trap, missing, hold, lookup, finish} {
		if err := scene(s); err != nil {
			return err
		}
	}
	if len(s.failed) > 0 {
		return fmt.Errorf("%d claims did not hold:\n  %s", len(s.failed), strings.Join(s.failed, "\n  "))
	}
	fmt.Println("All of this was observed on the wire.")
	return nil
}

func attach(s *stage) error {
	fmt.Println("The east gateway gets an ipsec device, and watches what leaves through wan.")
	_, err := s.run("tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan", "--ingress", "lan")
	if err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	s.claim(got.Received == pings && got.clear > 0, "no eroute yet: %d of %d pings answered, in clear", got.Received, pings)
	return err
}

// eroute adds an eroute with this SAID for the traffic from the east LAN to the west LAN.
func (s *stage) eroute(src, dst netip.Prefix, said string) error {
	_, err := s.run("eroute", "--replace", "--src", src.String(), "--dst", dst.String(), "--said", said)
	return err
}

func drop(s *stage) error {
	fmt.Printf("\n%%drop: dropped without an answer.\n")
	if err := s.eroute(lab.EastLAN4, lab.WestLAN4, "%drop"); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	s.claim(got.Received == 0 && len(got.Errors) == 0 && got.clear == 0, "%d pings: no answer, no error, nothing on the wire", pings)
	return err
}

func reject(s *stage) error {
	fmt.Println("\n%reject: dropped, and the sender receives an ICMP error.")
	if err := s.eroute(lab.EastLAN4, lab.WestLAN4, "%reject"); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	answered := len(got.Errors) > 0 && got.Errors[0].From == s.East.LAN4 && got.Errors[0].Type == 3 && got.Errors[0].Code == 13
	s.claim(answered && got.Received == 0 && got.clear == 0, "ICMP 3/13 from %s, nothing on the wire", s.East.LAN4)
	return err
}

func pass(s *stage) error {
	fmt.Printf("\n%%pass: in clear, on purpose.\n")
	if err := s.eroute(lab.EastLAN6, lab.WestLAN6, "%pass"); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN6)
	s.claim(got.Received == pings && got.clear > 0 && got.esp == 0, "%d of %d IPv6 pings answered, seen in clear", got.Received, pings)
	return err
}

func encrypt(s *stage) error {
	fmt.Println("\nA Security Association: ESP on the wire, and nothing else.")
	tunnel := lab.Tunnel{From: s.East, To: s.West}
	there, err := tunnel.Install()
	if err != nil {
		return err
	}
	back, err := there.Reverse().Install()
	if err != nil {
		return err
	}
	_, err = s.West.IP(s.ctx, "xfrm", "policy", "add", "src", lab.WestLAN4.String(), "dst", lab.EastLAN4.String(), "dir", "out",
		"tmpl", "src", back.Src.String(), "dst", back.Dst.String(), "proto", "esp", "spi", fmt.Sprintf("%#x", back.SPI), "mode", "tunnel")
	if err != nil {
		return err
	}
	if err := s.eroute(lab.EastLAN4, lab.WestLAN4, there.TunSAID()); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	s.claim(got.Received == pings && got.esp >= pings && got.clear == 0, "%d of %d pings answered, %d ESP packets captured, 0 in clear", got.Received, pings, got.esp)
	return err
}

func missing(s *stage) error {
	fmt.Println("\nAn SA that does not exist: dropped, never in clear.")
	if err := s.eroute(lab.EastLAN4, lab.WestLAN4, "tun0xdead@"+s.West.WAN4.String()); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	s.claim(got.Received == 0 && got.clear == 0 && got.esp == 0, "%d pings: nothing on the wire", pings)
	return err
}

func hold(s *stage) error {
	fmt.Println("\n%hold: more specific than the SA's eroute, so it wins for this host.")
	if err := s.eroute(lab.Only(s.EastHost.LAN4), lab.Only(s.WestHost.LAN4), "%hold"); err != nil {
		return err
	}
	got, err := s.ping(s.WestHost.LAN4)
	s.claim(got.Received == 0 && got.clear == 0 && got.esp == 0, "%d pings: nothing on the wire", pings)
	return err
}

func lookup(s *stage) error {
	fmt.Println("\nThe eroute that matches a packet, from the loaded kernel program:")
	out, err := s.run("eroute", "--lookup", "--src", "192.0.2.77", "--dst", "192.0.1.88")
	s.claim(strings.Contains(out, "=> tun0xdead@"), "the SA's: %%hold is for one host only")
	return err
}

func finish(s *stage) error {
	fmt.Println("\nCounters:")
	out, err := s.run("eroute")
	if err != nil {
		return err
	}
	s.claim(strings.Contains(out, "3          192.0.2.1/32       -> 192.0.1.1/32       => %hold"), "the %%hold eroute counted its %d packets", pings)
	if _, err = s.run("eroute", "--stats"); err != nil {
		return err
	}
	fmt.Println()
	_, err = s.run("tncfg", "--clear")
	return err
}
