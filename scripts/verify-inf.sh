#!/usr/bin/env bash
# Asks whether the exporter on the trading host is well, from that host or from any that reaches it. One line a check (ok, FAIL, warn,
# or skip with the reason), what to type next after each that is not well, and a summary. It changes nothing and prints no secret.
# It needs awk, bash, coreutils and curl; promtool for one check. The folder verify/ has to be beside it.
#
#   verify-inf.sh [OPTION...] [ADDRESS[:PORT]]     by default 172.19.141.250:8000
#
#   --https                the exporter speaks TLS
#   --ca FILE              the authority of its certificate; with this or the next, --https is meant
#   --cert FILE --key FILE the certificate to show when it asks for one
#   --user NAME --password-file FILE
#                          the user to be when it asks for one
#   --hub ADDRESS          who scrapes it, for the firewall's commands; by default 172.19.141.254
#   --unit NAME            its systemd unit; by default sentinel-exporter
#   --timeout SECONDS      how long each answer may take; by default 5
#
# Exit code: 0 nothing failed, 1 something did, 2 the arguments are wrong or a command is missing.
set -euo pipefail
folder=$(dirname "$0")
[[ -d $folder/verify ]] || { echo "$0: the folder verify/ has to be beside it" >&2; exit 2; }
# shellcheck source=scripts/verify/report.bash
source "$folder/verify/report.bash"
# shellcheck source=scripts/verify/page.bash
source "$folder/verify/page.bash"

address='' scheme=http ca='' cert='' key='' user='' password_file='' hub=172.19.141.254 unit=sentinel-exporter
while (($#)); do
  case $1 in
    -h | --help) sed -n '2,19s/^# \{0,1\}//p' "$0"; exit ;;
    --https) scheme=https ;;
    --ca) take ca "$@"; scheme=https; shift ;;
    --cert) take cert "$@"; scheme=https; shift ;;
    --key) take key "$@"; shift ;;
    --user) take user "$@"; shift ;;
    --password-file) take password_file "$@"; shift ;;
    --hub) take hub "$@"; shift ;;
    --unit) take unit "$@"; shift ;;
    --timeout) take timeout "$@"; shift ;;
    -*) usage "unknown option '$1'" ;;
    *) [[ -z $address ]] || usage "one address is enough"; address=$1 ;;
  esac
  shift
done
[[ $timeout =~ ^[1-9][0-9]*$ ]] || usage "--timeout needs a number of seconds"
[[ ${address:=172.19.141.250:8000} =~ ^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:([0-9]+))?$ ]] || usage "'$address' is no ADDRESS[:PORT]"
host=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]:-8000}
bare=${host//[\[\]]/}
[[ ${cert:+given} == "${key:+given}" ]] || usage "--cert and --key belong together"
[[ ${user:+given} == "${password_file:+given}" ]] || usage "--user and --password-file belong together"
need awk curl
known "$bare"
shown=()
if [[ -n $ca ]]; then readable --ca "$ca"; shown+=(--cacert "$ca"); fi
if [[ -n $cert ]]; then readable --cert "$cert"; readable --key "$key"; shown+=(--cert "$cert" --key "$key"); fi
login=("${shown[@]}")
if [[ -n $user ]]; then
  readable --password-file "$password_file"
  # A password among the arguments of curl could be read by every user of this host.
  credentials=$user:$(<"$password_file")
  credentials=${credentials//\\/\\\\}
  printf 'user = "%s"\n' "${credentials//\"/\\\"}" >"$work/login"
  login+=(--config "$work/login") shown+=(--user "$user")
fi

url=$scheme://$host:$port
here=false
if is_local "$bare"; then here=true; fi
page=$work/page
now=$(date +%s)

# A request as it can be typed; curl asks for the password.
again() { printf 'curl -sS --max-time %s' "$timeout"; printf ' %q' "${shown[@]}" "$url$1"; echo; }
logs() { at "$bare" "journalctl -u $unit -n 100 --no-pager${1:+ | grep -i $1}"; }

check_service() {
  local shown_unit state
  if ! $here; then report skip service "$bare is another host, whose systemd cannot be asked from here"; return; fi
  if ! shown_unit=$(timeout "$timeout" systemctl show "$unit.service" 2>/dev/null -p LoadState -p ActiveState -p SubState -p Result \
    -p NRestarts -p ActiveEnterTimestamp -p ExecStart); then
    report skip service "there is no systemd that answers here"
    return
  fi
  property() { sed -n "s/^$1=//p" <<<"$shown_unit"; }
  config=$(sed -nE 's/.*--config\.file[= ]([^ ;]+).*/\1/p' <<<"$(property ExecStart)")
  state=$(property ActiveState)
  case $(property LoadState)/$state in
    */active) report ok service "$unit runs since $(property ActiveEnterTimestamp); restarts by systemd: $(property NRestarts)" ;;
    not-found/*) report FAIL service "systemd has no unit $unit" "systemctl list-units --all '*sentinel*'" ;;
    */inactive) report FAIL service "$unit is stopped" "sudo systemctl start $unit" ;;
    *) report FAIL service "$unit is $state ($(property SubState), $(property Result))" "$(logs)" ;;
  esac
}

# The addresses that the port is listened on here, from the kernel's tables. Bytes stand there from last to first, in words of four.
listeners() {
  local local_address state hex
  printf -v hex '%04X' "$port"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local_address _ state _; do
    [[ $state == 0A && ${local_address#*:} == "$hex" ]] || continue
    case ${local_address%:*} in
      00000000) echo 0.0.0.0 ;;
      00000000000000000000000000000000) echo '[::]' ;;
      00000000000000000000000001000000) echo '[::1]' ;;
      ????????) printf '%d.%d.%d.%d\n' "0x${local_address:6:2}" "0x${local_address:4:2}" "0x${local_address:2:2}" "0x${local_address:0:2}" ;;
      *) echo 'one of IPv6' ;;
    esac
  done | sort -u
}

# What lets HUB in, for each firewall that is installed here, or for all of them.
firewall_commands() {
  local -A commands=(
    [ufw]="sudo ufw allow proto tcp from $hub to any port $port"
    [firewall-cmd]="sudo firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=$hub port port=$port protocol=tcp accept' && sudo firewall-cmd --reload"
    [nft]="sudo nft list ruleset; sudo nft insert rule inet filter input ip saddr $hub tcp dport $port accept"
  )
  local tool found=()
  for tool in ufw firewall-cmd nft; do
    if command -v "$tool" >/dev/null; then found+=("${commands[$tool]}"); fi
  done
  ((${#found[@]})) || found=("${commands[ufw]}" "${commands[firewall-cmd]}" "${commands[nft]}")
  printf '%s\n' "${found[@]}"
}

# Sets `reachable`.
check_port() {
  local on result=0 commands
  reachable=true
  connect "$bare" "$port" || result=$?
  on=''
  if $here; then on=$(listeners | paste -sd ' '); fi
  if ((result == 0)); then
    report ok port "$host:$port takes connections${on:+; listened on: $on}"
    if $here; then report ok firewall "this host reaches it; verify-hub.sh tells whether HUB does"; else report ok firewall "it lets this host in"; fi
    return
  fi
  reachable=false
  if ! $here; then
    if ((result == 124)); then
      report FAIL port "no answer within $timeout s: a firewall drops it, or the host is down" \
        "ssh $bare 'sudo ufw status; sudo firewall-cmd --list-all; sudo nft list ruleset'"
    else
      report FAIL port "the connection is refused, or there is no way to the host" "ssh $bare 'systemctl status $unit; ss -ltn'"
    fi
    report skip firewall "nothing is known of it from here"
  elif [[ -z $on ]]; then
    report FAIL port "nothing listens on port $port of this host" "systemctl status $unit --no-pager"
    report skip firewall "nothing listens behind it"
  elif ((result == 124)); then
    report ok port "listened on: $on"
    mapfile -t commands < <(firewall_commands)
    report FAIL firewall "$bare does not answer within $timeout s, though the port is listened on: a firewall drops it" "${commands[@]}"
  else
    report FAIL port "listened on: $on, but not on $bare, so that HUB cannot scrape it" \
      "grep -n listen_address $config; systemctl cat $unit | grep listen"
    report skip firewall "nothing listens behind it"
  fi
}

# Sets `talks` when the exporter speaks to us.
check_health() {
  talks=true
  fetch "$work/health" "$url/health" "${login[@]}"
  if [[ $code == 200 && $(<"$work/health") == '{"status": "ok"}' ]]; then
    report ok health "/health says ok"
  elif [[ $code == 000 ]]; then
    talks=false
    report FAIL health "$error" "$(again /health)" "$(logs)"
  elif [[ $code == 400 && $(<"$work/health") == *"speaks TLS"* ]]; then
    talks=false
    report FAIL health "it speaks TLS" "$0 --https $host:$port"
  elif [[ $code == 401 ]]; then
    talks=false
    report FAIL health "it does not know this user: give --user and --password-file" "$(again /health)"
  else
    report FAIL health "/health answers $code and not {\"status\": \"ok\"}: is it the exporter that listens there?" "$(again /health)"
  fi
}

# Sets `ready`.
check_ready() {
  ready=true
  fetch "$work/ready" "$url/-/ready" "${login[@]}"
  if [[ $code == 200 ]]; then report ok ready "the journals have been read"; return; fi
  ready=false
  report FAIL ready "it still reads the journals, and shows no metrics before that ($(what_came))" "$(logs reading.the.journals)"
}

# Sets `there` when there is a page to judge.
check_metrics() {
  local version
  there=true
  fetch "$page" "$url/metrics" "${login[@]}"
  if [[ $code == 200 ]] && grep -q '^[a-z]' "$page"; then
    version=$(label version "$(samples sentinel_exporter_build_info)")
    report ok metrics "$(grep -vc '^#' "$page") samples in $(wc -c <"$page") bytes${version:+ by version $version}"
  else
    there=false
    report FAIL metrics "no metrics: $(what_came)" "$(again /metrics)"
  fi
}

config=/etc/sentinel-exporter/sentinel.yml
echo "${program%.sh}: the exporter at $url"
check_service
check_port
if ! $reachable; then
  skip_all "the port does not answer" health ready metrics "${page_checks[@]}"
else
  check_health
  if ! $talks; then
    skip_all "see health" ready metrics "${page_checks[@]}"
  else
    check_ready
    if ! $ready; then skip_all "it is not ready" metrics "${page_checks[@]}"; else
      check_metrics
      if $there; then check_page; else skip_all "there is no page of metrics" "${page_checks[@]}"; fi
    fi
  fi
fi
summary
