#!/usr/bin/env bash
# Runs the Bazel of the offline root, making the root first where there is none. `--where` prints the root's place.
#
# Only /usr and /etc come from the root; everything else is the machine's own, at its own path, so that checkouts,
# caches and credentials are where they always are.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tools/offline/cache.sh
source "$here/cache.sh"
root=$cache/root-$(cat "$here/packages.txt" "$here/make_root.sh" | sha256sum | head -c 12)

if [[ ${1:-} == --where ]]; then
  echo "$root"
  exit
fi

if [[ ! -d $root ]]; then
  exec bash "$here/make_root.sh" "$root" bash "$here/bazel.sh" "$@"
fi
private_directory "$cache"
require_private "$root"
if ! type -P bwrap > /dev/null || ! type -P nsenter > /dev/null; then
  echo "bazelw: bwrap or nsenter is missing; install them with: apt-get install bubblewrap util-linux" >&2
  exit 1
fi

arguments=(--bind /proc /proc --dev-bind /dev /dev --ro-bind "$root/usr" /usr --ro-bind "$root/etc" /etc)
for directory in bin lib lib32 lib64 sbin; do
  if [[ -e $root/$directory ]]; then
    arguments+=(--symlink "usr/$directory" "/$directory")
  fi
done
for directory in /*; do
  case $directory in
    /bin | /dev | /etc | /lib* | /lost+found | /proc | /sbin | /usr) ;;
    *) if [[ -d $directory && ! -L $directory ]]; then arguments+=(--bind "$directory" "$directory"); fi ;;
  esac
done
# What must be the machine's own below /etc and /usr, where it has it; make_root.sh has put the mount points there.
while read -r path; do
  if [[ -e $path ]]; then
    arguments+=(--ro-bind "$(realpath "$path")" "$path")
  fi
done < <(bash "$here/make_root.sh" --from-host)

# The stand-ins for what Debian's modules lack. A Bazel server keeps the mounts that it was started with, so they are
# a copy named by its content, which no checkout of another commit takes away, and the server's command line names it
# and the root: others of them, another server.
content=$(cd "$here" && find bazelrc modules rules_python -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
stand_ins=$cache/offline-${content:0:12}
if [[ ! -d $stand_ins ]]; then
  aside=$(mktemp -d "$cache/offline.XXXXXX")
  cp -R "$here/bazelrc" "$here/modules" "$here/rules_python" "$aside"
  mv -T "$aside" "$stand_ins" 2> /dev/null || rm -rf "$aside"
fi
require_private "$stand_ins"
extensions=/usr/share/bazel/rules/python/python/extensions
arguments+=(
  --ro-bind "$stand_ins" /rules_msp/offline
  --ro-bind "$stand_ins/bazelrc" /etc/bazel/bazelrc
  --ro-bind "$stand_ins/rules_python/pip.bzl" "$extensions/pip.bzl"
  --ro-bind "$stand_ins/rules_python/python.bzl" "$extensions/python.bzl"
)

# bwrap stands between its caller and its child, and passes no signal on. So it only makes the namespaces, with a shell
# in them that waits until this process has opened them. Then this process enters and becomes Bazel, and after that the
# program that Bazel runs: who started bazelw signals, stops and waits for that program itself.
coproc held { bwrap "${arguments[@]}" /bin/sh -c 'echo $$; read -r _'; }
to_held=${held[1]}
if ! read -ru "${held[0]}" pid; then
  echo "bazelw: bwrap can not enter the Bazel root" >&2
  exit 1
fi
exec 8< "/proc/$pid/ns/mnt" 9< "/proc/$pid/ns/user" {to_held}>&-
namespaces=(--mount=/proc/self/fd/8)
if [[ ! /proc/self/fd/9 -ef /proc/self/ns/user ]]; then
  namespaces+=(--user=/proc/self/fd/9 --preserve-credentials)
fi
wait || true

exec nsenter "${namespaces[@]}" \
  /usr/bin/env --chdir="$PWD" --unset=JAVA_HOME --unset=PYTHONPATH PATH=/usr/local/bin:/usr/bin:/bin \
  sh -c 'exec 8<&- 9<&- bazel "$@"' bazelw "--host_jvm_args=-Drules_msp.mounts=${root##*-}-${stand_ins##*-}" "$@"
