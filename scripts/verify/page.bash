#!/usr/bin/env bash
# What verify-inf.sh finds in the exporter's page of metrics, which is the file $page. It sources this.
# shellcheck disable=SC2154 # verify-inf.sh has set what is not set here

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

page_checks=(promtool families journal lag collectors checkpoint counters rejected dropped reload)

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

check_rejected() {
  check_none rejected sentinel_exporter_events_rejected_total reason "every line was an event" "lines that are no events:" "$(logs not.counted)"
}

check_dropped() {
  check_none dropped sentinel_exporter_series_dropped_total metric "no label set was dropped" "samples over the limit of label sets:" \
    "$(at "$bare" "grep -n -A 2 '^limits:' $config")"
}

check_reload() {
  if [[ $(total sentinel_exporter_config_last_reload_successful) == 0 ]]; then
    report FAIL reload "the last configuration was refused; the one before is in force" \
      "$(at "$bare" "sentinel-exporter --config.check --config.file=$config")"
  else
    report ok reload "the configuration in force is the last that was given"
  fi
}

check_page() {
  local check
  for check in "${page_checks[@]}"; do "check_$check"; done
}
