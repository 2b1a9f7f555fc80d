// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestConfigFillsTheTableFirst checks that the table is filled before a device is created: packets routed into the
// device must match their eroutes.
func TestConfigFillsTheTableFirst(t *testing.T) {
	files := map[string]string{
		"etc/config": "table = 'table'\n[[device]]\nvirtual = 'ipsec0'\nphysical = 'wan'\n",
		"etc/table":  "--add --src 10.0.0.0/8 --dst 10.0.0.0/8 --said %drop\n",
	}
	var stdout, stderr bytes.Buffer
	m := newMemory()
	e := testEnv(strings.NewReader(""), &stdout, &stderr)
	m.openers(e)
	e.openFile = func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(files[name])), nil
	}
	var before uint32
	open := e.openDevicesWrite
	e.openDevicesWrite = func() (devices, error) {
		before = m.count
		return open()
	}
	if status := run(context.Background(), e, []string{"tncfg", "--config", "etc/config"}); status != 0 {
		t.Fatal(stderr.String())
	}
	if before != 1 || len(m.devices.all) != 1 {
		t.Errorf("%d eroutes before devices were made, then %d devices; want 1 and 1", before, len(m.devices.all))
	}
}
