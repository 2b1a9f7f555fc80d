// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var errNumber = errors.New("not a number (decimal, 0x hexadecimal or leading-0 octal)")

// ParseNumber parses a number of at most the given bits, 1 to 64: decimal, hexadecimal after 0x, or octal after
// a leading 0, without sign, blank or underscore. Returns a [*ValueError] if text is not such a number or is
// too large.
func ParseNumber(text string, bits int) (uint64, error) {
	n, err := parseNumber(text, bits)
	if err != nil {
		return 0, refuse(text, err)
	}
	return n, nil
}

// parseNumber is [ParseNumber], but returns only the reason as error.
func parseNumber(text string, bits int) (uint64, error) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = hex, 16
	} else if octal, ok := strings.CutPrefix(text, "0"); ok && octal != "" {
		digits, base = octal, 8
	}
	n, err := strconv.ParseUint(digits, base, bits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("must be at most %d", uint64(math.MaxUint64)>>(64-bits))
	}
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// startsWithDigit reports whether text is meant as a number, not as a name.
func startsWithDigit(text string) bool {
	return text != "" && '0' <= text[0] && text[0] <= '9'
}
