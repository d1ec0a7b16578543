#!/usr/bin/env bash
# Makes a root with Bazel from Debian's packages, and then becomes a command: make_root.sh DIRECTORY [COMMAND...].
#
# The root is made aside and renamed when it is whole, under a lock: an interrupted or failed call leaves nothing
# behind, and of two calls at once the second waits and finds the root made. The command follows in this process, so
# that whoever signals it reaches first the making and then the command.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/offline/cache.sh
source "$here/cache.sh"
suite=testing
needed_kib=$((5 * 1024 * 1024))

# Files and directories that the machine lends to whatever runs in the root.
from_host=(
  /etc/group
  /etc/hosts
  /etc/localtime
  /etc/passwd
  /etc/pip.conf
  /etc/resolv.conf
  /etc/ssl/certs
  /usr/lib/google-cloud-sdk
)

say() { echo "bazelw: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Installs what makes and runs the root, or says what to install.
prepare() {
  local missing=()
  if ! type -P mmdebstrap > /dev/null; then missing+=(mmdebstrap); fi
  if ! type -P bwrap > /dev/null; then missing+=(bubblewrap); fi
  if ! type -P nsenter > /dev/null; then missing+=(util-linux); fi
  if [[ $(id -u) != 0 ]] && ! type -P newuidmap > /dev/null; then missing+=(uidmap); fi
  if ((${#missing[@]} == 0)); then return; fi
  if [[ $(id -u) == 0 ]] && type -P apt-get > /dev/null; then
    say "installing ${missing[*]}"
    apt-get install --yes --no-install-recommends "${missing[@]}" > "$log" 2>&1 && return
    { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 && return
    tail -n 5 "$log" >&2
  fi
  fail "no Bazel here: install bazelisk, or, on Debian, run as root: apt-get install ${missing[*]}"
}

check_namespaces() {
  if [[ $(id -u) != 0 ]] && ! unshare --user --map-root-user true 2> /dev/null; then
    fail "no Bazel here, and this user may not make namespaces to run one in: install bazelisk, or run this as root"
  fi
}

check_space() {
  local free_kib
  free_kib=$(df -Pk "$directory" | awk 'NR == 2 { print $4 }')
  if ((free_kib < needed_kib)); then
    fail "$directory has $((free_kib / 1024)) MiB free, the Bazel root needs $((needed_kib / 1024)):" \
      "make room, or set XDG_CACHE_HOME to a place with more"
  fi
}

# Runs mmdebstrap with a line for each of its steps; everything it says goes to the log.
bootstrap() {
  local mode=root
  if [[ $(id -u) != 0 ]]; then mode=unshare; fi
  local packages
  packages=$(grep -v '^#' "$here/packages.txt" | paste -sd ,)
  # In the background, so that a signal is acted on at once and not when the child ends, and as a job, so that it can
  # be ended with all it started.
  set -m
  mmdebstrap --mode="$mode" --variant=apt --include="$packages" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="bash '$here/make_root.sh' --finish \"\$1\"" \
    "$suite" "$aside" > >(tee "$log" | sed -unE '/customize-hook|architecture|automatically/d; s/^I: /bazelw:   /p' >&2) 2>&1 &
  child=$!
  set +m
  local failed=0
  wait "$child" || failed=$?
  child=
  if ((failed)); then
    { grep -E '^(E:|Err:|W: Failed|dpkg: error)' "$log" || cat "$log"; } | tail -n 5 >&2
    fail "the Bazel root could not be made from Debian's packages: is there a network, and room on the disk?" \
      "Run it again, or install bazelisk"
  fi
}

# Puts mount points for what the machine lends into the root at $1.
finish() {
  local path
  for path in "${from_host[@]}"; do
    if [[ $path == /usr/lib/* || $path == */certs ]]; then
      mkdir -p "$1$path"
    else
      rm -f "$1$path"
      mkdir -p "$(dirname "$1$path")"
      touch "$1$path"
    fi
  done
  ln -s ../lib/google-cloud-sdk/bin/gcloud "$1/usr/bin/gcloud"
}

remove() {
  if [[ -e $1 ]]; then
    if [[ $(id -u) == 0 ]]; then
      rm -rf --one-file-system "$1"
    else
      mmdebstrap --unshare-helper rm -rf "$1"
    fi
  fi
}

# Ends the child that fills the root, then removes what it made.
clean_up() {
  trap - EXIT INT TERM HUP
  if [[ -n ${child:-} ]]; then
    kill -TERM -- "-$child" 2> /dev/null || true
    wait "$child" 2> /dev/null || true
  fi
  remove "$aside"
  rm -f "$log"
}

# Lets the lock go and runs the command in this process.
become() {
  exec 9>&-
  if (($#)); then exec "$@"; fi
  exit
}

case ${1:-} in
  --from-host)
    printf '%s\n' "${from_host[@]}"
    exit
    ;;
  --finish)
    finish "$2"
    exit
    ;;
esac

root=$1
directory=$(dirname "$root")
aside=$root.making
log=$root.log
if [[ $(uname -s) != Linux ]]; then
  fail "no Bazel here that reaches a registry of modules: install bazelisk"
fi
private_directory "$directory"
exec 9>> "$directory/root.lock"
if ! flock --nonblock 9; then
  say "another bazelw is making the Bazel root; waiting for it"
  flock 9
fi
if [[ -d $root ]]; then
  become "${@:2}"
fi
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
say "no Bazel on PATH reaches a registry of modules; making one from Debian's packages (once, about two minutes, 2.5 GB)"
remove "$aside"
check_namespaces
prepare
check_space
bootstrap
mv "$aside" "$root"
say "made $root"
clean_up
become "${@:2}"
