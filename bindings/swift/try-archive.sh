#!/usr/bin/env bash
# Builds and runs the program in `consumer` against the archive alone, in a folder outside of the checkout, of which
# the program sees nothing. The emulator answers it.
#
#   bindings/swift/try-archive.sh ARCHIVE EMULATOR
set -euo pipefail
archive=$1 emulator=$2 swift=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)

coproc EMULATOR { exec "$emulator" --json; }
pid=$EMULATOR_PID
trap 'kill "$pid"; rm -rf --one-file-system "$folder"' EXIT
read -r ready <&"${EMULATOR[0]}"
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" <<<"$ready"; }
export SECONDME_BASE_URL SECONDME_API_KEY
SECONDME_BASE_URL=$(field base_url) SECONDME_API_KEY=$(field api_key)
unset SECONDME_AVATAR_LIB

cp -R "$swift/consumer" "$folder/consumer"
tar -xzf "$archive" -C "$folder/consumer"
cd "$folder/consumer"
"$swift/toolchain" --folder "$folder" swift build -c release
# What is shipped: the program, and the library beside it.
mkdir "$folder/shipped"
cp .build/release/consumer "$folder/shipped/"
mv SecondMeAvatar/lib/libsecondme_avatar_ffi.so "$folder/shipped/"
said=$("$swift/toolchain" --folder "$folder" "$folder/shipped/consumer")
[ "$said" = "You said: Hello" ] || { echo "the consumer said: $said" >&2; exit 1; }
echo "a program that has $(basename "$archive") alone was built, and was answered: $said"
