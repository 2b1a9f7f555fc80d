// SPDX-License-Identifier: Apache-2.0

package relaywire

// For tests outside of the package, which need a table.
const LockDir = lockDir

// Lock takes the lock of the relay.
var Lock = lock
