"""What the demo prints: result tables and how to connect."""

import decimal

from demo.fleet import PASSWORD, USER

ROWS_MAX = 25


def table(result):
    """A pyarrow table as aligned text, at most `ROWS_MAX` rows."""
    names = result.column_names
    rows = [[cell(value) for value in row.values()] for row in result.slice(0, ROWS_MAX).to_pylist()]
    numeric = [is_number(result.column(index)) for index in range(len(names))]
    widths = [max(len(text) for text in [name, *(row[index] for row in rows)]) for index, name in enumerate(names)]
    lines = [align(names, widths, numeric), "  ".join("-" * width for width in widths)]
    lines += [align(row, widths, numeric) for row in rows]
    if result.num_rows > ROWS_MAX:
        lines.append(f"… and {result.num_rows - ROWS_MAX} more rows")
    return "\n".join("    " + line for line in lines)


def cell(value):
    """One value as text: thousands separated, no date's midnight."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (float, decimal.Decimal)):
        return f"{value:,}"
    return str(value)


def is_number(column):
    """Whether a column is printed to the right."""
    import pyarrow as pa

    kind = column.type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def align(texts, widths, numeric):
    """One line of a table."""
    return "  ".join(
        text.rjust(width) if right else text.ljust(width) for text, width, right in zip(texts, widths, numeric)
    ).rstrip()


def how_to_connect(fleet, binary):
    """How to reach the running server from elsewhere."""
    host, port = fleet.address.rsplit(":", 1)
    return f"""
The server is up: {fleet.url}   user {USER}   password {PASSWORD}
{members(fleet)}
Python    pip install adbc-driver-flightsql pyarrow

          from adbc_driver_flightsql import dbapi
          connection = dbapi.connect("{fleet.url}", db_kwargs={{"username": "{USER}", "password": "{PASSWORD}"}},
                                     autocommit=True)
          with connection.cursor() as cursor:
              cursor.execute("SELECT origin, avg(delay) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 5")
              print(cursor.fetch_arrow_table())

JDBC      driver org.apache.arrow:flight-sql-jdbc-driver:18.3.0
          jdbc:arrow-flight-sql://{host}:{port}?useEncryption=false&user={USER}&password={PASSWORD}

Shell     LAKEGATE_PASSWORD={PASSWORD} {binary} sql --url {fleet.url} --user {USER}

HTTP      curl -u {USER}:{PASSWORD} http://{fleet.address}/api/v1/queries

Tables    flights, airports, weather, birdstrikes"""


def members(fleet):
    """The executors of the fleet, a line each; empty without any."""
    if not fleet.executor_count:
        return ""
    listed = fleet.api("/api/v1/cluster")["executors"]
    return "".join(f"executor  {member['id']} at {member['address']}, {member['cores']} cores\n" for member in listed)
