// SPDX-License-Identifier: Apache-2.0

//go:build !docs

// Command ipsec manages the eroute table and the ipsec devices of a network namespace, as ipsec_eroute(8) and
// ipsec_tncfg(8) did.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), systemEnv(), commandLine(os.Args)))
}
