#!/usr/bin/env bash
# Builds SecondMeAvatarFFI.xcframework, which Package.swift takes on Apple's platforms. Needs a Mac with Xcode and
# rustup.
#
#   bindings/swift/build-xcframework.sh             for iOS, its simulator and macOS
#   bindings/swift/build-xcframework.sh macos       for macOS alone, which `make test-swift` needs there
#
# This was written on Linux and has never been run: its authors had no Mac. What it does is UniFFI's
# documented way. Please say what it does on yours.
set -euo pipefail
cd "$(dirname "$0")/../.."

LIBRARY=libsecondme_avatar_ffi.a
SWIFT=bindings/swift
OUT=$SWIFT/SecondMeAvatarFFI.xcframework
BUILT=${CARGO_TARGET_DIR:-target}
# One slice each: a name, and the targets that lipo joins in it.
SLICES=(
	"ios aarch64-apple-ios"
	"ios-simulator aarch64-apple-ios-sim x86_64-apple-ios"
	"macos aarch64-apple-darwin x86_64-apple-darwin"
)

[ "$(uname -s)" = Darwin ] || { echo "an XCFramework can only be built on a Mac: lipo and xcodebuild are Apple's" >&2; exit 1; }
# As in Package.swift.
export IPHONEOS_DEPLOYMENT_TARGET=16.0 MACOSX_DEPLOYMENT_TARGET=13.0

# In a folder of its own: the headers of several XCFrameworks may end up in one.
headers=$BUILT/xcframework/headers
rm -rf "$BUILT/xcframework" "$OUT"
mkdir -p "$headers/SecondMeAvatarFFI"
cp "$SWIFT"/Sources/SecondMeAvatarFFI/{SecondMeAvatarFFI.h,module.modulemap} "$headers/SecondMeAvatarFFI/"

# No path of this Mac gets into it.
RUSTFLAGS=$(packaging/remap)
export RUSTFLAGS

arguments=()
for slice in "${SLICES[@]}"; do
	read -r name targets <<<"$slice"
	[ $# = 0 ] || [ "$1" = "$name" ] || continue
	libraries=()
	for target in $targets; do
		rustup target add "$target"
		cargo build --locked --profile size --package secondme-avatar-ffi --lib --no-default-features --target "$target"
		libraries+=("$BUILT/$target/size/$LIBRARY")
	done
	mkdir -p "$BUILT/xcframework/$name"
	lipo -create "${libraries[@]}" -output "$BUILT/xcframework/$name/$LIBRARY"
	strip -S "$BUILT/xcframework/$name/$LIBRARY"
	arguments+=(-library "$BUILT/xcframework/$name/$LIBRARY" -headers "$headers")
done
xcodebuild -create-xcframework "${arguments[@]}" -output "$OUT"
cp LICENSE-APACHE LICENSE-MIT packaging/notices/ffi/THIRD-PARTY-NOTICES.txt "$OUT/"
