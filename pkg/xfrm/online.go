// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// onlineFile lists the CPUs on which code runs now. It does not list others that the machine can have: a virtual
// machine often has possible CPUs that are never plugged in.
const onlineFile = "/sys/devices/system/cpu/online"

// OnlineCPUs returns the CPUs on which packets can be now, in ascending order.
func OnlineCPUs() ([]uint32, error) {
	text, err := os.ReadFile(onlineFile)
	if err != nil {
		return nil, fmt.Errorf("read the online CPUs: %w", err)
	}
	cpus, err := parseCPUs(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", onlineFile, err)
	}
	return cpus, nil
}

// parseCPUs parses a list of CPUs as the kernel prints it, such as 0-2,5.
func parseCPUs(text string) (cpus []uint32, err error) {
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(high, 10, 16)
		}
		if err != nil || last < first {
			return nil, fmt.Errorf("%q is no list of CPUs", text)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, uint32(cpu))
		}
	}
	return cpus, nil
}
