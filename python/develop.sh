#!/bin/sh
# Lays the built native module into the package and makes `.venv` import the package from here.
#
#   cargo build -p relaypass-python && python/develop.sh             (or: develop.sh release)
#   python/develop.sh fetch          only what needs no built module: the environment
#
# May be run at any time; what is in place already is left alone.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
profile=${1:-debug}
target=${CARGO_TARGET_DIR:-$root/target}
venv=$root/.venv

# One whose making was interrupted has no pip, and is made anew.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$venv"
[ "$profile" != fetch ] || exit 0

# The native module: librelaypass_native.so, .dylib, or relaypass_native.dll.
built=
for name in librelaypass_native.so librelaypass_native.dylib relaypass_native.dll; do
    [ -f "$target/$profile/$name" ] && built=$target/$profile/$name
done
if [ -z "$built" ]; then
    echo "develop.sh: nothing built in $target/$profile; run: cargo build -p relaypass-python" >&2
    exit 1
fi
case $built in
    *.dll) module=$here/relaypass/_native.pyd ;;
    *) module=$here/relaypass/_native.abi3.so ;;
esac
if ! cmp -s "$built" "$module"; then
    # Moved into place: a process that runs the old module keeps it.
    cp "$built" "$module.new"
    mv -f "$module.new" "$module"
fi

# The path file that makes the package importable.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$here" > "$site/relaypass.pth"
