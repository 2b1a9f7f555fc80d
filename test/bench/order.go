// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
)

// orderSink is a program that drops what West receives. While it checks, West decrypts ESP first, and packets that are out
// of order within their flow are counted.
type orderSink struct {
	coll *ebpf.Collection
	runs uint32
}

// newOrderSink loads the program, and pktgen, whose packets it counts.
func newOrderSink(ctx context.Context) (*orderSink, error) {
	if err := loadModules(ctx, "pktgen"); err != nil {
		return nil, err
	}
	spec, err := bpftest.LoadOrder()
	if err != nil {
		return nil, fmt.Errorf("read sink: %w", err)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load sink: %w", err)
	}
	return &orderSink{coll: coll}, nil
}

func (o *orderSink) program() *ebpf.Program { return o.coll.Programs["order_sink"] }

// arrivals are the packets that arrived through SAs during a check, those of them that were out of order within their flow,
// and packets that arrived in clear.
type arrivals struct{ packets, wrong, clear uint64 }

// check checks the packets that f makes a gateway send.
func (o *orderSink) check(f func() error) (a arrivals, err error) {
	before, err := o.arrived()
	if err != nil {
		return a, err
	}
	o.runs++
	if err := o.coll.Variables["order_run"].Set(o.runs); err != nil {
		return a, fmt.Errorf("set up sink: %w", err)
	}
	err = errors.Join(f(), o.coll.Variables["order_run"].Set(uint32(0)))
	if err != nil {
		return a, err
	}
	after, err := o.arrived()
	return arrivals{after.packets - before.packets, after.wrong - before.wrong, after.clear - before.clear}, err
}

// arrived are those of all checks.
func (o *orderSink) arrived() (a arrivals, err error) {
	err = errors.Join(o.coll.Variables["order_packets"].Get(&a.packets), o.coll.Variables["order_wrong"].Get(&a.wrong),
		o.coll.Variables["order_clear"].Get(&a.clear))
	if err != nil {
		return a, fmt.Errorf("read sink: %w", err)
	}
	return a, nil
}
