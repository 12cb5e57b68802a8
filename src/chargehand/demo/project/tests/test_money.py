import unittest

from splitbill.money import Money


class MoneyTest(unittest.TestCase):
    def test_reads_whole_amounts_and_cents(self):
        self.assertEqual(Money.parse("12"), Money(1200))
        self.assertEqual(Money.parse("12.05"), Money(1205))

    def test_refuses_what_is_no_amount(self):
        for text in ("", "twelve", "1.234", "12.x5"):
            with self.subTest(text), self.assertRaises(ValueError):
                Money.parse(text)

    def test_prints_two_digits_of_cents(self):
        self.assertEqual(str(Money(1205)), "12.05")
        self.assertEqual(str(Money(-5)), "-0.05")

    def test_adds_and_subtracts_exactly(self):
        self.assertEqual(sum([Money(10)] * 10, Money()), Money(100))
        self.assertEqual(Money(100) - Money(250), Money(-150))
        self.assertEqual(-Money(7), Money(-7))
