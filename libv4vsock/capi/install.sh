#!/bin/sh
# SPDX-License-Identifier: MIT OR GPL-2.0-or-later
# Builds and installs the C library with its header, pkg-config file and manual pages, and the programs v4v and v4vd.
set -eu

usage() {
	cat <<-END
	usage: libv4vsock/capi/install.sh [--prefix DIR] [--destdir DIR] [--libdir DIR] [--debug]

	  --prefix DIR    where it will be used from [default: /usr/local]
	  --destdir DIR   put in front of every path, for packages
	  --libdir DIR    where the library goes [default: PREFIX/lib]
	  --debug         an unoptimized build

	Needs cargo and cc. CC, CARGO and CARGO_TARGET_DIR are heeded.
	END
}

mistake() {
	echo "install.sh: $1" >&2
	usage >&2
	exit 2
}

prefix=/usr/local destdir='' libdir='' profile=release
while [ $# -gt 0 ]; do
	case $1 in
	--prefix | --destdir | --libdir)
		[ $# -ge 2 ] || mistake "$1 needs a folder"
		case $1 in
		--prefix) prefix=$2 ;;
		--destdir) destdir=$2 ;;
		--libdir) libdir=$2 ;;
		esac
		shift 2
		;;
	--debug) profile=dev && shift ;;
	-h | --help) usage && exit ;;
	*) mistake "what is $1?" ;;
	esac
done
: "${libdir:=$prefix/lib}"
case $prefix$libdir in
*[[:space:]]*) mistake "a pkg-config file cannot hold a path with spaces" ;;
esac
case $prefix in /*) ;; *) mistake "--prefix is to be an absolute path" ;; esac
case $libdir in /*) ;; *) mistake "--libdir is to be an absolute path" ;; esac

here=$(cd "$(dirname "$0")" && pwd)
cargo=${CARGO:-cargo}
cc=${CC:-cc}
cd "$here"
target=${CARGO_TARGET_DIR:-$here/../../target}
case $profile in release) built=$target/release ;; *) built=$target/debug ;; esac
version=$("$cargo" pkgid -p v4v-capi)
version=${version##*[#@]}
major=${version%%.*}

"$cargo" build --quiet --profile "$profile" -p v4v-capi -p v4v-cli -p v4v-hosted
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The archive holds all of Rust's standard library. The version script makes our functions the roots, and what they do not reach goes.
"$cc" -shared -o "$work/libv4vsock.so" -Wl,--whole-archive "$built/libv4vsock_c.a" -Wl,--no-whole-archive \
	-Wl,--version-script="$here/v4vsock.map" -Wl,-soname,"libv4vsock.so.$major" \
	-Wl,--gc-sections -Wl,--no-undefined -Wl,-z,relro,-z,now -Wl,-z,nodelete \
	-lgcc_s -lpthread -ldl -lm -lc

sed -e "s|@PREFIX@|$prefix|" -e "s|@INCLUDEDIR@|$prefix/include|" -e "s|@LIBDIR@|$libdir|" -e "s|@VERSION@|$version|" \
	v4vsock.pc.in >"$work/v4vsock.pc"

put() { # MODE FILE FOLDER
	install -d "$destdir$3"
	install -m "$1" "$2" "$destdir$3/"
}
put 755 "$built/v4v" "$prefix/bin"
put 755 "$built/v4vd" "$prefix/sbin"
put 644 include/v4vsock.h "$prefix/include"
put 644 "$work/v4vsock.pc" "$libdir/pkgconfig"
put 644 man/v4vsock.3 "$prefix/share/man/man3"
put 644 man/v4v.1 "$prefix/share/man/man1"
put 644 man/v4vd.8 "$prefix/share/man/man8"
install -d "$destdir$libdir"
install -m 755 "$work/libv4vsock.so" "$destdir$libdir/libv4vsock.so.$version"
ln -sf "libv4vsock.so.$version" "$destdir$libdir/libv4vsock.so.$major"
ln -sf "libv4vsock.so.$major" "$destdir$libdir/libv4vsock.so"
echo "installed under $destdir$prefix; where $libdir is none of the system's folders, run ldconfig or set LD_LIBRARY_PATH=$libdir" >&2
