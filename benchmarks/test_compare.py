"""Tests of the comparison of answers."""

import datetime
import decimal
import unittest

import pyarrow as pa

from benchmarks import compare


def table(**columns):
    """A table of the given columns."""
    return pa.table(columns)


class Values(unittest.TestCase):
    def test_an_average_cut_at_six_places_equals_the_floating_point_one(self):
        self.assertTrue(compare.same_value(decimal.Decimal("0.049985"), 0.0499852958))

    def test_decimals_that_differ_by_a_cent_are_different(self):
        self.assertFalse(compare.same_value(decimal.Decimal("100.01"), decimal.Decimal("100.02")))

    def test_integers_are_compared_exactly_however_large(self):
        self.assertFalse(compare.same_value(10**15, 10**15 + 1))

    def test_null_equals_only_null(self):
        self.assertTrue(compare.same_value(None, None))
        self.assertFalse(compare.same_value(None, 0))
        self.assertFalse(compare.same_value("", None))

    def test_not_a_number_equals_itself(self):
        self.assertTrue(compare.same_value(float("nan"), float("nan")))
        self.assertFalse(compare.same_value(float("nan"), 1.0))

    def test_midnight_equals_its_date(self):
        self.assertTrue(compare.same_value(datetime.datetime(1995, 3, 5), datetime.date(1995, 3, 5)))
        self.assertFalse(compare.same_value(datetime.datetime(1995, 3, 5, 1), datetime.date(1995, 3, 5)))

    def test_text_is_never_a_number(self):
        self.assertFalse(compare.same_value("1", 1))


class Tables(unittest.TestCase):
    def test_rows_in_another_order_are_the_same_answer(self):
        left = table(name=["a", "b"], total=[1.0, 2.0])
        right = table(name=["b", "a"], total=[2.0, 1.0])
        self.assertEqual(compare.differences(left, right), [])

    def test_rows_in_another_order_differ_where_the_query_orders_them(self):
        left = table(name=["a", "b"], total=[1.0, 2.0])
        right = table(name=["b", "a"], total=[2.0, 1.0])
        found = compare.differences(left, right, "select name, total from t order by total limit 2;")
        self.assertEqual(len(found), 2)
        self.assertIn("out of order", found[0])

    def test_ties_may_come_in_any_order(self):
        left = table(name=["a", "b"], total=[1.0, 1.0])
        right = table(name=["b", "a"], total=[1.0, 1.0])
        self.assertEqual(compare.differences(left, right, "select name, total from t order by total desc"), [])

    def test_a_row_twice_is_not_the_row_once(self):
        left = table(name=["a", "a", "b"])
        right = table(name=["a", "b", "b"])
        self.assertEqual(len(compare.differences(left, right)), 1)

    def test_row_and_column_counts_are_named(self):
        self.assertEqual(compare.differences(table(a=[1]), table(a=[1, 2])), ["2 rows instead of 1"])
        self.assertEqual(compare.differences(table(a=[1]), table(a=[1], b=[2])), ["2 columns instead of 1"])

    def test_a_long_list_of_differences_is_cut(self):
        left, right = table(a=list(range(100))), table(a=list(range(100, 200)))
        self.assertEqual(len(compare.differences(left, right)), compare.DIFFERENCES_MAX + 1)


class Order(unittest.TestCase):
    def test_only_the_outermost_order_counts(self):
        sql = "select a, row_number() over (order by b) as n from t order by n"
        self.assertEqual(compare.order_columns(sql, ["a", "n"]), [1])

    def test_an_inner_order_is_no_order(self):
        sql = "select a from (select a from t order by a limit 3) x"
        self.assertEqual(compare.order_columns(sql, ["a"]), [])

    def test_keys_after_an_expression_are_left_out(self):
        sql = "select a, b from t order by t.b desc nulls last, length, a"
        self.assertEqual(compare.order_columns(sql, ["a", "b"]), [1])


if __name__ == "__main__":
    unittest.main()
