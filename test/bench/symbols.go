// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// symbol is a function of the kernel, a module or a loaded BPF program.
type symbol struct {
	address uint64
	name    string
}

// readSymbols returns the functions, by address.
func readSymbols() (all []symbol, err error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // address, type, name, [module]
		if len(fields) < 3 || !strings.Contains("tTwW", fields[1]) {
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read symbols: %w", err)
		}
		all = append(all, symbol{address, fields[2]})
	}
	slices.SortStableFunc(all, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return all, nil
}

// function is the name of the function that contains an address.
func function(symbols []symbol, address uint64) string {
	i := sort.Search(len(symbols), func(i int) bool { return symbols[i].address > address })
	if i == 0 {
		return "unknown"
	}
	return symbols[i-1].name
}
