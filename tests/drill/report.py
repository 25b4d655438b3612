"""The table of what was drilled, for a terminal and for docs/drills.md."""

HEAD = ("alert", "cause", "seconds", "receivers", "resolved")


# What stands below it in docs/drills.md is written by the drill.
MARK = "## What came of it"


def cells(row):
    receivers = "nobody: inhibited" if row.inhibited else ", ".join(row.receivers) or "NOBODY"
    return row.alert, row.cause, seconds(row.seconds), receivers, seconds(row.resolved) if row.ends else "-"


def seconds(value):
    return "MISSING" if value is None else f"{value:.1f}"


def rows(results):
    return [cells(row) for result in results for row in result.rows]


def text(results):
    table = [HEAD, *rows(results)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table)


def markdown(results):
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(line) + " |" for line in rows(results)]) + "\n"


def summary(results, took, factor):
    told = [row for result in results for row in result.rows if not row.inhibited]
    kept = sum(len(result.rows) for result in results) - len(told)
    verdict = "not all as it should be" if any(result.problems for result in results) else "all as it should be"
    return (
        f"{len({row.alert for row in told})} alerts in {sum(bool(result.rows) for result in results)} drills, {kept} times one that was"
        f" inhibited; {took / 60:.1f} minutes, durations divided by {factor}: {verdict}."
    )


def problems(results, most=8):
    """Of each drill the first ones; one fault has many faces."""
    lines = []
    for result in results:
        lines += [f"{result.drill}: {problem[:600]}" for problem in result.problems[:most]]
        if len(result.problems) > most:
            lines.append(f"{result.drill}: and {len(result.problems) - most} more")
    return lines
