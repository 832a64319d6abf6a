#!/usr/bin/env bash
# The Swift that builds and tests this package: the one on PATH, or, where a Linux distribution has
# none, Debian's, unpacked into a folder that nothing else uses.
#
#   swift/toolchain.sh has         succeeds if there is one
#   swift/toolchain.sh fetch       unpacks Debian 13's, once (x86-64, arm64; needs apt and dpkg), or that of
#                                  the suite that RELAYPASS_SWIFT_SUITE names (sid: Swift 6.2)
#   swift/toolchain.sh run CMD…    runs a command in the present folder with `swift` on its PATH
#   swift/toolchain.sh exec CMD…   runs a built program, with Swift's shared libraries
#
# The folder is $RELAYPASS_SWIFT_ROOT, or .cache/swift-root in the repository. It is entered by
# chroot in a private mount namespace: the mounts end with the command. The repository, TMPDIR and
# CARGO_TARGET_DIR are in there at their own paths; of the environment, what is named below.
set -euo pipefail

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
root=$(realpath -m -- "${RELAYPASS_SWIFT_ROOT:-$repository/.cache/swift-root}")
stamp=$root/.relaypass-swift-root-1

fail() {
  echo "toolchain.sh: $*" >&2
  exit 1
}

on_path() { command -v swift >/dev/null; }
unpacked() { [[ -x $root/usr/libexec/swift/bin/swift ]]; }

fetch() {
  if on_path || [[ -e $stamp ]]; then return; fi
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "there is no swift on PATH, and no apt to fetch one with: see https://swift.org/install"
  local work apt mirror architecture keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -e $keyring ]] || fail "$keyring is missing: install debian-archive-keyring"
  architecture=$(dpkg --print-architecture)
  mkdir -p "$(dirname -- "$root")"
  work=$(mktemp -d "$root.XXXXXX")
  # shellcheck disable=SC2064 # $work is a local
  trap "rm -rf --one-file-system '$work'" EXIT
  apt=$work/apt
  mkdir -p "$work/root" "$apt"/{etc/apt/{apt.conf.d,preferences.d},lists/partial,cache/archives/partial}
  : >"$apt/status"

  mirror=$(debian_mirror)
  if [[ -z $mirror ]]; then
    apt-get -qq update
    mirror=$(debian_mirror)
  fi
  [[ -n $mirror ]] || fail "the sources of apt name no Debian mirror"
  # An apt of its own: the system's sources, lists and packages stay as they are.
  echo "deb [signed-by=$keyring] $mirror ${RELAYPASS_SWIFT_SUITE:-trixie} main" >"$apt/etc/apt/sources.list"
  cat >"$apt/apt.conf" <<END
Dir "$apt"; Dir::Etc "$apt/etc/apt"; Dir::State "$apt"; Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status"; Dir::Cache "$apt/cache"; Dir::Log "$apt";
APT::Architecture "$architecture"; APT::Architectures { "$architecture"; };
APT::Install-Recommends "false"; APT::Sandbox::User "";
Acquire::Languages "none"; Acquire::Retries "3";
# A mirror's copy of sid may be older than its lists say they last. They are signed all the same.
Acquire::Check-Valid-Until "$([[ ${RELAYPASS_SWIFT_SUITE:-} == sid ]] && echo false || echo true)";
END
  export APT_CONFIG=$apt/apt.conf
  apt-get -qq update
  # libc6-dev has the startup files and headers; the others are for a shell in there.
  local packages=(swiftlang libc6-dev base-files bash coreutils dash)
  # Another suite's is for trying packages by URL, which SwiftPM fetches with git.
  [[ -z ${RELAYPASS_SWIFT_SUITE:-} ]] || packages+=(git)
  apt-get -qq -y --download-only install "${packages[@]}" >/dev/null

  # Left out: debugger, editor support, documentation tools, static and embedded libraries, manuals.
  local left_out=() pattern
  for pattern in usr/libexec/swift/bin/{'lldb*',clangd,sourcekit-lsp,docc,swift-format,repl_swift} \
    usr/libexec/swift/bin/swift-build-sdk-interfaces \
    usr/libexec/swift/lib/{'liblldb*',libsourcekitdInProc.so,'libLTO*'} \
    usr/libexec/swift/lib/swift/{embedded,FrameworkABIBaseline}/'*' \
    usr/libexec/swift/lib/swift_static/'*' usr/share/{doc,man,locale}/'*'; do
    left_out+=("--exclude=./$pattern")
  done
  local package
  packages=("$apt/cache/archives"/base-files_*.deb) # first: it makes the links of /
  for package in "$apt/cache/archives"/*.deb; do
    [[ $package == "${packages[0]}" ]] || packages+=("$package")
  done
  for package in "${packages[@]}"; do
    dpkg-deb --fsys-tarfile "$package" |
      tar -x -C "$work/root" --no-same-owner --keep-directory-symlink --wildcards "${left_out[@]}"
  done
  mkdir -p "$work/root"/{proc,dev,tmp}
  chmod 1777 "$work/root/tmp"
  : >"$work/root/${stamp##*/}"
  # A root of another stamp. --one-file-system: whatever is mounted there stays.
  rm -rf --one-file-system "$root"
  mv "$work/root" "$root"
}

debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed '/security/d' | head -n 1
}

run() {
  if on_path; then exec "$@"; fi
  unpacked || fail "there is no swift: run swift/toolchain.sh fetch"
  local temporary folder keep=() name
  temporary=$(realpath -- "${TMPDIR:-/tmp}")
  for name in CI HOME LANG REQUIRE_ALL RUST_BACKTRACE MALLOC_PERTURB_ ASAN_OPTIONS CARGO_TARGET_DIR \
    "${!RELAYPASS_@}"; do
    if [[ -n ${!name+set} ]]; then keep+=("$name=${!name}"); fi
  done
  local mounts=("$temporary" "$repository")
  folder=${CARGO_TARGET_DIR:-}
  if [[ $folder == /* && -d $folder ]]; then mounts+=("$folder"); fi
  local namespace=(unshare --mount --propagation private)
  [[ $(id -u) == 0 ]] || namespace+=(--user --map-root-user)
  # HOME is where SwiftPM keeps caches; it need not exist in there.
  export ROOT=$root
  exec "${namespace[@]}" bash -euc '
    while [[ $1 != -- ]]; do
      mkdir -p "$ROOT$1"
      mount --rbind "$1" "$ROOT$1"
      shift
    done
    shift
    exec env PATH="$PATH:/usr/sbin:/sbin" chroot "$ROOT" /usr/bin/env -i "$@"
  ' toolchain "${mounts[@]}" /proc /dev -- \
    -C "$PWD" PATH=/usr/libexec/swift/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
    TMPDIR="$temporary" "${keep[@]}" "$@"
}

# Without chroot: the program is this process, with its whole environment, and ends by its signals.
exec_program() {
  if on_path; then exec "$@"; fi
  unpacked || fail "there is no swift: run swift/toolchain.sh fetch"
  local program=$1 loaders=("$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/ld-linux-*.so.*)
  shift
  local loader
  for loader in "${loaders[@]}"; do
    if [[ -e $loader ]]; then break; fi
  done
  local libraries=$root/usr/libexec/swift/lib/swift/linux folder
  for folder in "$root"/usr/lib/*-linux-gnu; do libraries+=:$folder; done
  # Its helper for stack traces would need the same; without it a crash says what it says.
  export SWIFT_BACKTRACE=${SWIFT_BACKTRACE-enable=no}
  exec "$loader" --library-path "$libraries" "$program" "$@"
}

case ${1:-} in
  has) on_path || unpacked ;;
  fetch) fetch ;;
  run)
    shift
    run "$@"
    ;;
  exec)
    shift
    exec_program "$@"
    ;;
  *) fail "usage: toolchain.sh has|fetch|run CMD…|exec PROGRAM…" ;;
esac
