"""What the check says that an SOP's owner would otherwise never hear: each a small drawing and its exact findings."""

from __future__ import annotations

import pytest

from app import engine
from app.engine.definition import Definition
from tests.drawn import draw, given
from tests.test_check import PLAIN, said

# Properties written twice, and those of lanes


def twice(name: str, *values: str) -> str:
    written = "".join(f'<spiffworkflow:property name="{name}" value="{value}"/>' for value in values)
    return f"<extensionElements><spiffworkflow:properties>{written}</spiffworkflow:properties></extensionElements>"


def laned(outer: str, *inner: str, other: str = "") -> bytes:
    """PLAIN in the first of two lanes that stand in a third, beside a fourth; each with its properties."""
    lanes = "".join(
        f'<lane id="i{number}" name="Dalam {number}">{given_}{"<flowNodeRef>s</flowNodeRef>" if number == 1 else ""}</lane>'
        for number, given_ in enumerate(inner, 1)
    )
    lane_set = (
        f'<laneSet id="ls"><lane id="o" name="Luar">{outer}<childLaneSet id="c">{lanes}</childLaneSet></lane>'
        f'<lane id="x" name="Lain">{other}<flowNodeRef>a</flowNodeRef><flowNodeRef>e</flowNodeRef></lane></laneSet>'
    )
    return draw(PLAIN, lane_set)


def defined(drawing: bytes) -> Definition:
    definition = engine.read(drawing).definition
    assert definition is not None
    return definition


TWICE = {
    "the same twice is once": (twice("batas", "H+1", "H+1"), "H+1", []),
    "twice and empty": (twice("batas", "", "H+1"), "H+1", []),
    "different": (twice("batas", "H+1", "H+2"), "H+1", [("a", "warning", "properti-ganda")]),
    "every line counts": (twice("keluaran", "Surat", "Berkas"), None, []),
}


@pytest.mark.parametrize(("inner", "read", "expected"), TWICE.values(), ids=TWICE)
def test_a_property_twice(inner: str, read: str | None, expected: list[tuple[str, str, str]]) -> None:
    text = PLAIN.replace('"Isi"', f'"Isi" <{inner}>').replace("start s", f"user h <{given(jam='mulai')}>\nstart s")
    drawing = draw(text.replace("user h", 'user h "Mulai"').replace("s > a", "s > h\nh > a"))
    assert said(drawing) == expected
    assert defined(drawing).steps["a"].properties.get("batas") == read
    if read is None:
        assert defined(drawing).steps["a"].properties["keluaran"] == "Surat\nBerkas"


def test_a_property_twice_is_told_with_both_values() -> None:
    (finding,) = [f for f in engine.read(laned(twice("pemohon", "ya", "TIDAK"), "")).findings if f.level == "warning"]
    assert (finding.element, finding.message) == (
        "o",
        "Lajur “Luar”: properti pemohon ditulis lebih dari satu kali (“ya”, “tidak”); yang dibaca “ya”. "
        "Hapuslah yang tidak dimaksud.",
    )


YES, NO = given(pemohon="ya"), given(pemohon="tidak")
APPLICANTS = {
    "where cases begin": (laned("", "", ""), "Dalam 1", []),
    "twice yes": (laned("", "", twice("pemohon", "ya", "Ya")), "Dalam 2", []),
    "an outer lane's word counts inside": (laned(YES, ""), "Dalam 1", []),
    "an inner lane's word counts more": (laned(YES, NO, ""), "Dalam 2", []),
    "several are too many": (laned(YES, "", ""), "Dalam 1", [("i2", "warning", "pemohon-ganda")]),
    "the office's own": (laned("", NO, ""), None, []),
    "the office's own, said outside": (laned(NO, "", ""), None, []),
    "no of a lane where nothing begins says nothing": (laned("", "", "", other=NO), "Dalam 1", []),
}  # fmt: skip


@pytest.mark.parametrize(("drawing", "applicant", "expected"), APPLICANTS.values(), ids=APPLICANTS)
def test_whose_lane_is_the_applicants(drawing: bytes, applicant: str | None, expected: object) -> None:
    assert defined(drawing).applicant_lane == applicant
    assert said(drawing, "warning") == expected


def test_a_counter_said_of_an_outer_lane() -> None:
    lanes = defined(laned(given(loket="ya"), "", given(loket="tidak"))).lanes
    assert {lane.name: lane.properties.get("loket") for lane in lanes} == {
        "Dalam 1": "ya", "Dalam 2": "tidak", "Lain": None,
    }  # fmt: skip
