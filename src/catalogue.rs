//! The table of every metric family: name, kind, labels, buckets, and the HELP text as doc comment.
//!
//! No other file holds a metric's name. Names, kinds, labels and buckets are what dashboards and rules depend on:
//! a change here is a change for them. `sentinel-exporter catalogue` prints the table as docs/metrics.md.

use crate::family::{Counter, Family, FamilyInfo, Feed, Gauge, Group, Histogram, Kind, Store, families};

families! {
    Trading, Journals, Ledger {
        /// Trading cycles that ended, failed ones included. The daemon runs one a minute.
        TRADING_CYCLES: Counter "sentinel_trading_cycles_total" [];
        /// Trading cycles that ended in failure.
        TRADING_CYCLES_FAILED: Counter "sentinel_trading_cycles_failed_total" [];
        /// Duration of a whole trading cycle, failed ones included, in seconds.
        TRADING_CYCLE_DURATION: Histogram "sentinel_trading_cycle_duration_seconds" [] buckets [0.1, 0.5, 1, 2, 5, 10];
        /// Unix time at which the last trading cycle ended; 0 until one has. When it stands still while the market is open, the daemon is stuck.
        LAST_CYCLE_TIMESTAMP: Gauge "sentinel_last_cycle_timestamp_unix" [];
        /// Duration of fetching market data, failed fetches included, in seconds.
        DATA_FETCH_DURATION: Histogram "sentinel_data_fetch_duration_seconds" [] buckets [0.5, 1, 2, 5, 10];
        /// Fetches of market data that failed.
        DATA_FETCH_FAILED: Counter "sentinel_data_fetch_failed_total" [];
        /// Duration of building the model's features, in seconds.
        FEATURE_BUILD_DURATION: Histogram "sentinel_feature_build_duration_seconds" [] buckets [0.1, 0.5, 1, 2];
        /// Predictions asked of the model hub, failed ones included.
        PREDICTION_REQUESTS: Counter "sentinel_prediction_requests_total" [];
        /// Predictions that failed.
        PREDICTION_FAILURES: Counter "sentinel_prediction_failures_total" [];
        /// Time until the model hub answered, successful predictions only, in seconds. The daemon gives up at 1 s.
        PREDICTION_LATENCY: Histogram "sentinel_prediction_latency_seconds" [] buckets [0.1, 0.5, 1, 2, 5];
        /// Confidence of the last successful prediction that stated one, from 0 to 1; 0 until one has.
        LAST_PREDICTION_CONFIDENCE: Gauge "sentinel_last_prediction_confidence" [];
        /// Trading signals, by action: BUY, SELL or HOLD.
        TRADING_SIGNALS: Counter "sentinel_trading_signals_total" ["action"; open] always [["BUY"], ["SELL"], ["HOLD"]];
        /// Trading signals that were acted on, by action.
        TRADING_SIGNALS_EXECUTED: Counter "sentinel_trading_signals_executed_total" ["action"; open] always [["BUY"], ["SELL"], ["HOLD"]];
        /// Time to hand an order to the gateway over ZMQ, successful sends only, in seconds.
        ZMQ_SEND_LATENCY: Histogram "sentinel_zmq_send_latency_seconds" [] buckets [0.01, 0.05, 0.1, 0.5, 1];
        /// ZMQ sends that failed: an order did not reach the gateway.
        ZMQ_SEND_FAILURES: Counter "sentinel_zmq_send_failures_total" [];
        /// Calls to external APIs, by endpoint, failed ones included.
        API_CALLS: Counter "sentinel_api_calls_total" ["endpoint"; open] always [["eodhd"], ["hub"]];
        /// Errors of external APIs, by endpoint and the error's code.
        API_ERRORS: Counter "sentinel_api_errors_total" ["endpoint", "error_code"; open];
        /// Time since the trading daemon started, as it last reported, in seconds; a fall is a restart.
        DAEMON_UPTIME: Gauge "sentinel_daemon_uptime_seconds" [];
        /// Status changes of orders. Every order begins with status="new", which counts the orders; the others are partial, filled, canceled and rejected.
        ORDERS: Counter "sentinel_orders_total" ["symbol", "side", "status"; open];
        /// Time until the exchange first answered an order, in seconds.
        ORDER_LATENCY: Histogram "sentinel_order_latency_seconds" [] buckets [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5];
        /// Distance of a fill from the expected price, either way, in basis points.
        SLIPPAGE: Histogram "sentinel_slippage_bps" [] buckets [1, 2, 5, 10, 25, 50, 100, 250, 500];
        /// Errors in trading, by component and type.
        TRADING_ERRORS: Counter "sentinel_trading_errors_total" ["component", "error_type"; open];
        /// Duration of the calls to external APIs that were timed, by endpoint, in seconds.
        API_LATENCY: Histogram "sentinel_api_latency_seconds" ["endpoint"; open] buckets [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10];
        /// Time since the websocket to the exchange was lost, in seconds; 0 while it is connected.
        WEBSOCKET_DOWNTIME: Gauge "sentinel_websocket_downtime_seconds" [];
        /// Reconnects of the websocket to the exchange.
        WEBSOCKET_RECONNECTS: Counter "sentinel_websocket_reconnects_total" [];
        /// 1 for every trigger that holds trading now; all 0 when trading is released.
        KILL_SWITCH_ACTIVE: Gauge "sentinel_kill_switch_active" ["trigger"; open]
            always [["MANUAL"], ["DAILY_LOSS"], ["LATENCY"], ["WS_DOWNTIME"], ["ERROR_RATE"], ["POSITION_LIMIT"], ["EXTERNAL"]];
        /// Activations of the kill switch, by trigger.
        KILL_SWITCH_ACTIVATIONS: Counter "sentinel_kill_switch_activations_total" ["trigger"; open]
            always [["MANUAL"], ["DAILY_LOSS"], ["LATENCY"], ["WS_DOWNTIME"], ["ERROR_RATE"], ["POSITION_LIMIT"], ["EXTERNAL"]];
        /// Time from the kill switch's trigger until trading was halted, in seconds. It should take less than 2 s.
        KILL_SWITCH_ACTIVATION: Histogram "sentinel_kill_switch_activation_seconds" [] buckets [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5];
        /// Time to cancel all open orders, in seconds. It should take less than 2 s.
        CANCEL_ALL: Histogram "sentinel_cancel_all_seconds" [] buckets [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5];
        /// Risk checks before orders, by check and by the action they led to.
        RISK_CHECKS: Counter "sentinel_risk_checks_total" ["check", "action"; open];
        /// Profit (positive) or loss (negative) of the trading day in US dollars, as last reported.
        PNL: Gauge "sentinel_pnl_usd" [];
        /// Loss in US dollars, as a positive number, at which trading is halted for the day; 200 until the daemon says otherwise.
        DAILY_LOSS_LIMIT: Gauge "sentinel_daily_loss_limit_usd" [];
        /// Open position in US dollars, by symbol; a closed position is not shown.
        POSITION: Gauge "sentinel_position_usd" ["symbol"; open];
        /// 1 for the market's current regime, 0 for those seen before; closed means that the market is closed or the daemon is stopped on purpose.
        MARKET_REGIME: Gauge "sentinel_market_regime" ["regime"; open];
        /// Difference in US dollars between the daemon's books and the broker's at the last reconciliation.
        RECONCILIATION_DRIFT: Gauge "sentinel_reconciliation_drift_usd" [];
        /// Reconciliations that could not be carried out.
        RECONCILIATION_FAILURES: Counter "sentinel_reconciliation_failures_total" [];
        /// Unix time of the last reconciliation that was carried out; 0 until one has been.
        LAST_RECONCILIATION_TIMESTAMP: Gauge "sentinel_last_reconciliation_timestamp_seconds" [];
    }

    Sre, SreState, Ledger {
        /// Scores of the mock signals that are injected into the bot, from 0 to 5; 4 or more is a pass.
        MOCK_SIGNAL_SCORE: Histogram "sentinel_mock_signal_score" [] buckets [1, 2, 3, 4, 5];
        /// Mock signals that were injected into the bot, by result: pass (a score of 4 or more) or fail.
        MOCK_SIGNALS: Counter "sentinel_mock_signals_total" ["result"] always [["pass"], ["fail"]];
    }
    Sre, SreState, SampleSet {
        /// Score of the last mock signal, from 0 to 5.
        MOCK_SIGNAL_LAST_SCORE: Gauge "sentinel_mock_signal_last_score" [];
        /// Share of mock signals that pass, as the bot reports it, from 0 to 1.
        MOCK_SIGNAL_SUCCESS: Gauge "sentinel_mock_signal_success_ratio" [];
        /// Health of the bot's signal parser, as the bot reports it, from 0 to 1.
        PARSER_HEALTH: Gauge "sentinel_parser_health_ratio" [];
        /// Unix time of the bot's last heartbeat; it beats about every 15 minutes.
        LOGIC_HEARTBEAT_TIMESTAMP: Gauge "sentinel_logic_heartbeat_timestamp_seconds" [];
        /// Repairs that the bot has made by itself, as it reports them.
        AUTO_FIXES_REPORTED: Gauge "sentinel_auto_fixes_reported" [];
    }
    Sre, SreState, Ledger {
        /// Root-cause-analysis sessions, by what triggered them and by their overall status.
        RCA_SESSIONS: Counter "sentinel_rca_sessions_total" ["trigger", "status"; open]
            always [["mock_signal_failure", "ok"], ["mock_signal_failure", "warning"], ["mock_signal_failure", "fail"],
                    ["manual", "ok"], ["manual", "warning"], ["manual", "fail"]];
        /// Unix time of the last root-cause-analysis session; 0 until there has been one.
        RCA_LAST_SESSION_TIMESTAMP: Gauge "sentinel_rca_last_session_timestamp_seconds" [];
        /// Repairs that were tried, by fix and by result: success or failed.
        AUTO_FIXES: Counter "sentinel_auto_fixes_total" ["fix", "result"; open]
            always [["create_weights_file", "success"], ["create_weights_file", "failed"],
                    ["clear_weights_lock", "success"], ["clear_weights_lock", "failed"],
                    ["reset_entry_thresholds", "success"], ["reset_entry_thresholds", "failed"],
                    ["clear_cache_lock", "success"], ["clear_cache_lock", "failed"]];
        /// Last result of a health check: 0 ok (or mended by its fix), 1 warning, 2 critical. The source is who ran it: rca, critical or exporter.
        CHECK_STATUS: Gauge "sentinel_check_status" ["check", "source"; open];
        /// Unix time at which a health check last ran, by check and source.
        CHECK_LAST_RUN_TIMESTAMP: Gauge "sentinel_check_last_run_timestamp_seconds" ["check", "source"; open];
    }

    Ops, Postgres, SampleSet {
        /// Unix time at which the newest hour with a batch began; 0 when there is none. When it is old, the pipeline is quiet and the other hourly values are old too.
        OPS_HOUR_START_TIMESTAMP: Gauge "sentinel_ops_hour_start_timestamp_seconds" [];
        /// Batches of the newest hour, by status: completed, failed or in_progress.
        OPS_HOUR_BATCHES: Gauge "sentinel_ops_hour_batches" ["status"] always [["completed"], ["failed"], ["in_progress"]];
        /// Rows of the newest hour's batches, by outcome: inserted, skipped (duplicates), error or other.
        OPS_HOUR_ROWS: Gauge "sentinel_ops_hour_rows" ["outcome"] always [["inserted"], ["skipped"], ["error"], ["other"]];
        /// Mean duration of the newest hour's completed batches in seconds, by stage: parse, db or total. Not shown while none is completed.
        OPS_HOUR_AVG_DURATION: Gauge "sentinel_ops_hour_avg_duration_seconds" ["stage"];
        /// Share of the newest hour's rows that were duplicates, from 0 to 1. 0.1 to 0.3 is normal.
        OPS_HOUR_DEDUPE: Gauge "sentinel_ops_hour_dedupe_ratio" [];
        /// Share of the newest hour's rows that were invalid, from 0 to 1. Below 0.05 is normal.
        OPS_HOUR_ERROR: Gauge "sentinel_ops_hour_error_ratio" [];
        /// Row errors of the last 7 days, for the 20 most frequent codes; the rest is error_code="other", rows without a code are "unknown".
        OPS_ERROR_OCCURRENCES: Gauge "sentinel_ops_error_occurrences" ["error_code"; open];
        /// Batches of the last 7 days in which an error code occurred; for "other" a sum in which a batch may count for several codes.
        OPS_ERROR_AFFECTED_BATCHES: Gauge "sentinel_ops_error_affected_batches" ["error_code"; open];
        /// Unix time at which an error code was last seen.
        OPS_ERROR_LAST_SEEN_TIMESTAMP: Gauge "sentinel_ops_error_last_seen_timestamp_seconds" ["error_code"; open];
        /// Batches that are not completed, by status.
        OPS_PIPELINE_BATCHES: Gauge "sentinel_ops_pipeline_batches" ["status"; open]
            always [["uploaded"], ["staging"], ["validating"], ["transforming"], ["inserting"], ["upserting"], ["processing"], ["failed"]];
        /// Age of the oldest batch of a status in seconds; 0 for a status without a batch. Above 600 a batch is stuck, unless it has failed.
        OPS_PIPELINE_OLDEST_AGE: Gauge "sentinel_ops_pipeline_oldest_age_seconds" ["status"; open]
            always [["uploaded"], ["staging"], ["validating"], ["transforming"], ["inserting"], ["upserting"], ["processing"], ["failed"]];
        /// Unix time at which the newest batch of a status was created; not shown for a status without a batch.
        OPS_PIPELINE_NEWEST_TIMESTAMP: Gauge "sentinel_ops_pipeline_newest_timestamp_seconds" ["status"; open];
    }
    Ops, Postgres, Ledger {
        /// Duration of completed batches (parsing and database), in seconds, each batch counted once.
        OPS_BATCH_DURATION: Histogram "sentinel_ops_batch_duration_seconds" [] buckets [1, 5, 15, 30, 60, 120, 300, 600, 1800];
        /// Share of invalid rows of completed batches, from 0 to 1, each batch counted once.
        OPS_BATCH_ERROR_RATIO: Histogram "sentinel_ops_batch_error_ratio" [] buckets [0.01, 0.05, 0.15, 0.5, 1];
    }
    Ops, Postgrest, SampleSet {
        /// 1 if PostgREST answered the last probe as it should, 0 if not.
        POSTGREST_UP: Gauge "sentinel_postgrest_up" [];
    }
    Ops, Postgrest, Ledger {
        /// Duration of PostgREST probes, failed ones included, in seconds.
        POSTGREST_PROBE_DURATION: Histogram "sentinel_postgrest_probe_duration_seconds" [] buckets [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
        /// Errors that PostgREST answered, by code; HTTP_502 and the like are answers that were not its own. PGRST002 is a stale schema cache.
        POSTGREST_ERRORS: Counter "sentinel_postgrest_errors_total" ["code"; open] always [["PGRST002"]];
        /// Reloads of PostgREST's schema cache that the exporter asked for over the database, by result: success (the database has told PostgREST) or failed.
        SCHEMA_CACHE_RELOADS: Counter "sentinel_schema_cache_reloads_total" ["result"] always [["success"], ["failed"]];
    }
    Ops, Probes, SampleSet {
        /// 1 if the last probe of an HTTP endpoint had the status and the speed that it should, 0 if not. The page at / shows what is wrong.
        PROBE_SUCCESS: Gauge "sentinel_probe_success" ["probe"];
        /// Duration of the last probe of an HTTP endpoint in seconds.
        PROBE_DURATION: Gauge "sentinel_probe_duration_seconds" ["probe"];
    }

    Exporter, Journals, Ledger {
        /// Events that were counted, by event.
        EVENTS: Counter "sentinel_exporter_events_total" ["event"];
        /// Lines of journals and logs that were not counted, by reason: json, schema, range or oversize. The log names file, offset and what was expected.
        EVENTS_REJECTED: Counter "sentinel_exporter_events_rejected_total" ["reason"] always [["json"], ["schema"], ["range"], ["oversize"]];
        /// Unix time of the event that was read last; 0 until there has been one.
        LAST_EVENT_TIMESTAMP: Gauge "sentinel_exporter_last_event_timestamp_seconds" [];
        /// Samples that were not kept because their family had reached its limit of label sets, by family.
        SERIES_DROPPED: Counter "sentinel_exporter_series_dropped_total" ["metric"];
        /// Unix time of the last start that found no readable checkpoint where one was expected, so that counters began anew; 0 if never.
        COUNTER_RESET_TIMESTAMP: Gauge "sentinel_exporter_counter_reset_timestamp_seconds" [];
    }
    Exporter, Exporter, Registry {
        /// 1, with the exporter's version, the revision it was built from and the compiler.
        BUILD_INFO: Gauge "sentinel_exporter_build_info" ["version", "revision", "rustc"];
        /// 1 if a collector's last run succeeded, 0 if not. The status page at / shows the error.
        COLLECTOR_SUCCESS: Gauge "sentinel_exporter_collector_success" ["collector"];
        /// Time between the runs of a collector, as configured, in seconds.
        COLLECTOR_INTERVAL: Gauge "sentinel_exporter_collector_interval_seconds" ["collector"];
        /// Duration of a collector's last run in seconds.
        COLLECTOR_DURATION: Gauge "sentinel_exporter_collector_duration_seconds" ["collector"];
        /// Unix time of a collector's last success; 0 until its first one.
        COLLECTOR_LAST_SUCCESS_TIMESTAMP: Gauge "sentinel_exporter_collector_last_success_timestamp_seconds" ["collector"];
        /// Bytes of a journal that the last scrape had to leave unread, and all of a journal that cannot be read.
        JOURNAL_LAG: Gauge "sentinel_exporter_journal_lag_bytes" ["journal"];
        /// Unix time at which the checkpoint was last saved, or found to need no saving.
        SNAPSHOT_LAST_SUCCESS_TIMESTAMP: Gauge "sentinel_exporter_snapshot_last_success_timestamp_seconds" [];
        /// Attempts to save the checkpoint that failed. Counting goes on; a crash now would read the journals again from the last checkpoint.
        SNAPSHOT_FAILURES: Counter "sentinel_exporter_snapshot_failures_total" [];
        /// 1 if the last reload of the configuration was taken, 0 if it was refused and the old one is in force.
        CONFIG_LAST_RELOAD_SUCCESSFUL: Gauge "sentinel_exporter_config_last_reload_successful" [];
        /// Unix time at which the configuration in force was taken.
        CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP: Gauge "sentinel_exporter_config_last_reload_success_timestamp_seconds" [];
    }

    Dingtalk, Bridge, Registry {
        /// 1, with the bridge's version, the revision it was built from and the compiler.
        DINGTALK_BUILD_INFO: Gauge "sentinel_dingtalk_build_info" ["version", "revision", "rustc"];
        /// Notifications of Alertmanager, by robot and by how they were answered: delivered (200), later (503, it comes again) or rejected (4xx).
        DINGTALK_NOTIFICATIONS: Counter "sentinel_dingtalk_notifications_total" ["robot", "outcome"];
        /// Messages that were posted to DingTalk, by robot and outcome: delivered, later (it may work later) or rejected (somebody has to mend something), and why.
        DINGTALK_MESSAGES: Counter "sentinel_dingtalk_messages_total" ["robot", "outcome", "reason"];
        /// Time until DingTalk answered a message, or did not, in seconds. After 5 s the bridge gives up.
        DINGTALK_MESSAGE_DURATION: Histogram "sentinel_dingtalk_message_duration_seconds" ["robot"] buckets [0.1, 0.25, 0.5, 1, 2.5, 5];
        /// Alerts that messages only counted ("and N more"), by robot.
        DINGTALK_ALERTS_OMITTED: Counter "sentinel_dingtalk_alerts_omitted_total" ["robot"];
        /// Notifications that wait for their robot's turn or for DingTalk's answer, by robot.
        DINGTALK_QUEUE: Gauge "sentinel_dingtalk_queue_notifications" ["robot"];
        /// Unix time at which DingTalk last took a message, by robot; 0 until it has.
        DINGTALK_LAST_SUCCESS_TIMESTAMP: Gauge "sentinel_dingtalk_last_success_timestamp_seconds" ["robot"];
        /// 1 if the bridge's last reload of its configuration was taken, 0 if it was refused and the old one is in force.
        DINGTALK_CONFIG_LAST_RELOAD_SUCCESSFUL: Gauge "sentinel_dingtalk_config_last_reload_successful" [];
        /// Unix time at which the bridge's configuration in force was taken.
        DINGTALK_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP: Gauge "sentinel_dingtalk_config_last_reload_success_timestamp_seconds" [];
    }
}
