// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/journal"
)

func ExampleKind() {
	fmt.Println(journal.KindAcquire, journal.KindHold, journal.KindRelease, journal.KindReap, journal.KindLost)
	// Output: acquire hold release reap lost
}
