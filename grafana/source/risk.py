"""What can be lost, and does anything hold it back?"""

import orders
from layout import dashboard, row
from limits import right_side
from panels import CRITICAL, GREY, OK, PINK, bars, fixed, heatmap, lines, override, stat, states, steps, table, timeline
from queries import age, counted, counted_per_minute

# A profit is no loss.
LOSS = "clamp_min(-max by (instance) (sentinel_pnl_usd), 0) / (max by (instance) (sentinel_daily_loss_limit_usd) > 0)"
(DRIFT_OK, DRIFT_WARNING) = steps("SentinelReconciliationDrift")
# Drift counts either way.
DRIFT = [
    {"color": DRIFT_WARNING["color"], "value": None},
    {"color": OK, "value": -DRIFT_WARNING["value"]},
    DRIFT_WARNING,
]

NOW = row(
    "May it trade, and what is at stake?", 3,
    stat("Kill switch", "Whether anything holds trading. While it does, no order is placed.", 4,
         {"{{instance}}": "max by (instance) (sentinel_kill_switch_active)"}, "none", background=True,
         mappings=states({0: ("Released", OK), 1: ("HOLDS TRADING", CRITICAL)}), alerts=["SentinelKillSwitchActive"]),
    stat("Loss of the day, of its limit", "0 while there is a profit. At 100 % the kill switch halts trading for the day.", 5,
         {"{{instance}}": LOSS}, "percentunit", alert="SentinelDailyLoss", defaults={"decimals": 0}),
    stat("Profit and loss", "Of the trading day, as last reported.", 4, {"{{instance}}": "max by (instance) (sentinel_pnl_usd)"},
         "currencyUSD"),
    stat("Held", "Sum of the open positions' absolute values.", 4,
         {"{{instance}}": "sum by (instance) (abs(sentinel_position_usd)) or max by (instance) (0 * sentinel_pnl_usd)"}, "currencyUSD"),
    stat("Drift", "Difference between the daemon's books and the broker's at the last reconciliation.", 3,
         {"{{instance}}": "max by (instance) (sentinel_reconciliation_drift_usd)"}, "currencyUSD", threshold_steps=DRIFT,
         alerts=["SentinelReconciliationDrift"]),
    stat("Last reconciliation", "Time since the last reconciliation that was carried out.", 4,
         {"{{instance}}": age("sentinel_last_reconciliation_timestamp_seconds")}, "s", alerts=["SentinelReconciliationMissing"]),
)

MONEY = row(
    "Profit, loss and positions", 9,
    lines("Profit and loss of the day", "In US dollars, with the loss at which trading is halted.", 10,
          {"{{instance}}": "max by (instance) (sentinel_pnl_usd)",
           "limit {{instance}}": "-max by (instance) (sentinel_daily_loss_limit_usd)"}, "currencyUSD", dashed=["/^limit /"],
          colors={"/^limit /": CRITICAL}, low=None),
    lines("Loss of its limit", "The day's loss as a share of the limit; 0 while there is a profit.", 6, {"{{instance}}": LOSS},
          "percentunit", alert="SentinelDailyLoss"),
    bars("Positions", "Open positions now, by symbol. A closed position is not shown.", 8,
         {"{{symbol}} long": "sort_desc(sum by (symbol) (sentinel_position_usd) > 0)",
          "{{symbol}} short": "sort_desc(-sum by (symbol) (sentinel_position_usd) > 0)"}, "currencyUSD",
         overrides=[override("/short$/", color=fixed(PINK))], empty="Nothing is held"),
)

HELD = row(
    "", 7,
    lines("Positions over time", "Open positions by symbol, long above and short below 0.", 24,
          {"{{symbol}}": "sum by (symbol) (sentinel_position_usd)"}, "currencyUSD", low=None, table=True, empty="Nothing was held"),
)

KILL_SWITCH = row(
    "Kill switch", 8,
    timeline("What held trading", "Each trigger of the kill switch, and when it held trading.", 12,
             {"{{trigger}}": "max by (trigger) (sentinel_kill_switch_active)"}, {0: ("released", GREY), 1: ("holds", CRITICAL)},
             alerts=["SentinelKillSwitchActive"]),
    bars("Activations", "Activations of the kill switch in the chosen time, by trigger.", 6,
         {"{{trigger}}": counted("sentinel_kill_switch_activations_total", "trigger")}, decimals=0),
    lines("Slower than 2 s", "Activations, and cancellations of all orders, that took longer than 2 s in an hour.", 6,
          {"kill switch": "sum(increase(sentinel_kill_switch_activation_seconds_count[1h]))"
           ' - sum(increase(sentinel_kill_switch_activation_seconds_bucket{le="2.0"}[1h]))',
           "cancel all": "sum(increase(sentinel_cancel_all_seconds_count[1h]))"
           ' - sum(increase(sentinel_cancel_all_seconds_bucket{le="2.0"}[1h]))'},
          alert="SentinelKillSwitchSlow", alerts=["SentinelCancelAllSlow"], decimals=0),
)

HALTING = row(
    "", 7,
    heatmap("Time to halt", "From the kill switch's trigger until trading was halted; built for 2 s.", 8,
            "sentinel_kill_switch_activation_seconds"),
    heatmap("Time to cancel all orders", "Built for 2 s.", 8, "sentinel_cancel_all_seconds"),
    lines("Risk checks", "Checks before orders, a minute, by what they led to.", 8,
          {"{{check}} {{action}}": counted_per_minute('sentinel_risk_checks_total{action!="allow"}', "check, action"),
           "allowed": counted_per_minute('sentinel_risk_checks_total{action="allow"}', "")}, "opm", bars=True, stacked=True,
          colors={"allowed": GREY}),
)

ORDERS = row("Orders and fills", 8, orders.by_status(8), orders.slippage(8), orders.mean_slippage(4), orders.far_fills(4))

BOOKS = row(
    "Reconciliation", 7,
    lines("Drift of the books", "The daemon's books less the broker's, at each reconciliation.", 8,
          {"{{instance}}": "max by (instance) (sentinel_reconciliation_drift_usd)"}, "currencyUSD", threshold_steps=DRIFT, low=None,
          alerts=["SentinelReconciliationDrift"]),
    lines("Failed reconciliations", "In an hour. Without one nobody knows what is held.", 8,
          {"{{instance}}": "sum by (instance) (increase(sentinel_reconciliation_failures_total[1h]))"}, alert="SentinelReconciliationFailed",
          decimals=0),
    lines("Age of the last reconciliation", "One a trading day is expected; over the weekend it may be older.", 8,
          {"{{instance}}": age("sentinel_last_reconciliation_timestamp_seconds"),
           "allowed": right_side("SentinelReconciliationMissing")}, "s", dashed=["allowed"], colors={"allowed": CRITICAL},
          alerts=["SentinelReconciliationMissing"]),
)

REFUSED = row(
    "Decisions of the risk checks", 7,
    table("Risk checks in total", "How often each check led to which action, in the chosen time.", 12,
          counted("sentinel_risk_checks_total", "instance, check, action"),
          {"instance": ("Host", None), "check": ("Check", None), "action": ("Action", None), "Value": ("Times", {"decimals": 0})},
          sort="-Times"),
    orders.rejected(12),
)

DASHBOARD = dashboard(
    "sentinel-risk", "What can be lost, and what holds it back? The day's loss, positions, the kill switch and the books.",
    [NOW, MONEY, HELD, KILL_SWITCH, HALTING, ORDERS, BOOKS, REFUSED], teams="risk",
)
