// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestParseNumber(t *testing.T) {
	for _, tt := range []struct {
		text string
		bits int
		want uint64
	}{
		{"0", 8, 0},
		{"255", 8, 255},
		{"0xff", 8, 255},
		{"0xFF", 8, 255},
		{"0377", 8, 255},
		{"00", 8, 0},
		{"65535", 16, 65535},
		{"0xffffffff", 32, 0xffffffff},
		{"0x00000000ffffffff", 32, 0xffffffff},
		{"18446744073709551615", 64, 18446744073709551615},
	} {
		got, err := eroute.ParseNumber(tt.text, tt.bits)
		if err != nil || got != tt.want {
			t.Errorf("ParseNumber(%q, %d) = %d, %v, want %d", tt.text, tt.bits, got, err, tt.want)
		}
	}
}

func TestParseNumberRefuses(t *testing.T) {
	for _, tt := range []struct {
		text   string
		bits   int
		reason string
	}{
		{"", 8, "not a number"},
		{"+1", 8, "not a number"},
		{"-1", 8, "not a number"},
		{" 1", 8, "not a number"},
		{"1 ", 8, "not a number"},
		{"1\n", 8, "not a number"},
		{"1_0", 16, "not a number"},
		{"0x", 8, "not a number"},
		{"0X1", 8, "not a number"},
		{"0x-1", 8, "not a number"},
		{"0x0x1", 8, "not a number"},
		{"08", 8, "not a number"},
		{"0o7", 8, "not a number"},
		{"0b1", 8, "not a number"},
		{"1e1", 8, "not a number"},
		{"١", 8, "not a number"},
		{"256", 8, "must be at most 255"},
		{"0x100", 8, "must be at most 255"},
		{"0400", 8, "must be at most 255"},
		{"65536", 16, "must be at most 65535"},
		{"4294967296", 32, "must be at most 4294967295"},
		{"18446744073709551616", 64, "must be at most 18446744073709551615"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			_, err := eroute.ParseNumber(tt.text, tt.bits)
			checkRefused(t, err, tt.text, tt.reason)
		})
	}
}
