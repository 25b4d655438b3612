//! The role of scripts/sql/role.sql, which every other test here comes as: what it cannot do.

use std::process::{Child, Command, Output, Stdio};

use super::batches::{COUNT, complete};
use super::{fresh, polling, until};
use crate::support::postgres::Postgres;

const ROLE: &str = include_str!("../../../scripts/sql/role.sql");

/// Every privilege that the role has on a table, view, sequence, column or schema outside of PostgreSQL's own, by whatever way.
const PRIVILEGES: &str = "
with relations as (
    select oid, oid::regclass::text as name, relkind from pg_class
    where relkind in ('r', 'v', 'm', 'p', 'f', 'S') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
), columns as (
    select attrelid, attname, name, oid, relkind from pg_attribute join relations on oid = attrelid where attnum > 0 and not attisdropped
), privileges as (
    select name || ' ' || privilege as line from relations,
        unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) as privilege
    where relkind <> 'S' and has_table_privilege('sentinel_exporter', oid, privilege)
    union all
    select name || ' ' || privilege from relations, unnest('{SELECT,USAGE,UPDATE}'::text[]) as privilege
    where relkind = 'S' and has_sequence_privilege('sentinel_exporter', oid, privilege)
    union all
    select name || '.' || attname || ' ' || privilege from columns, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) as privilege
    where relkind <> 'S' and has_column_privilege('sentinel_exporter', attrelid, attname, privilege)
        and not has_table_privilege('sentinel_exporter', attrelid, privilege)
    union all
    select nspname || ' CREATE' from pg_namespace where has_schema_privilege('sentinel_exporter', oid, 'CREATE')
    union all
    select datname || ' ' || privilege from pg_database, unnest('{CREATE,TEMPORARY}'::text[]) as privilege
    where datname = current_database() and has_database_privilege('sentinel_exporter', oid, privilege)
    union all
    select 'member of ' || roleid::regrole from pg_auth_members where member = 'sentinel_exporter'::regrole
)
select line from privileges order by line";

/// Temporary tables are everybody's.
const GRANTED: &str = "\
intake.simplicity_batches.completed_at SELECT
intake.simplicity_batches.db_duration_ms SELECT
intake.simplicity_batches.id SELECT
intake.simplicity_batches.parse_duration_ms SELECT
intake.simplicity_batches.row_count_invalid SELECT
intake.simplicity_batches.row_count_total SELECT
intake.simplicity_batches.status SELECT
ops.v_batch_performance SELECT
ops.v_error_distribution SELECT
ops.v_pipeline_health SELECT
postgres TEMPORARY";

/// psql, as the role. Its read-only setting is off: anybody can switch that off.
fn psql(postgres: &Postgres, sql: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-c", sql, &postgres.url("sentinel_exporter")]);
    psql.env("PGOPTIONS", "-c default_transaction_read_only=off");
    psql.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    psql
}

fn ask(postgres: &Postgres, sql: &str) -> Output {
    psql(postgres, sql).output().expect("run psql")
}

#[test]
fn it_has_no_other_privilege() {
    let postgres = Postgres::new();
    assert_eq!(postgres.sql(PRIVILEGES), GRANTED);
    let attributes = "select rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit, rolconnlimit \
                      from pg_roles where rolname = 'sentinel_exporter'";
    assert_eq!(postgres.sql(attributes), "t|f|f|f|f|f|f|3");
}

#[test]
fn everything_else_is_refused() {
    let postgres = Postgres::new();
    for sql in [
        "select created_at from intake.simplicity_batches",
        "select * from intake.simplicity_batches",
        "select * from intake.row_errors",
        "select pg_sleep(0) from intake.row_errors",
        "insert into intake.simplicity_batches default values",
        "update intake.simplicity_batches set status = 'failed'",
        "delete from intake.simplicity_batches",
        "truncate intake.simplicity_batches",
        "begin; lock table intake.simplicity_batches in exclusive mode",
        "create table ops.t ()",
        "create table intake.t ()",
        "create table public.t ()",
        "create schema s",
        "create role r",
        "set role postgres",
        "alter system set work_mem = '1GB'",
        "copy intake.row_errors to stdout",
        "copy (select 1) to program 'true'",
        "select pg_read_file('postgresql.conf')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    ] {
        let output = ask(&postgres, sql);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("ERROR:  42501:"), "{sql}: {told}");
    }
}

#[test]
fn its_limits_are_in_force() {
    let postgres = Postgres::new();
    let limits = "select current_setting('statement_timeout'), current_setting('lock_timeout'), \
                  current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only')";
    let output = psql(&postgres, limits).env_remove("PGOPTIONS").output().expect("run psql");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "30s|5s|30s|on\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_fourth_connection_is_refused() {
    let postgres = Postgres::new();
    let held: Vec<Child> = (0..3).map(|_| psql(&postgres, "select pg_sleep(20)").spawn().expect("run psql")).collect();
    until("three sessions", || {
        postgres.sql("select count(*) from pg_stat_activity where usename = 'sentinel_exporter' and state = 'active'") == "3"
    });
    let told = ask(&postgres, "select 1").stderr;
    assert!(String::from_utf8_lossy(&told).contains("too many connections for role"), "{}", String::from_utf8_lossy(&told));
    for mut child in held {
        child.kill().and_then(|()| child.wait()).expect("psql is stopped");
    }
}

#[test]
fn the_script_again_takes_away_what_was_added() {
    let postgres = Postgres::new();
    postgres.sql("create sequence intake.counter; create function ops.f() returns int language sql as 'select 1'");
    for added in [
        "grant select, delete on intake.row_errors to sentinel_exporter",
        "grant select (created_at) on intake.simplicity_batches to sentinel_exporter",
        "grant usage on sequence intake.counter to sentinel_exporter",
        "grant create on schema ops to sentinel_exporter",
        "grant pg_monitor, pg_write_all_data to sentinel_exporter",
    ] {
        postgres.sql(added);
        assert_ne!(postgres.sql(PRIVILEGES), GRANTED, "{added}");
        postgres.sql(ROLE);
        assert_eq!(postgres.sql(PRIVILEGES), GRANTED, "{added}");
    }
    postgres.sql("alter role sentinel_exporter createdb; revoke execute on function ops.f from public; grant execute on function ops.f to sentinel_exporter");
    postgres.sql(ROLE);
    let left =
        "select rolcreatedb, has_function_privilege(oid, 'ops.f()', 'execute') from pg_roles where rolname = 'sentinel_exporter'";
    assert_eq!(postgres.sql(left), "f|f");
}

/// What psql says when the script is run by the owner.
fn told(postgres: &Postgres) -> (bool, String) {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", ROLE, &postgres.url("postgres")]);
    let output = psql.output().expect("run psql");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_role_that_may_everything_is_refused() {
    let postgres = Postgres::new();
    for attribute in ["superuser", "replication", "bypassrls"] {
        postgres.sql(&format!("alter role sentinel_exporter {attribute}"));
        let (done, told) = told(&postgres);
        assert!(!done && told.contains("sentinel_exporter is there and is a superuser, replicates or bypasses"), "{told}");
        postgres.sql(&format!("alter role sentinel_exporter no{attribute}"));
    }
    assert_eq!(told(&postgres), (true, String::new()));
}

#[test]
fn a_function_that_runs_as_its_owner_is_told() {
    let postgres = Postgres::new();
    postgres.sql("create function intake.clear() returns void language sql security definer as 'delete from intake.row_errors'");
    let (done, warning) = told(&postgres);
    assert!(
        done && warning.contains("WARNING:  sentinel_exporter may call intake.clear(), which does what its owner may do"),
        "{warning}"
    );
    postgres.sql("revoke execute on function intake.clear() from public");
    assert_eq!(told(&postgres), (true, String::new()));
}

#[test]
fn row_level_security_hides_no_batch_from_it() {
    let postgres = Postgres::new();
    postgres.sql("alter table intake.simplicity_batches enable row level security");
    let exporter = polling(&postgres.url("sentinel_exporter"));
    complete(&postgres, "now()");
    assert_eq!(fresh(&exporter).value(COUNT), Some(0.0), "without a policy it sees nothing");
    postgres.sql(ROLE);
    postgres.sql(ROLE);
    exporter.eventually("the batch", |page| page.value(COUNT) == Some(1.0));
}
