// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"context"
	"iter"
	"runtime"
)

// parallel yields f of each element of seq, in order. It runs seq and f ahead by a limited number of elements, on
// all CPUs. A loop that ends early does not wait for them; it cancels the ctx of f.
func parallel[T, U any](ctx context.Context, seq iter.Seq[T], f func(context.Context, T) U) iter.Seq[U] {
	return func(yield func(U) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make(chan chan U, 2*runtime.GOMAXPROCS(0))
		go func() {
			defer close(results)
			for v := range seq {
				result := make(chan U, 1)
				select {
				case results <- result:
				case <-ctx.Done():
					return
				}
				go func() { result <- f(ctx, v) }()
			}
		}()
		for result := range results {
			if !yield(<-result) {
				return
			}
		}
	}
}
