// SPDX-License-Identifier: Apache-2.0

package diff

// budget limits the work of a comparison.
type budget struct {
	left int
	over bool
}

// spend subtracts n from the budget.
func (b *budget) spend(n int) {
	if b.left -= n; b.left < 0 {
		b.over = true
	}
}
