"""Prints the slowest tests of a run, and their number, from the JUnit report that cargo-nextest writes.

usage: test_report.py REPORT

Exit code: 1 when a test failed or was skipped: nothing is left out silently.
"""

import sys
import xml.etree.ElementTree as ElementTree

SLOWEST = 20


def main(report):
    cases = list(ElementTree.parse(report).iter("testcase"))
    slowest = sorted(cases, key=lambda case: float(case.get("time")), reverse=True)[:SLOWEST]
    print(f"\nThe slowest {len(slowest)} of {len(cases)} tests:")
    for case in slowest:
        print(f"{float(case.get('time')):7.1f} s  {case.get('classname')} {case.get('name')}")
    failed, skipped = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "skipped"))
    print(f"\n{len(cases) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return int(failed + skipped > 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
