#!/usr/bin/env bash
# Where bazelw keeps what it makes; sourced by its scripts.
#
# What is there is executed later, under names that anybody can foretell. So it is only used where this user alone can
# write: nobody can then put a link, or a root of their own making, where bazelw looks.

# shellcheck disable=SC2034 # for those that source this
cache=${XDG_CACHE_HOME:-${HOME:?bazelw: HOME is not set}/.cache}/rules_msp

# Makes the directory $1 where there is none, and ends the program where it is not this user's alone.
private_directory() {
  if ! (umask 022 && mkdir -p "$1"); then
    echo "bazelw: $1 can not be made: set XDG_CACHE_HOME to a place that can be written" >&2
    exit 1
  fi
  local above
  above=$(dirname "$(cd "$1" && pwd -P)")
  while [[ $above != / ]]; do
    # Where all can write, as in /tmp, only the sticky bit keeps them from renaming what is others'.
    if [[ ! -k $above ]] && can_be_written -002 "$above"; then
      echo "bazelw: $1 is not taken: anybody can rename it, since all can write $above;" \
        "set XDG_CACHE_HOME to a directory of your own" >&2
      exit 1
    fi
    above=$(dirname "$above")
  done
  require_private "$1"
}

# Ends the program where $1 is not this user's alone.
require_private() {
  local why
  if [[ -L $1 ]]; then
    why="it is a link"
  elif [[ ! -O $1 ]] && ! is_subordinate "$1"; then
    why="it belongs to somebody else"
  elif can_be_written -020 "$1" || can_be_written -002 "$1"; then
    why="others can write it (if you trust it: chmod go-w '$1')"
  else
    return 0
  fi
  echo "bazelw: $1 is not taken: $why; remove it, or set XDG_CACHE_HOME to a directory of your own" >&2
  exit 1
}

# Whether $2 has the permission $1, as find writes it.
can_be_written() { [[ -n $(find "$2" -prune -perm "$1") ]]; }

# Whether $1 belongs to one of this user's subordinate ids, as a root that mmdebstrap makes without being root does.
is_subordinate() {
  [[ -r /etc/subuid ]] && awk -F: -v name="$(id -un)" -v id="$(id -u)" -v owner="$(find "$1" -prune -printf %U)" '
    ($1 == name || $1 == id) && owner >= $2 && owner < $2 + $3 { found = 1 }
    END { exit !found }
  ' /etc/subuid
}
