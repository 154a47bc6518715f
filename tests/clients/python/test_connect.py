"""Logging in and out through ADBC."""

import adbc_driver_manager
import pytest

from conftest import PASSWORD, connect


def execute(cursor, sql):
    cursor.execute(sql)
    return cursor.fetchall()


def test_a_right_password_opens_a_connection():
    with connect() as connection, connection.cursor() as cursor:
        assert execute(cursor, "SELECT 1") == [(1,)]


def test_the_password_is_not_cut_at_its_colon():
    assert ":" in PASSWORD
    with pytest.raises(adbc_driver_manager.Error):
        connect(password=PASSWORD.split(":")[0]).close()


@pytest.mark.parametrize("user, password", [("admin", "wrong"), ("admin", ""), ("nobody", PASSWORD), ("", PASSWORD)])
def test_wrong_credentials_are_refused_as_unauthenticated(user, password):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        with connect(user=user, password=password) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED, caught.value


def test_two_logins_of_one_user_do_not_disturb_each_other():
    with connect() as first, first.cursor() as cursor:
        with connect() as second, second.cursor() as other:
            assert execute(other, "SELECT 2") == [(2,)]
        assert execute(cursor, "SELECT 1") == [(1,)]


def test_several_cursors_of_one_connection_work_at_once(connection):
    with connection.cursor() as first, connection.cursor() as second:
        first.execute("SELECT * FROM generate_series(1, 100000)")
        second.execute("SELECT * FROM generate_series(1, 3)")
        assert len(second.fetchall()) == 3
        assert len(first.fetchall()) == 100_000


def test_a_cursor_is_used_again_and_again(cursor):
    for number in range(200):
        assert execute(cursor, f"SELECT {number}") == [(number,)]


def test_settings_stay_with_their_connection():
    with connect() as first, first.cursor() as cursor, connect() as second, second.cursor() as other:
        cursor.execute("SET datafusion.execution.batch_size = 100")
        cursor.execute("SHOW datafusion.execution.batch_size")
        assert cursor.fetchall()[0][1] == "100"
        other.execute("SHOW datafusion.execution.batch_size")
        assert other.fetchall()[0][1] != "100"
