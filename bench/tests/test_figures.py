import pathlib
import tempfile
import unittest

import benchmarks
from harness import chart, results
from harness.backlog import figures
from harness.figures import FAILED, LIMIT, MISSED, NOT_RUN, PAGEBERG, REACHED, Benchmark, Check, Contestant, judge
from harness.processes import Failed
from harness.scale import SCALES


def contestant(name, rates, role=PAGEBERG, failure=""):
    runs = [{"rows_per_second": rate} for rate in rates]
    return Contestant(name, role, None, runs=runs, failure=failure)


def verdict(contestants, **check):
    return judge(Benchmark("b", "B", contestants, []), Check("pageberg", "rows_per_second", **check))


class Verdicts(unittest.TestCase):
    def test_a_ratio_is_the_median_of_those_of_each_round(self):
        # The machine was twice as fast in the second round: no ratio comes of different rounds.
        row = verdict(
            [contestant("pageberg", [20, 40, 33]), contestant("peer", [10, 20, 11])], against="peer", at_least=2
        )
        self.assertEqual((row["verdict"], row["ratio"]["median"]), (REACHED, 2.0))

    def test_a_ratio_just_below_its_target_is_missed(self):
        row = verdict([contestant("pageberg", [19]), contestant("peer", [10])], against="peer", at_least=2)
        self.assertEqual(row["verdict"], MISSED)

    def test_a_figure_is_judged_by_itself_when_there_is_no_alternative(self):
        self.assertEqual(verdict([contestant("pageberg", [100, 300, 200])], at_most=200)["verdict"], REACHED)

    def test_an_alternative_that_was_not_run_is_no_failure_and_one_that_failed_is(self):
        self.assertEqual(verdict([contestant("pageberg", [1])], against="peer", at_least=2)["verdict"], NOT_RUN)
        both = [contestant("pageberg", [1]), contestant("peer", [], failure="lost rows")]
        self.assertEqual(verdict(both, against="peer", at_least=2)["verdict"], FAILED)

    def test_the_exit_code_tells_the_worst(self):
        reached, missed = {"verdict": REACHED}, {"verdict": MISSED}
        well, ill = {"failure": ""}, {"failure": "lost rows"}
        for verdicts, one, code in [([reached], well, 0), ([reached, missed], well, 1), ([reached], ill, 2)]:
            self.assertEqual(results.exit_code([{"verdicts": verdicts, "contestants": [one]}]), code)


class Backlogs(unittest.TestCase):
    def test_steady_figures_leave_out_the_start_and_the_wait_for_the_last_commit(self):
        def look(second, rows, cpu):
            return second, rows, {"": cpu}

        looks = [look(0, 0, 0), look(10, 100, 9), look(11, 300, 10), look(12, 500, 11), look(20, 600, 12)]
        found = figures(looks, 600)
        self.assertEqual((found["rows_per_second"], found["rows_per_second_overall"]), (200, 30))
        self.assertEqual((found["cpu_s_per_million"], found["cpu_s_per_million_overall"]), (5_000, 20_000))


class Times(unittest.TestCase):
    def test_the_runs_are_planned_to_end_within_what_the_readme_says(self):
        for scale, peers, minutes in [("smoke", False, 2), ("quick", False, 10), ("full", True, 40)]:
            parts = benchmarks.all_of(SCALES[scale], peers)
            self.assertLess(sum(one.seconds(SCALES[scale]) for one in parts), minutes * 60, scale)


class Parts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "unfinished.json"

    def test_a_run_goes_on_with_what_has_not_failed_before(self):
        run = results.Unfinished(self.path, {"rounds": 5})
        for name, failure in [("well", ""), ("ill", "lost rows")]:
            benchmark = Benchmark(name, name, [contestant("pageberg", [20], failure=failure)], [])
            run.keep(results.of_benchmark(benchmark, 0, 1))
        later = results.Unfinished(self.path, {"rounds": 5})
        later.resume()
        self.assertEqual(list(later.found), ["well"])

    def test_a_run_under_other_conditions_goes_on_with_nothing(self):
        benchmark = Benchmark("b", "B", [contestant("pageberg", [20])], [])
        results.Unfinished(self.path, {"rounds": 5}).keep(results.of_benchmark(benchmark, 0, 1))
        with self.assertRaisesRegex(Failed, "rounds"):
            results.Unfinished(self.path, {"rounds": 3}).resume()


class Charts(unittest.TestCase):
    def test_the_same_figures_make_the_same_chart(self):
        def measured():
            benchmark = Benchmark("b", "B", [contestant("pageberg", [20]), contestant("peer", [10], LIMIT)], [])
            machine = {"cpu": "one", "cores": 2}
            return {
                "machine": machine,
                "date": "2026-01-05",
                "scale": "full",
                "found": [results.of_benchmark(benchmark, 0, 1)],
            }

        self.assertEqual(chart.bars(measured()), chart.bars(measured()))
        self.assertIn("peer", chart.bars(measured()))


if __name__ == "__main__":
    unittest.main()
