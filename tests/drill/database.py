"""A private PostgreSQL with the ops views, and a database for each host."""

import os
import secrets
import subprocess
import threading
from pathlib import Path

from .agreed import ROOT
from .processes import Failed, Process, free_port, give_to_unprivileged, unprivileged, until


def programs():
    """The newest PostgreSQL of Debian, or what is in PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return str(versions[-1].parent) + "/" if versions else ""


class PostgreSQL:
    def __init__(self, folder):
        self.bin, self.port, self.lock = programs(), free_port(), threading.Lock()
        self.password, data = secrets.token_hex(16), folder / "postgres"
        data.mkdir()
        secret = folder / "postgres-password"
        secret.write_text(self.password, encoding="utf-8")
        give_to_unprivileged(data)
        give_to_unprivileged(secret)
        command = [f"{self.bin}initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        made = subprocess.run(unprivileged(command), capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failed(f"initdb: {made.stderr.strip()}")
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=200"]
        command = [f"{self.bin}postgres", "-D", data] + [part for option in options for part in ("-c", option)]
        self.process = Process("PostgreSQL", unprivileged(command), folder / "postgres.log")
        until(lambda: self.psql("postgres", "SELECT 1", check=False), 30, "PostgreSQL answers")
        self.sql("postgres", "CREATE DATABASE prepared")
        for path in "tests/fixtures/ops_views.sql", "scripts/sql/role.sql":
            self.sql("prepared", (ROOT / path).read_text(encoding="utf-8"))
        # One server has the databases of all hosts here.
        self.sql("postgres", f"ALTER ROLE sentinel_exporter PASSWORD '{self.password}' CONNECTION LIMIT 150")

    def environment(self):
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": self.password}

    def psql(self, database, statements, check=True):
        command = [f"{self.bin}psql", "--quiet", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", database]
        ran = subprocess.run(
            command, input=statements, env=os.environ | self.environment(), capture_output=True, text=True, check=False
        )
        if ran.returncode and check:
            raise Failed(f"psql: {ran.stderr.strip()}")
        return ran.returncode == 0

    def sql(self, database, statements):
        self.psql(database, statements)

    def create(self, database):
        # Copying a database wants it to itself.
        with self.lock:
            self.sql("postgres", f"CREATE DATABASE {database} TEMPLATE prepared")

    def url(self, role, database):
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def session(self, database, name, statements, log):
        """A session that stays: what it locks is locked until it ends."""
        command = [f"{self.bin}psql", "--quiet", "--no-psqlrc", "-d", database, "-c", statements]
        return Process("psql", command, log, self.environment() | {"PGAPPNAME": name})

    def stop(self):
        self.process.stop(2)
