-- The role that sentinel-exporter comes as: it is given the three ops views and the columns of batches that are counted, to read, and
-- nothing else. What everybody may do it may do too: PUBLIC has temporary tables and the functions that nobody took away from it.
-- Run it as the owner of the schemas, with psql or in Supabase's SQL editor. Running it again changes nothing, and takes away the roles that
-- the role has become a member of, and what else it has been granted in the two schemas.
-- It has no password yet: psql's \password sentinel_exporter asks for one and sends only its hash.

DO $$
DECLARE
    other record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sentinel_exporter') THEN
        CREATE ROLE sentinel_exporter;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sentinel_exporter' AND (rolsuper OR rolreplication OR rolbypassrls)) THEN
        RAISE EXCEPTION 'sentinel_exporter is there and is a superuser, replicates or bypasses row level security; drop it, or have a superuser take that away';
    END IF;
    FOR other IN SELECT roleid::regrole AS role FROM pg_auth_members WHERE member = 'sentinel_exporter'::regrole LOOP
        EXECUTE format('REVOKE %s FROM sentinel_exporter', other.role);
    END LOOP;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO sentinel_exporter', current_database());
END
$$;

-- Three connections: serve has one, check another, and a query that has to end is cancelled over a third.
ALTER ROLE sentinel_exporter LOGIN NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 3;

-- What sessions of this role begin with, people's too. The exporter has its own, shorter limits (postgres.timeout). They keep mistakes
-- small, not somebody who has the password: like any role it may change its settings, and its password.
ALTER ROLE sentinel_exporter SET default_transaction_read_only = on;
ALTER ROLE sentinel_exporter SET statement_timeout = '30s';
ALTER ROLE sentinel_exporter SET lock_timeout = '5s';
ALTER ROLE sentinel_exporter SET idle_in_transaction_session_timeout = '30s';

REVOKE ALL ON ALL TABLES IN SCHEMA ops, intake FROM sentinel_exporter;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ops, intake FROM sentinel_exporter;
REVOKE ALL ON ALL ROUTINES IN SCHEMA ops, intake FROM sentinel_exporter;
REVOKE ALL ON SCHEMA ops, intake FROM sentinel_exporter;
GRANT USAGE ON SCHEMA ops, intake TO sentinel_exporter;
GRANT SELECT ON ops.v_batch_performance, ops.v_error_distribution, ops.v_pipeline_health TO sentinel_exporter;
GRANT SELECT (id, status, completed_at, parse_duration_ms, db_duration_ms, row_count_total, row_count_invalid)
    ON intake.simplicity_batches TO sentinel_exporter;

-- The exporter asks at each poll for the batches that were completed in the last 15 minutes. It does without an index, but then the
-- database reads the whole table each time: with 3 million batches 455 ms, instead of 6 ms with this one. Begun by hand, outside of any
-- transaction, it locks nobody out:
--     CREATE INDEX CONCURRENTLY simplicity_batches_completed_at ON intake.simplicity_batches (completed_at);

-- Where row level security is on, as Supabase has it, the role would see no row without a policy, and no error either.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'intake.simplicity_batches'::regclass AND relrowsecurity)
        AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'intake.simplicity_batches'::regclass AND polname = 'sentinel_exporter')
    THEN
        CREATE POLICY sentinel_exporter ON intake.simplicity_batches FOR SELECT TO sentinel_exporter USING (true);
    END IF;
END
$$;

-- A function that runs as its owner does what that one may do, for everybody who may call it, and PUBLIC may unless it is told otherwise.
-- With the right to look into the schemas the role may call those in them. To take them away from PUBLIC is for whoever knows who else does.
DO $$
DECLARE
    called record;
BEGIN
    FOR called IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE prosecdef AND pronamespace IN ('ops'::regnamespace, 'intake'::regnamespace)
            AND has_function_privilege('sentinel_exporter', oid, 'EXECUTE')
    LOOP
        RAISE WARNING 'sentinel_exporter may call %, which does what its owner may do', called.name
            USING HINT = format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, and grant it to those who need it.', called.name);
    END LOOP;
END
$$;
