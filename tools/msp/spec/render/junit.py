"""The checks of specifications as a JUnit report, which Bazel and CI systems read."""

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from msp.spec.problem import Problem
from msp.spec.render import text

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML can't hold, however it is escaped (https://www.w3.org/TR/xml/#charsets)."""


def render(checked: Mapping[str, Sequence[Problem]]) -> str:
    """A report with one case for each file.

    Args:
        checked: Problems by file; none for a valid one.
    """
    failures = str(sum(map(bool, checked.values())))
    suites = ET.Element("testsuites", tests=str(len(checked)), failures=failures)
    suite = ET.SubElement(suites, "testsuite", name="service specification", tests=str(len(checked)), failures=failures)
    for file, problems in checked.items():
        case = ET.SubElement(suite, "testcase", name=_clean(file), classname="service specification", time="0")
        if problems:
            count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
            ET.SubElement(case, "failure", message=count).text = _clean(text.render(problems))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _clean(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)
