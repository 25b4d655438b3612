#!/usr/bin/env bash
# Asks whether HUB sees the exporter, evaluates the rules and can tell people, from HUB or from any host that reaches it. One line a
# check (ok, FAIL, warn, or skip with the reason), what to type next after each that is not well, and a summary. It changes nothing,
# but for --page, and prints no secret. It needs awk, bash, coreutils, curl and python3, and stands in the source tree, with whose
# rules/ it compares what Prometheus has loaded.
#
#   verify-hub.sh [OPTION...] [HUB [INF[:PORT]]]   by default 172.19.141.254 and 172.19.141.250:8000
#
#   --page [critical|warning]  send a test alert the way that real ones go, and tell who got it; by default critical
#   --wait SECONDS             how long the receivers may take; by default 75, of which a route waits up to 30
#   --team TEAM                for trading, risk, data or sre; by default sre
#   --receivers "NAME..."      the receivers that there have to be; by default heartbeat, discord, pagerduty and DingTalk's four
#   --peers NUMBER             how many Alertmanagers there have to be; by default 1
#   --rules FOLDER             the rules to compare with; by default those of the source tree
#   --grafana-token-file FILE  a service account's token, when Grafana asks for one
#   --prometheus-port, --alertmanager-port, --grafana-port, --bridge-port PORT
#                              by default 9090, 9093, 3000 and 8060
#   --timeout SECONDS          how long each answer may take; by default 5
#
# Exit code: 0 nothing failed, 1 something did, 2 the arguments are wrong or a command is missing.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
[[ -d $folder/verify ]] || { echo "$0: the folder verify/ has to be beside it" >&2; exit 2; }
# shellcheck source=scripts/verify/report.bash
source "$folder/verify/report.bash"

# How long the test alert lasts: longer than a route waits for others of its group, or it would end before it is told.
page_lasts=180

again=$(printf '%q ' "$0" "$@")
hub='' inf='' severity='' team=sre rules=$(dirname "$folder")/rules token_file='' peers=1 wait=75
receivers='heartbeat discord pagerduty dingtalk-trading dingtalk-risk dingtalk-data dingtalk-sre'
prometheus_port=9090 alertmanager_port=9093 grafana_port=3000 bridge_port=8060
while (($#)); do
  case $1 in
    -h | --help) sed -n '2,22s/^# \{0,1\}//p' "$0"; exit ;;
    --page)
      severity=critical
      case ${2-} in critical | warning) severity=$2; shift ;; esac
      ;;
    --wait) take wait "$@"; shift ;;
    --team) take team "$@"; shift ;;
    --receivers) take receivers "$@"; shift ;;
    --peers) take peers "$@"; shift ;;
    --rules) take rules "$@"; shift ;;
    --grafana-token-file) take token_file "$@"; shift ;;
    --prometheus-port) take prometheus_port "$@"; shift ;;
    --alertmanager-port) take alertmanager_port "$@"; shift ;;
    --grafana-port) take grafana_port "$@"; shift ;;
    --bridge-port) take bridge_port "$@"; shift ;;
    --timeout) take timeout "$@"; shift ;;
    -*) usage "unknown option '$1'" ;;
    *) if [[ -z $hub ]]; then hub=$1; elif [[ -z $inf ]]; then inf=$1; else usage "two addresses are enough: HUB and INF"; fi ;;
  esac
  shift
done
for number in "$timeout" "$peers" "$wait" "$prometheus_port" "$alertmanager_port" "$grafana_port" "$bridge_port"; do
  [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || usage "'$number' is no number from 1 on"
done
[[ $team =~ ^(trading|risk|data|sre)$ ]] || usage "'$team' is no team; expected trading, risk, data or sre"
for address in "${hub:=172.19.141.254}" "${inf:=172.19.141.250}"; do
  [[ $address =~ ^[A-Za-z0-9._-]+(:[0-9]+)?$ ]] || usage "'$address' is no address"
done
[[ $hub != *:* ]] || usage "HUB is an address without a port; the ports are options"
[[ $inf == *:* ]] || inf=$inf:8000
[[ -d $rules ]] || usage "--rules: $rules is no folder"
need awk curl python3
known "$hub"
login=()
if [[ -n $token_file ]]; then
  readable --grafana-token-file "$token_file"
  token=$(<"$token_file")
  [[ $token =~ ^[[:graph:]]+$ && $token != *[\"\\]* ]] || usage "--grafana-token-file: $token_file holds no token"
  printf 'header = "Authorization: Bearer %s"\n' "$token" >"$work/login"
  login=(--config "$work/login")
fi
# On HUB the bridge is asked where Alertmanager sends to, for it need not listen anywhere else.
elsewhere=() bridge=127.0.0.1
is_local "$hub" || elsewhere=(--remote) bridge=$hub

answers=$work/answers
mkdir "$answers"
# ask NAME URL [OPTION...]: leaves the answer in the file NAME, or the reason why there is none in NAME.why.
ask() {
  local name=$1
  shift
  fetch "$work/body" "$@"
  if [[ $code == 200 ]]; then mv "$work/body" "$answers/$name"; else what_came >"$answers/$name.why"; fi
}

judge() {
  python3 -B "$folder/verify/hub.py" "$@" "$answers" --hub "$hub" --inf "$inf" --rules "$rules" --receivers "$receivers" --peers "$peers" \
    --prometheus-port "$prometheus_port" --alertmanager-port "$alertmanager_port" --grafana-port "$grafana_port" \
    --now "$(date +%s)" --again "$again" "${elsewhere[@]}"
}

ask_prometheus() {
  local base=http://$hub:$prometheus_port name target="job=\"sentinel-metrics\",instance=\"$inf\""
  ask prometheus_ready "$base/-/ready"
  [[ -e $answers/prometheus_ready ]] || return 0
  for name in config=status/config runtime=status/runtimeinfo targets=targets?state=active rules=rules alertmanagers=alertmanagers alerts=alerts; do
    ask "${name%%=*}" "$base/api/v1/${name#*=}"
  done
  ask names "$base/api/v1/query" --get --data-urlencode "query=count by (__name__) ({$target})"
  # The last scrape that failed, or else the first of all.
  ask since "$base/api/v1/query" --get --data-urlencode \
    "query=max_over_time(timestamp(up{$target} == 0)[1d:15s]) or min_over_time(timestamp(up{$target})[1d:15s])"
}

ask_alertmanager() {
  local base=http://$hub:$alertmanager_port
  ask alertmanager_ready "$base/-/ready"
  [[ -e $answers/alertmanager_ready ]] || return 0
  ask am_status "$base/api/v2/status"
  ask am_watchdog "$base/api/v2/alerts" --get --data-urlencode 'filter=alertname="SentinelWatchdog"'
  ask bridge "http://$bridge:$bridge_port/-/healthy"
}

ask_grafana() {
  local base=http://$hub:$grafana_port
  ask grafana "$base/api/health"
  [[ -e $answers/grafana ]] || return 0
  ask search "$base/api/search?type=dash-db&limit=5000" "${login[@]}"
}

# A counter of Alertmanager for one way to send; it has no series before the first message.
counted() {
  awk -v name="$2{" -v way="integration=\"$3\"" 'index($0, name) == 1 && index($0, way) { sum += $NF } END { printf "%d", sum }' "$1"
}
# What has been tried by a way since the page was sent, and what of it failed. Each try counts when it has been answered.
tried() { echo $(($(counted "$work/after" "alertmanager_notification_requests_$2" "$1") - $(counted "$work/before" "alertmanager_notification_requests_$2" "$1"))); }

# The alert is of no host and of this moment alone, so that it is a message of its own and nothing inhibits it.
page() {
  local base=http://$hub:$alertmanager_port from mark ends lines state told way number names failed arrived since complete
  local logs silences="amtool --alertmanager.url=$base silence query"
  logs=$(at "$hub" 'journalctl -u prometheus-alertmanager -n 100 --no-pager | grep -i notify')
  from=$(hostname) from=${from//[^A-Za-z0-9.-]/} mark=test-$from-$(date +%s%3N) ends=$(date -u -d "+$page_lasts seconds" +%FT%TZ)
  fetch "$work/before" "$base/metrics"
  if [[ $code != 200 ]]; then report FAIL page "Alertmanager shows no metrics: $(what_came)" "curl -sS $base/metrics"; return; fi
  cat >"$work/page" <<JSON
[{"labels": {"alertname": "SentinelTestPage", "severity": "$severity", "team": "$team", "instance": "$mark"},
  "annotations": {"summary": "This is a test. Nothing is wrong.",
    "description": "This is a test, and nothing is wrong: sent by verify-hub.sh on $from to see whether a $severity alert of the team $team arrives. It ends by itself at $ends.",
    "runbook_url": "$base/#/alerts", "dashboard_url": "$base/#/alerts"},
  "endsAt": "$ends"}]
JSON
  fetch "$work/body" "$base/api/v2/alerts" --header 'Content-Type: application/json' --data "@$work/page"
  if [[ $code != 200 ]]; then report FAIL page "Alertmanager does not take the test alert: $(what_came)" "$logs"; return; fi

  since=$SECONDS lines=()
  while ((${#lines[@]} == 0 && SECONDS - since < timeout)); do
    ask am_page "$base/api/v2/alerts" --get --data-urlencode "filter=instance=\"$mark\""
    mapfile -t lines < <(judge page)
  done
  if ((${#lines[@]} == 0)); then report FAIL page "Alertmanager does not show the test alert that it took" "$logs"; return; fi
  IFS=$'\t' read -r state told <<<"${lines[0]}"
  if [[ $state == suppressed ]]; then report FAIL page "the test alert is silenced, as real ones would be" "$silences"; return; fi
  report ok page "SentinelTestPage ($severity, $team) is on its way to $told, and ends by itself at $ends"

  complete=false
  until $complete || ((SECONDS - since >= wait)); do
    sleep 0.5
    fetch "$work/after" "$base/metrics"
    [[ $code == 200 ]] || continue
    complete=true
    for way in "${lines[@]:1}"; do
      IFS=$'\t' read -r way number names <<<"$way"
      (($(tried "$way" total) >= number)) || complete=false
    done
  done
  [[ -s $work/after ]] || cp "$work/before" "$work/after"
  for way in "${lines[@]:1}"; do
    IFS=$'\t' read -r way number names <<<"$way"
    failed=$(tried "$way" failed_total) arrived=$(($(tried "$way" total) - failed))
    if ((failed > 0)); then
      report FAIL "page-$way" "refused or not reached ($failed tries failed, $arrived arrived): $names" "$logs"
    elif ((arrived < number)); then
      report FAIL "page-$way" "$arrived of $number arrived within $wait s: $names" "$logs"
    else
      report ok "page-$way" "arrived at $names"
    fi
  done
}

echo "${program%.sh}: HUB $hub, and the exporter at $inf"
ask_prometheus
ask_alertmanager
ask_grafana
judge checks >"$work/findings"
while IFS=$'\t' read -r -a fields; do report "${fields[@]}"; done <"$work/findings"
if [[ -n $severity ]]; then
  if [[ -e $answers/alertmanager_ready ]]; then page; else report skip page "see alertmanager"; fi
fi
summary
