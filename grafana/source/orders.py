"""Panels of orders and fills, which traders and those who answer for the risk both look at."""

from panels import CRITICAL, OK, SKY, WARNING, YELLOW, heatmap, lines
from queries import counted_per_minute, slow_share

STATUSES = {"new": SKY, "partial": YELLOW, "filled": OK, "canceled": WARNING, "rejected": CRITICAL}


def by_status(width):
    return lines(
        "Orders by status", "Status changes a minute. Every order begins as new; the others say what became of it.", width,
        {"{{status}}": counted_per_minute("sentinel_orders_total", "status")}, "opm", colors=STATUSES,
    )


def rejected(width):
    return lines(
        "Rejected orders", "Rejected orders as a share of the new ones, over 15 minutes. The alert needs three of them.", width,
        {"{{instance}}": "sum by (instance) (increase(job_instance:sentinel_orders_total:sum_rejected[15m]))"
         " / sum by (instance) (increase(job_instance:sentinel_orders_total:sum_new[15m]))"},
        "percentunit", alert="SentinelOrdersRejected", alerts=["SentinelNoOrders"],
    )


def slippage(width):
    return heatmap("Slippage of fills", "How far fills were from the expected price, either way, in basis points.", width,
                   "sentinel_slippage_bps", "none", alerts=["SentinelSlippageHigh"])


def mean_slippage(width):
    return lines(
        "Mean slippage", "Over 30 minutes, in basis points. The alert needs three fills.", width,
        {"{{instance}}": "sum by (instance) (increase(sentinel_slippage_bps_sum[30m]))"
         " / sum by (instance) (increase(sentinel_slippage_bps_count[30m]))"},
        "none", alert="SentinelSlippageHigh/warning", decimals=0,
    )


def far_fills(width):
    return lines(
        "Fills beyond 500 bps", "Fills of the last 15 minutes that were more than 5 % off, the last bound of the histogram.", width,
        {"{{instance}}": "sum by (instance) (increase(sentinel_slippage_bps_count[15m]))"
         ' - sum by (instance) (increase(sentinel_slippage_bps_bucket{le="500.0"}[15m]))'},
        "short", alert="SentinelSlippageHigh/critical", decimals=0,
    )


def latency(width):
    return heatmap("Order latency", "Time until the exchange first answered an order.", width, "sentinel_order_latency_seconds")


def slow(width):
    return lines(
        "Orders slower than 100 ms", "Share of the last 15 minutes' orders. The objective is 95 % within 100 ms; the alert needs three.", width,
        {"{{instance}}": slow_share("sentinel_order_latency_seconds", "0.1", "15m")}, "percentunit", alert="SentinelOrderLatencyHigh",
    )


def very_slow(width):
    return lines(
        "Orders slower than 500 ms", "Share of the last 15 minutes' orders. The objective is 99 % within 500 ms; the alert needs two.", width,
        {"{{instance}}": slow_share("sentinel_order_latency_seconds", "0.5", "15m")}, "percentunit", alert="SentinelOrderLatencyCritical",
    )


def errors(width):
    return lines(
        "Trading errors to new orders", "Errors for each new order, over 15 minutes. The alerts need three errors.", width,
        {"{{instance}}": "sum by (instance) (increase(job_instance:sentinel_trading_errors_total:sum[15m]))"
         " / sum by (instance) (increase(job_instance:sentinel_orders_total:sum_new[15m]))"},
        "percentunit", alert="SentinelTradingErrorsHigh",
    )
