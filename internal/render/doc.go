// SPDX-License-Identifier: Apache-2.0

// Package render formats what commands print: as text, and as JSON that docs/schema.json
// describes.
package render
