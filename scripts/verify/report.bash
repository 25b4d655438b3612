#!/usr/bin/env bash
# What verify-inf.sh and verify-hub.sh have in common: their report, and requests with a deadline. They source it.

program=${0##*/}
timeout=5
plain='' red='' green='' yellow=''
if [[ -t 1 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
  plain=$'\e[0m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m'
fi
declare -A count=([ok]=0 [FAIL]=0 [warn]=0 [skip]=0)

usage() { echo "$program: $1; --help shows what it takes" >&2; exit 2; }

# The commands that a check needs, or the end.
need() {
  local command
  for command; do
    command -v "$command" >/dev/null || { echo "$program: $command is missing; on Debian: sudo apt-get install $command" >&2; exit 2; }
  done
}

# The words of an option: `take VARIABLE "$@"` sets VARIABLE to what follows the option.
take() {
  if (($# < 3)) || [[ -z $3 ]]; then usage "$2 needs a value"; fi
  printf -v "$1" '%s' "$3"
}

readable() { [[ -r $2 && -f $2 ]] || usage "$1: $2 is no file that can be read here"; }

# A private folder for answers, which goes with the script. An answer may hold what is nobody else's business.
umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/${program%.sh}.XXXXXX")
trap 'rm -rf "$work"' EXIT
# A mistake of the script itself is no finding, and is not to look like an end.
set -E
trap 'echo "$program: the script itself failed, in line $LINENO" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM

# Takes the status, the name of the check, what was found, and the next commands to type. What was found may come from anywhere: it
# stays on its line, and moves no cursor.
report() {
  local status=$1 name=$2 text=${3//[[:cntrl:]]/ } colour=$plain command
  shift 3
  case $status in
    ok) colour=$green ;;
    FAIL) colour=$red ;;
    warn) colour=$yellow ;;
  esac
  count[$status]=$((count[$status] + 1))
  printf '%s%-4s%s  %-13s %s\n' "$colour" "$status" "$plain" "$name" "$text"
  for command; do
    [[ -z $command ]] || printf '      next: %s\n' "${command//[[:cntrl:]]/ }"
  done
}

# The same reason for several checks.
skip_all() {
  local reason=$1 name
  shift
  for name; do report skip "$name" "$reason"; done
}

# The last line, and the exit code.
summary() {
  printf '%s: %d ok, %d failed, %d warnings, %d skipped\n' "${program%.sh}" "${count[ok]}" "${count[FAIL]}" "${count[warn]}" "${count[skip]}"
  exit $((count[FAIL] > 0))
}

known() { getent ahosts "$1" >/dev/null || usage "no host '$1' is known here"; }

# Whether an address or a name is this host's.
is_local() {
  local own found
  own=" $(hostname -I 2>/dev/null) ::1 "
  while read -r found _; do
    if [[ $found == 127.* || $own == *" $found "* ]]; then return 0; fi
  done < <(getent ahosts "$1" || true)
  return 1
}

# A command as it has to be typed here to run on that host.
at() {
  local quote="'"
  if [[ $2 == *"'"* ]]; then quote='"'; fi
  if is_local "$1"; then echo "$2"; else echo "ssh $1 $quote$2$quote"; fi
}

# Whether a TCP connection can be made: 0, or 1 when it is refused, or 124 when nothing answers in time.
connect() {
  # shellcheck disable=SC2016 # the inner shell has them as $0 and $1
  timeout "$timeout" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null
}

# fetch FILE URL [OPTION...]: sets `code` to the status of the answer, or to 000, and `error` to why there is none. Neither a proxy
# nor somebody's .curlrc is between.
fetch() {
  local file=$1 url=$2
  shift 2
  error=''
  : >"$file"
  code=$(curl --disable --silent --show-error --noproxy '*' --max-time "$timeout" --output "$file" --write-out '%{http_code}' "$@" "$url" \
    2>"$work/error") || { error=$(<"$work/error"); error=${error#curl: (*) }; code=000; }
}

# What came instead of the answer that was wanted.
what_came() { if [[ -n $error ]]; then echo "$error"; else echo "the answer is $code"; fi; }

# Seconds as people say them.
span() {
  local seconds=$1
  if ((seconds < 120)); then echo "$seconds s"
  elif ((seconds < 7200)); then echo "$((seconds / 60)) min"
  elif ((seconds < 172800)); then echo "$((seconds / 3600)) h"
  else echo "$((seconds / 86400)) days"; fi
}
