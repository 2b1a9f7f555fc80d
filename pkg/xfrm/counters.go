// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// statFile has the counters of the calling thread's network namespace, see
// Documentation/networking/xfrm_proc.rst.
const statFile = "/proc/thread-self/net/xfrm_stat"

// Counters returns the kernel's XFRM error counters (packets) of the calling thread's network namespace by
// name, for example XfrmOutNoStates. It returns an error that wraps fs.ErrNotExist if the kernel has no
// CONFIG_XFRM_STATISTICS.
func Counters() (map[string]uint64, error) {
	f, err := os.Open(statFile)
	if err != nil {
		return nil, fmt.Errorf("read XFRM counters: %w", err)
	}
	defer f.Close()
	return parseCounters(f)
}

// parseCounters parses lines of a name and a number.
func parseCounters(r io.Reader) (map[string]uint64, error) {
	counters := map[string]uint64{}
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		name, text, _ := strings.Cut(scanner.Text(), " ")
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read XFRM counter %q: %w", name, err)
		}
		counters[name] = n
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read XFRM counters: %w", err)
	}
	return counters, nil
}
