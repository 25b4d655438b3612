#!/usr/bin/env bash
# Asks whether the exporter on the trading host is well, from that host or from any that reaches it. One line a check (ok, FAIL, warn,
# or skip with the reason), what to type next after each that is not well, and a summary. It changes nothing and prints no secret.
# It needs awk, bash, coreutils and curl; promtool for one check. verify.bash has to be beside it.
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
# shellcheck source=scripts/verify.bash
source "$folder/verify.bash" || { echo "$0: verify.bash has to be beside it" >&2; exit 2; }

# The families of the trading part. A test holds both lists to the catalogue.
families=(
  sentinel_trading_cycles_total sentinel_trading_cycles_failed_total sentinel_trading_cycle_duration_seconds
  sentinel_last_cycle_timestamp_unix sentinel_data_fetch_duration_seconds sentinel_data_fetch_failed_total
  sentinel_feature_build_duration_seconds sentinel_prediction_requests_total sentinel_prediction_failures_total
  sentinel_prediction_latency_seconds sentinel_last_prediction_confidence sentinel_trading_signals_total
  sentinel_trading_signals_executed_total sentinel_zmq_send_latency_seconds sentinel_zmq_send_failures_total sentinel_api_calls_total
  sentinel_daemon_uptime_seconds sentinel_order_latency_seconds sentinel_slippage_bps sentinel_websocket_downtime_seconds
  sentinel_websocket_reconnects_total sentinel_kill_switch_active sentinel_kill_switch_activations_total
  sentinel_kill_switch_activation_seconds sentinel_cancel_all_seconds sentinel_pnl_usd sentinel_daily_loss_limit_usd
  sentinel_reconciliation_drift_usd sentinel_reconciliation_failures_total sentinel_last_reconciliation_timestamp_seconds
)
# These are not there before their first event.
later=(
  sentinel_api_errors_total sentinel_orders_total sentinel_trading_errors_total sentinel_api_latency_seconds sentinel_risk_checks_total
  sentinel_position_usd sentinel_market_regime
)
# What promtool says of a name that other systems depend on.
exception='^sentinel_exporter_counter_reset_timestamp_seconds metric name should not include type'

# The limits of the alerts SentinelTradingCyclesStalled, SentinelJournalLagging, SentinelCollectorFailing and SentinelCheckpointStale.
stalled=180 lagging=1048576 collector_late=300 checkpoint_late=300

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

# The samples of a family, as labels and value.
samples() {
  awk -v name="$1" '
    index($0, name " ") == 1 || index($0, name "{") == 1 {
      value = $NF; labels = substr($0, length(name) + 1); sub(/ [^ ]*$/, "", labels); print labels "\t" value
    }' "$page"
}
# The sum of a family, as a whole number; nothing when it is not there.
total() { samples "$1" | awk -F '\t' '{ sum += $2 } END { if (NR) printf "%.0f", sum }'; }
label() { local rest=${2#*"$1"=\"}; echo "${rest%%\"*}"; }
# In bash's own arithmetic: Python writes 1.7e+09.
whole() { awk -v value="$1" 'BEGIN { printf "%.0f", value }'; }

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
  local plain_text
  talks=true
  fetch "$work/health" "$url/health" "${login[@]}"
  if [[ $code == 200 && $(<"$work/health") == '{"status": "ok"}' ]]; then
    report ok health "/health says ok"
  elif [[ $code == 000 ]]; then
    talks=false
    plain_text=''
    if [[ $scheme == http ]]; then plain_text="$0 --https $host:$port"; fi
    report FAIL health "$error" "$(again /health)" "$(logs)" "$plain_text"
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

check_promtool() {
  local said result=0
  if ! command -v promtool >/dev/null; then
    report skip promtool "promtool is not installed here; where it is, such as on HUB:" "$(again /metrics) | promtool check metrics"
    return
  fi
  said=$(timeout "$timeout" promtool check metrics <"$page" 2>&1) || result=$?
  said=$(grep -vE "$exception" <<<"$said" || true)
  if ((result == 0 || result == 3)) && [[ -z $said ]]; then
    report ok promtool "the page is valid"
  else
    report FAIL promtool "${said:-promtool ended with $result}" "$(again /metrics) | promtool check metrics"
  fi
}

check_families() {
  local name absent=() waiting=()
  for name in "${families[@]}"; do grep -q "^# TYPE $name " "$page" || absent+=("$name"); done
  for name in "${later[@]}"; do grep -q "^# TYPE $name " "$page" || waiting+=("$name"); done
  if ((${#absent[@]})); then
    report FAIL families "missing: ${absent[*]}; is the exporter an older one?" "$(at "$bare" 'sentinel-exporter --version')"
  else
    report ok families "$((${#families[@]} + ${#later[@]} - ${#waiting[@]})) of 37${waiting[*]:+; with their first event come ${waiting[*]}}"
  fi
}

# Whether the daemon writes: the last event is young while the market is open.
check_journal() {
  local last age journals look
  last=$(whole "$(total sentinel_exporter_last_event_timestamp_seconds)")
  # The exporter's own is always there.
  journals=$(samples sentinel_exporter_journal_lag_bytes | while IFS=$'\t' read -r name _; do
    [[ $name == */journal/events.jsonl\"* ]] || label journal "$name"
  done)
  if [[ $last == 0 && -z $journals ]]; then
    report warn journal "no event ever came, and no journal of the daemon's is configured" "$(at "$bare" "grep -n -A 3 '^journals:' $config")"
    return
  fi
  # shellcheck disable=SC2086 # several are several arguments
  look="ls -l $(printf '%q ' $journals)&& date"
  age=$((now - last))
  if ((last == 0)); then
    report FAIL journal "no event ever came" "$(at "$bare" "$look")"
  elif ((age < -60)); then
    report FAIL journal "the last event is $(span "$((-age))") in the future: a clock is wrong" "$(at "$bare" timedatectl)"
  elif ((age <= stalled)); then
    report ok journal "the last event is $(span "$((age > 0 ? age : 0))") old"
  elif samples sentinel_market_regime | grep -q $'^{regime="closed"}\t1'; then
    report ok journal "the market is closed; the last event is $(span "$age") old"
  else
    report FAIL journal "the last event is $(span "$age") old, and the market is not closed: the daemon writes nothing" "$(at "$bare" "$look")"
  fi
}

check_lag() {
  local name bytes worst=0 of=''
  while IFS=$'\t' read -r name bytes; do
    bytes=$(whole "$bytes")
    if ((bytes > worst)); then worst=$bytes of=$(label journal "$name"); fi
  done < <(samples sentinel_exporter_journal_lag_bytes)
  if ((worst == 0)); then
    report ok lag "every journal is read to its end"
  elif ((worst <= lagging)); then
    report warn lag "$worst bytes of $of are not read yet" "$(again /metrics) | grep journal_lag"
  else
    report FAIL lag "$worst bytes of $of are not read, more than a scrape takes" "$(logs cannot.be.read)"
  fi
}

check_collectors() {
  local name success last interval late bad=() good=()
  declare -A lasts intervals
  while IFS=$'\t' read -r name last; do lasts[$name]=$(whole "$last"); done < <(samples sentinel_exporter_collector_last_success_timestamp_seconds)
  while IFS=$'\t' read -r name interval; do intervals[$name]=$(whole "$interval"); done < <(samples sentinel_exporter_collector_interval_seconds)
  while IFS=$'\t' read -r name success; do
    last=${lasts[$name]:-0} late=$((3 * ${intervals[$name]:-0}))
    ((late > collector_late)) || late=$collector_late
    if ((last == 0)); then bad+=("$(label collector "$name") (never succeeded)")
    elif [[ $success == 0 ]] || ((now - last > late)); then bad+=("$(label collector "$name") (last success $(span "$((now - last))") ago)")
    else good+=("$(label collector "$name")"); fi
  done < <(samples sentinel_exporter_collector_success)
  if ((${#bad[@]})); then
    report FAIL collectors "failing: ${bad[*]}" "$(logs 'collector')"
  elif ((${#good[@]})); then
    report ok collectors "succeed: ${good[*]}"
  else
    report skip collectors "none is configured"
  fi
}

check_checkpoint() {
  local last age failures
  last=$(total sentinel_exporter_snapshot_last_success_timestamp_seconds)
  # Before the first one it is as old as the process.
  [[ -n $last && $last != 0 ]] || last=$(total process_start_time_seconds)
  age=$((now - ${last:-0})) failures=$(total sentinel_exporter_snapshot_failures_total)
  if ((age > checkpoint_late)); then
    report FAIL checkpoint "saved $(span "$age") ago; every 5 s is normal (failures: ${failures:-unknown})" "$(logs checkpoint)" "$(at "$bare" 'df -h; df -i')"
  else
    report ok checkpoint "saved $(span "$((age > 0 ? age : 0))") ago"
  fi
}

# Counters that began anew are no fault of now; within a day somebody may still wonder about the graphs.
check_counters() {
  local reset
  reset=$(total sentinel_exporter_counter_reset_timestamp_seconds)
  if [[ -n $reset ]] && ((reset > 0 && now - reset < 86400)); then
    report warn counters "they began anew $(span "$((now - reset))") ago: the checkpoint was gone" "$(logs checkpoint)"
  else
    report ok counters "they go on from the checkpoint"
  fi
}

# The sum of a counter that should be 0. It outlives restarts, so that it does not tell when it was.
check_none() {
  local name=$1 family=$2 which=$3 none=$4 some=$5 command=$6 labels value reasons=''
  while IFS=$'\t' read -r labels value; do
    [[ $value == 0 ]] || reasons+=" $(label "$which" "$labels")=$value"
  done < <(samples "$family")
  if [[ -z $reasons ]]; then report ok "$name" "$none"; else report warn "$name" "$some$reasons" "$command"; fi
}

check_reload() {
  if [[ $(total sentinel_exporter_config_last_reload_successful) == 0 ]]; then
    report FAIL reload "the last configuration was refused; the one before is in force" \
      "$(at "$bare" "sentinel-exporter --config.check --config.file=$config")"
  else
    report ok reload "the configuration in force is the last that was given"
  fi
}

config=/etc/sentinel-exporter/sentinel.yml
echo "${program%.sh}: the exporter at $url"
check_service
check_port
of_page=(promtool families journal lag collectors checkpoint counters rejected dropped reload)
if ! $reachable; then
  skip_all "the port does not answer" health ready metrics "${of_page[@]}"
else
  check_health
  if ! $talks; then
    skip_all "see health" ready metrics "${of_page[@]}"
  else
    check_ready
    if ! $ready; then skip_all "it is not ready" metrics "${of_page[@]}"; else
      check_metrics
      if ! $there; then skip_all "there is no page of metrics" "${of_page[@]}"; else
        check_promtool
        check_families
        check_journal
        check_lag
        check_collectors
        check_checkpoint
        check_counters
        check_none rejected sentinel_exporter_events_rejected_total reason "every line was an event" "lines that are no events:" "$(logs not.counted)"
        check_none dropped sentinel_exporter_series_dropped_total metric "no label set was dropped" "samples over the limit of label sets:" \
          "$(at "$bare" "grep -n -A 2 '^limits:' $config")"
        check_reload
      fi
    fi
  fi
fi
summary
