// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// trap has strongSwan's charon on both gateways negotiate an SA for the first ping.
func trap(s *stage) (err error) {
	fmt.Printf("\n%%trap: the first packet is held until strongSwan has negotiated an SA.\n")
	const reqid = "7"
	_, err = s.run("eroute", "--replace", "--src", lab.EastLAN4.String(), "--dst", lab.WestLAN4.String(), "--said", "%trap", "--acquire-reqid", reqid)
	if err != nil {
		return err
	}
	west := &lab.Charon{Node: s.West, Peer: s.East, Local: lab.WestLAN4, Far: lab.EastLAN4}
	east := &lab.Charon{Node: s.East, Peer: s.West, Local: lab.EastLAN4, Far: lab.WestLAN4, ReqID: 7, Trap: true, Child: "policies = no"}
	for _, c := range []*lab.Charon{west, east} {
		ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
		defer cancel()
		if err := c.Start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Stop()) }()
	}
	for _, dir := range []string{"in", "fwd"} { // inbound packets need a policy; outbound ones have their eroute
		_, err := s.East.IP(s.ctx, "xfrm", "policy", "update", "src", lab.WestLAN4.String(), "dst", lab.EastLAN4.String(), "dir", dir,
			"tmpl", "src", s.West.WAN4.String(), "dst", s.East.WAN4.String(), "proto", "esp", "reqid", reqid, "mode", "tunnel")
		if err != nil {
			return err
		}
	}
	stop, err := s.relay()
	if err != nil {
		return err
	}
	defer stop()
	got, err := s.send(lab.Ping{Dst: s.WestHost.LAN4, Count: 1, Wait: 30 * time.Second})
	if err != nil {
		return err
	}
	s.claim(got.Received == 1 && got.clear == 0 && got.esp > 0, "the first ping is answered, %d ESP packets captured, %d in clear", got.esp, got.clear)
	out, err := s.run("eroute")
	s.claim(strings.Contains(out, "192.0.2.1/32       -> 192.0.1.1/32       => tun0x"), "its flow has an eroute to the new SA")
	return err
}

// relay starts "ipsec acquire" and waits until it is ready.
func (s *stage) relay() (stop func(), err error) {
	fmt.Println("  $ ipsec acquire &")
	cmd := s.East.Command(context.Background(), s.ipsec, "acquire")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	for range 200 {
		out, err := s.East.Command(s.ctx, s.ipsec, "eroute", "--stats", "--json").Output()
		if err == nil && strings.Contains(string(out), `"relay":true`) {
			return stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, errors.New("ipsec acquire is not there after 10 s")
}
