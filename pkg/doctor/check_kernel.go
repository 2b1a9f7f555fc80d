// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

var kernelCheck = check{"kernel", "all required features are available", always, func(f *Facts) (found []Finding) {
	for _, feature := range allFeatures {
		why, missing := f.Missing[feature.name]
		if !missing {
			continue
		}
		level := Note
		if feature.required {
			level = Problem
		}
		if errors.Is(why, fs.ErrPermission) {
			found = append(found, Finding{
				Level: level, Subject: string(feature.name),
				Text:   fmt.Sprintf("%s cannot be tested: %v; the kernel may support it", feature.name, errno(why)),
				Cost:   feature.cost,
				Remedy: "check kernel lockdown (/sys/kernel/security/lockdown), containers and seccomp filters",
			})
			continue
		}
		found = append(found, Finding{
			Level: level, Subject: string(feature.name),
			Text: fmt.Sprintf("%s: %v", feature.name, errno(why)),
			Cost: feature.cost, Remedy: feature.remedy,
		})
	}
	return found
}}

// errno returns the kernel's error without the text that libraries add.
func errno(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}
