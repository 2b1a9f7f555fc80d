// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// AssertLine parses the line SRC DST [PROTO [SPORT [DPORT]]] VERDICT.
func (r *Parser) AssertLine(words []string) (a diff.Assertion, err error) {
	n := len(words) - 1
	if n < 2 || n > 5 {
		return a, fmt.Errorf("%d words: want SRC DST [PROTO [SPORT [DPORT]]] VERDICT", len(words))
	}
	if a.Want = diff.ParseKind(words[n]); a.Want == 0 {
		return a, fmt.Errorf("VERDICT value %q: want protected, clear, dropped, rejected or trapped", words[n])
	}
	a.Selector, err = r.selector(wordFields(words[:n]), r.prefix)
	return a, err
}
