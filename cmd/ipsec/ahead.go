// SPDX-License-Identifier: Apache-2.0

package main

import "iter"

// aheadBy is how many values are handed over at a time by ahead.
const aheadBy = 1024

// ahead yields what seq does, which runs a little ahead on another CPU. It ends with the
// loop over it.
func ahead[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		var (
			chunks = make(chan []T, 4)
			enough = make(chan struct{})
		)
		go func() {
			defer close(chunks)
			chunk := make([]T, 0, aheadBy)
			send := func() bool {
				select {
				case chunks <- chunk:
					chunk = make([]T, 0, aheadBy)
					return true
				case <-enough:
					return false
				}
			}
			for v := range seq {
				if chunk = append(chunk, v); len(chunk) == aheadBy && !send() {
					return
				}
			}
			send()
		}()
		defer func() {
			close(enough)
			for range chunks { // until it has ended
			}
		}()
		for chunk := range chunks {
			for _, v := range chunk {
				if !yield(v) {
					return
				}
			}
		}
	}
}
