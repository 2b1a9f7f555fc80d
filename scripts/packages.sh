#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the packages eroute, eroute-ipsec and eroute-fleet for dpkg and rpm: packages.sh DIR.
#
# They contain no file of strongSwan or libreswan. The program is /usr/libexec/eroute/ipsec, with a
# link for each command in the same directory. libreswan's ipsec runs commands in /usr/libexec/ipsec;
# strongSwan's has a fixed list, so eroute-ipsec diverts it. See docs/install.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:?where to, for example dist}
mkdir -p "$out"
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT

VERSION=$(scripts/version.sh)
GOARCH=$(go env GOARCH)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export STAGE VERSION GOARCH SOURCE_DATE_EPOCH

# put MODE FILE PATH: a file of package eroute.
put() { install -D -m "$1" "$2" "$STAGE/eroute$3"; }
# link TARGET PATH: a link of package eroute.
link() { mkdir -p "$(dirname "$STAGE/eroute$2")" && ln -s "$1" "$STAGE/eroute$2"; }
# man FILE PATH: a manual page of package eroute.
man() { put 644 "$1" "$2" && gzip -9n "$STAGE/eroute$2"; }
# build COMMAND FILE: builds a program.
build() { CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o "$2" "./cmd/$1"; }

umask 022
build ipsec "$STAGE/ipsec"
put 755 "$STAGE/ipsec" /usr/libexec/eroute/ipsec
for page in docs/man/ipsec_*.8; do # one for each command
	command=${page##*/ipsec_}
	command=${command%.8}
	link ipsec "/usr/libexec/eroute/$command"
	link "../eroute/$command" "/usr/libexec/ipsec/$command"
	man "$page" "/usr/share/man/man8/ipsec_$command.8"
done
man docs/man/ipsec_eroute.5 /usr/share/man/man5/ipsec_eroute.5
# complete SHELL COMMAND PATH: the completion script for a command under its own name.
complete() {
	"$STAGE/ipsec" completion "$1" | sed "s/ipsec/$2/g" >"$STAGE/completion"
	put 644 "$STAGE/completion" "$3"
}
for command in eroute tncfg; do
	link "../libexec/eroute/$command" "/usr/sbin/$command"
	link "ipsec_$command.8.gz" "/usr/share/man/man8/$command.8.gz"
	complete bash $command "/usr/share/bash-completion/completions/$command"
	complete zsh $command "/usr/share/zsh/vendor-completions/_$command"
	complete fish $command "/usr/share/fish/vendor_completions.d/$command.fish"
done
for unit in packaging/eroute{,-acquire,-sync}.service; do
	put 644 "$unit" "/usr/lib/systemd/system/${unit##*/}"
done
put 644 packaging/sysusers.conf /usr/lib/sysusers.d/eroute.conf
cat LICENSE bpf/LICENSE >"$STAGE/copyright" # the program holds the objects of bpf/
put 644 "$STAGE/copyright" /usr/share/doc/eroute/copyright
for doc in README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs/*.md docs/pictures/*.svg docs/performance/*.{md,svg}; do
	put 644 "$doc" "/usr/share/doc/eroute/$doc" # links between them work
done
install -D -m 755 packaging/ipsec "$STAGE/eroute-ipsec/usr/sbin/ipsec"
# bash-completion has a script for the key managers' ipsec in bash's usual directory.
while read -r shell path; do
	"$STAGE/ipsec" completion "$shell" >"$STAGE/completion"
	install -D -m 644 "$STAGE/completion" "$STAGE/eroute-ipsec$path"
done <<'EOF'
bash /etc/bash_completion.d/eroute-ipsec
zsh /usr/share/zsh/vendor-completions/_ipsec
fish /usr/share/fish/vendor_completions.d/ipsec.fish
EOF
install -D -m 644 LICENSE "$STAGE/eroute-ipsec/usr/share/doc/eroute-ipsec/copyright"

fleet=$STAGE/eroute-fleet
build ipsec-fleet "$STAGE/ipsec-fleet"
install -D -m 755 "$STAGE/ipsec-fleet" "$fleet/usr/libexec/eroute/ipsec-fleet"
mkdir -p "$fleet/usr/bin" "$fleet/usr/share/man/man8"
ln -s ../libexec/eroute/ipsec-fleet "$fleet/usr/bin/ipsec-fleet"
install -m 644 docs/man/ipsec-fleet*.8 "$fleet/usr/share/man/man8"
gzip -9n "$fleet"/usr/share/man/man8/*
install -D -m 644 packaging/eroute-fleet.service "$fleet/usr/lib/systemd/system/eroute-fleet.service"
install -D -m 644 LICENSE "$fleet/usr/share/doc/eroute-fleet/copyright"
find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

for package in eroute eroute-ipsec eroute-fleet; do
	for format in deb rpm; do
		go tool -modfile=tools/nfpm/go.mod nfpm package --config "packaging/$package.yaml" --packager "$format" --target "$out"
	done
done
