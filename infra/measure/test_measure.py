"""Tests of what can be tested without an engine."""

import pathlib
import tempfile
import unittest
import unittest.mock

import deliveries
import samples
from rows import ROWS, interleaved
from sides import Failed, bytes_sent
from stats import Bound, Kind, Result, table


def digest(root: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Comparisons(unittest.TestCase):
    CASES = [
        (Bound(Kind.RATIO, 1.15), [1.0, 9.0, 1.1], [1.0, 1.0, 1.0], 1.1, True),
        (Bound(Kind.RATIO, 1.0), [1.2, 1.2, 1.2], [1.0, 1.0, 1.0], 1.2, False),
        (Bound(Kind.RATIO), [5.0], [1.0], 5.0, True),
        (Bound(Kind.EXCESS, 0.060), [0.350], [0.300], 0.050, True),
        (Bound(Kind.EXCESS, 0.060), [0.370], [0.300], 0.070, False),
        (Bound(Kind.SHARE, 0.01), [500.0], [1_000_000.0], 0.0005, True),
    ]

    def test_medians_are_compared_with_the_bound(self) -> None:
        for bound, acre, other, comparison, kept in self.CASES:
            with self.subTest(bound=bound, acre=acre):
                result = Result("row", "other", bound, acre, other)
                self.assertAlmostEqual(result.comparison, comparison)
                self.assertEqual(result.kept, kept)
                self.assertIn("ok" if kept else "MISSED", table([result]))


class Deliveries(unittest.TestCase):
    def test_what_so_many_of_100_took_is_one_of_the_values(self) -> None:
        took = [number / 1000 for number in range(1, 101)]
        self.assertEqual([deliveries.of_100(took, percent) for percent in (0, 50, 99, 100)], [1.0, 50.0, 99.0, 100.0])
        self.assertEqual(deliveries.of_100([0.002], 99), 2.0)


class Samples(unittest.TestCase):
    def test_equal_arguments_make_equal_trees(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            one, two, three = (pathlib.Path(directory) / name for name in "123")
            samples.build_tree(one, "a", "base:1")
            samples.build_tree(two, "a", "base:1")
            samples.build_tree(three, "b", "base:1")
            self.assertEqual(digest(one), digest(two))
            self.assertNotEqual(digest(one)["side"], digest(three)["side"])
            self.assertEqual(len(list((one / "src").rglob("*.txt"))), samples.BUILD_FILES)
            size = sum(len(content) for content in digest(one).values())
            self.assertAlmostEqual(size / samples.BUILD_BYTES, 1.0, places=2)

    def test_one_file_changes_each_round(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory) / "tree"
            samples.build_tree(root, "a", "base:1")
            for _ in range(3):
                before = digest(root)
                samples.change_one(root / "src")
                after = digest(root)
                self.assertEqual(sum(before[name] != after[name] for name in before), 1)


class Output(unittest.TestCase):
    def test_sizes_are_read_from_the_line_of_the_client(self) -> None:
        self.assertEqual(bytes_sent("2026/01/01 00:00:00 Sending context (1.500 MiB) to registry: r...\n"), 1.5 * 2**20)
        self.assertEqual(bytes_sent("Sending context (12 B) to registry: r..."), 12)
        with self.assertRaises(Failed):
            bytes_sent("nothing of the kind")


class Rounds(unittest.TestCase):
    def test_sides_take_turns_at_being_first(self) -> None:
        order = []
        measure = interleaved(lambda n: order.append(("acre", n)) or 1.0, lambda n: order.append(("other", n)) or 2.0)
        self.assertEqual([measure(0), measure(1)], [(1.0, 2.0), (1.0, 2.0)])
        self.assertEqual(order, [("acre", 0), ("other", 0), ("other", 1), ("acre", 1)])

    def test_every_engine_has_rows_of_four_platforms(self) -> None:
        for many in (True, False):
            tools = unittest.mock.Mock()
            tools.builds_many_platforms.return_value = many
            tools.has_two_agents.return_value = False
            fitting = [row for row in ROWS if row.name.startswith("four-") and row.fits(tools)]
            with self.subTest(many=many):
                self.assertEqual(len(fitting), 3)
                self.assertTrue(all(row.name.endswith("-in-turn") != many for row in fitting), fitting)

    def test_a_farm_of_two_agents_has_rows_of_its_own(self) -> None:
        tools = unittest.mock.Mock()
        tools.has_two_agents.return_value = True
        self.assertEqual([row.name for row in ROWS if row.fits(tools)], ["two-cold", "two-one-file"])

    def test_rows_have_names_of_their_own(self) -> None:
        self.assertEqual(len({row.name for row in ROWS}), len(ROWS))


if __name__ == "__main__":
    unittest.main()
