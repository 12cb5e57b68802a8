import unittest

from splitbill.model import Expense, Trip
from splitbill.money import Money


def fuel(payer="Ann", sharers=("Ann", "Ben")):
    return Expense(payer, Money(4000), "fuel", sharers)


class TripTest(unittest.TestCase):
    def test_adds_up_what_was_spent(self):
        self.assertEqual(Trip(("Ann", "Ben"), (fuel(), fuel("Ben"))).total, Money(8000))

    def test_a_stranger_can_neither_pay_nor_share(self):
        for expense in (fuel(payer="Zoe"), fuel(sharers=("Ann", "Zoe"))):
            with self.subTest(expense), self.assertRaisesRegex(ValueError, "who is Zoe"):
                Trip(("Ann", "Ben"), (expense,))

    def test_somebody_must_share(self):
        with self.assertRaisesRegex(ValueError, "shared by nobody"):
            Trip(("Ann",), (fuel(sharers=()),))

    def test_a_name_stands_for_one_person(self):
        with self.assertRaisesRegex(ValueError, "twice"):
            Trip(("Ann", "Ben", "Ann"))
