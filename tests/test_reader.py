"""What a drawing is read as: choices, returns, lanes, starts, facts, and how the model of it runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app import engine
from app.engine.definition import Choice, Definition, Start, Step
from tests.drawn import draw, given, lanes

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def read(text: str, *args: str, **kwargs: str) -> Definition:
    reading = engine.read(draw(text, *args, **kwargs))
    assert reading.runnable, reading.findings
    assert reading.definition
    return reading.definition


def run(definition: Definition, *choices: str | None, start: str | None = None, **facts: object) -> list[str]:
    """The path of a case in which each step that opens is done, with these choices where it has some."""
    outcome = engine.start(definition, start, facts, NOW)
    path = list(outcome.path)
    left = list(choices)
    tokens = list(outcome.opened)
    while tokens and not (definition.steps[tokens[0].step].choices and not left):
        token = tokens.pop(0)
        choice = left.pop(0) if definition.steps[token.step].choices else None
        outcome = engine.complete(definition, outcome.state, token.token, facts, choice, NOW)
        path += outcome.path
        tokens = [open_step for open_step in tokens if open_step.token not in outcome.closed] + list(outcome.opened)
    return path


CHECKED = """
start s @100
user a @100 "Isi"
user b @100 "Periksa"
xor g @100 "Lengkap?"
user c @100 "Sahkan"
end e @100 "Selesai"
end t @300 "Ditolak"
s > a
a > b
b > g
"""


def choices(text: str) -> dict[str, list[tuple[str, str, bool, str]]]:
    """Each step's choices as (flow, label, returns, target)."""
    return {
        step.id: [(c.id, c.label, c.returns, c.target) for c in step.choices]
        for step in read(text).steps.values()
        if step.choices
    }


CHOICES = {
    "forward before returns, top to bottom": (
        CHECKED + 'g > t "Tolak"\ng > a "Kembalikan"\ng > c "Lengkap"\nc > e',
        {"b": [("g_c", "Lengkap", False, "c"), ("g_t", "Tolak", False, "t"), ("g_a", "Kembalikan", True, "a")]},
    ),
    "the default flow first": (
        CHECKED.replace("xor g", "xor g default=g_t") + 'g > c "Lengkap"\ng > t "Tolak"\nc > e',
        {"b": [("g_t", "Tolak", False, "t"), ("g_c", "Lengkap", False, "c")]},
    ),
    "a property overrides": (
        CHECKED
        + f'g > c "Maju" {{{given(kembali="ya")}}}\ng > a "Ulang" {{{given(kembali="tidak")}}}\ng > t "Tolak"\nc > e',
        {"b": [("g_a", "Ulang", False, "a"), ("g_t", "Tolak", False, "t"), ("g_c", "Maju", True, "c")]},
    ),
    "branches without names are named after where they lead": (
        CHECKED + "g > c\ng > t\nc > e",
        {"b": [("g_c", "Sahkan", False, "c"), ("g_t", "Ditolak", False, "t")]},
    ),
    "equal names are told apart": (
        CHECKED + 'g > c "Ya"\ng > t "Ya"\nc > e',
        {"b": [("g_c", "Ya", False, "c"), ("g_t", "Ya (Ditolak)", False, "t")]},
    ),
    "a return to the step itself": (
        CHECKED + 'g > b "Ulangi"\ng > c "Ya"\nc > e',
        {"b": [("g_c", "Ya", False, "c"), ("g_b", "Ulangi", True, "b")]},
    ),
    "through a gateway that facts route": (
        CHECKED.replace("xor g", "xor f default=f_c\nxor g")
        + 'g > f "Ya"\ng > a "Tidak"\nf > t if nilai < 5\nf > c\nc > e',
        {"b": [("g_f", "Ya", False, "c"), ("g_a", "Tidak", True, "a")]},
    ),
    "through a gateway that only merges": (
        CHECKED.replace("b > g", "xor m\nb > m\nc > m\nm > g") + 'g > e "Ya"\ng > c "Perbaiki"\ng > a "Tidak"',
        {
            "b": [("g_e", "Ya", False, "e"), ("g_c", "Perbaiki", False, "c"), ("g_a", "Tidak", True, "a")],
            "c": [("g_e", "Ya", False, "e"), ("g_c", "Perbaiki", False, "c"), ("g_a", "Tidak", True, "a")],
        },
    ),
    "a choice after a choice is a step of its own": (
        CHECKED + 'xor h @100 "Cukup?"\ng > h "Lengkap"\ng > a "Kembalikan"\nh > c "Cukup"\nh > b "Kurang"\nc > e',
        {
            "b": [("g_h", "Lengkap", False, "h"), ("g_a", "Kembalikan", True, "a")],
            "h": [("h_c", "Cukup", False, "c"), ("h_b", "Kurang", True, "b")],
        },
    ),
    "a choice reached from a step and from elsewhere is both": (
        CHECKED + 'xor h @100 "Cukup?"\nc > h\ng > h "Lengkap"\ng > c "Sahkan"\nh > e "Ya"\nh > t "Tidak"',
        {
            "b": [("g_h", "Lengkap", False, "h"), ("g_c", "Sahkan", False, "c")],
            "c": [("h_e", "Ya", False, "e"), ("h_t", "Tidak", False, "t")],
            "h": [("h_e", "Ya", False, "e"), ("h_t", "Tidak", False, "t")],
        },
    ),
    "a step repeated by a marker does not choose": (
        CHECKED.replace(
            'user b @100 "Periksa"',
            'user b @100 "Periksa" <<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality>'
            "</multiInstanceLoopCharacteristics>>",
        )
        + 'g > c "Ya"\ng > t "Tidak"\nc > e',
        {"g": [("g_c", "Ya", False, "c"), ("g_t", "Tidak", False, "t")]},
    ),
    "the first step inside a sub-process": (
        CHECKED + 'sub k @100 "Rapat"\n  start ks\n  user ka "Undang"\n  end ke\n  ks > ka\n  ka > ke\n'
        'g > k "Rapat"\ng > t "Tolak"\nk > c\nc > e',
        {"b": [("g_k", "Rapat", False, "ka"), ("g_t", "Tolak", False, "t")]},
    ),
    "inside a sub-process a return stays inside": (
        'start s\nsub k "Rapat"\n  start ks\n  user ka @1 "Undang"\n  user kb @1 "Catat"\n  xor kg\n  end ke "Usai"\n'
        '  ks > ka\n  ka > kb\n  kb > kg\n  kg > ke "Ya"\n  kg > ka "Lagi"\nend e\ns > k\nk > e',
        {"kb": [("kg_ke", "Ya", False, "ke"), ("kg_ka", "Lagi", True, "ka")]},
    ),
}


@pytest.mark.parametrize(("text", "expected"), CHOICES.values(), ids=CHOICES)
def test_choices(text: str, expected: object) -> None:
    assert choices(text) == expected


def test_a_loop_with_two_entries_is_read_in_drawn_order_and_said() -> None:
    text = """
start s
xor f default=f_a
user a @1 "A"
user b @300 "B"
xor g
end e @1 "Akhir"
s > f
f > a
f > b if langsung
a > b
b > g
g > a "Ulang"
g > e "Usai"
"""
    reading = engine.read(draw(text))
    assert reading.definition
    assert [(c.label, c.returns) for c in reading.definition.steps["b"].choices] == [("Usai", False), ("Ulang", True)]
    assert ("g_a", "info", "putaran-banyak-pintu") in [(f.element, f.level, f.rule) for f in reading.findings]


def test_a_choice_runs_along_its_branch() -> None:
    definition = read(CHECKED + 'g > c "Lengkap"\ng > a "Kembalikan"\ng > t "Tolak"\nc > e')
    path = run(definition, "g_a", "g_c")
    flows = [element for element in path if "_" in element]
    assert flows == ["s_a", "a_b", "b_g", "g_a", "a_b", "b_g", "g_c", "c_e"]
    with pytest.raises(engine.UnknownChoice):
        run(definition, "g_nowhere")


def test_a_choice_step_of_its_own_runs() -> None:
    text, _ = CHOICES["a choice reached from a step and from elsewhere is both"]
    definition = read(text)
    assert run(definition, "g_c", "h_e")[-2:] == ["h_e", "e"]
    path = run(definition, "g_h", "h_t")
    assert [element for element in path if element in ("b", "h", "c", "t")][-2:] == ["h", "t"]
    assert not any(element.startswith("_alur") for element in path)


def test_facts_route_and_are_listed() -> None:
    definition = read(
        "start s\nuser a\nxor g default=g_c\nuser b\nuser c\nend e\ns > a\na > g\ng > b if tka.umur &gt; 5\n"
        "g > c\nb > e\nc > e".replace("&gt;", ">")
    )
    assert definition.facts == ("tka.umur",)
    assert definition.steps["a"].choices == ()
    assert "b" in run(definition, tka={"umur": 6})
    assert "b" not in run(definition, tka={"umur": 5})


def test_conditions_of_every_dialect_mean_the_same() -> None:
    for condition in ("nilai == 1", "=nilai = 1", "${nilai == 1}", "${nilai} == 1"):
        definition = read(f"start s\nxor g default=g_f\nend e\nend f\ns > g\ng > e if {condition}\ng > f")
        assert run(definition, nilai=1)[-1] == "e", condition
        assert run(definition, nilai=2)[-1] == "f", condition


def test_several_starts() -> None:
    definition = read(
        f'start s "Tanya"\nstart t "Ajukan" <{given(utama="ya")}>\nuser a\nuser b\nend e\ns > a\na > b\nt > b\nb > e',
        lanes(("Pemohon", "s t a b e")),
    )
    assert definition.starts == (Start("s", "Tanya", False, "Pemohon"), Start("t", "Ajukan", True, "Pemohon"))
    assert run(definition)[:3] == ["t", "t_b", "b"]
    assert run(definition, start="s")[:3] == ["s", "s_a", "a"]


def test_no_start_begins_where_no_flow_leads() -> None:
    definition = read('user a "A"\nuser b\nend e\na > b\nb > e')
    assert definition.starts == (Start("a", "A", True, "Izin"),)
    assert run(definition) == ["a", "a", "a_b", "b", "b", "b_e", "e"]


def test_lanes_nested_with_whitespace_and_properties() -> None:
    inner = (
        lanes(("Kasi", "b"), ("Kabid", "c")).replace("laneSet", "childLaneSet").replace('"l', '"k').replace("ls", "cs")
    )
    outer = lanes(("Pemohon", "s a"), ("Pimpinan", "b c"))
    outer = outer.replace("</lane></laneSet>", f"{inner}</lane></laneSet>")
    outer = outer.replace('name="Pemohon">', f'name="Pemohon">{given(pemohon="YA")}')
    definition = read("start s\nuser a\nuser b\nuser c\nend e\ns > a\na > b\nb > c\nc > e", outer)
    assert [(lane.id, lane.name, lane.parents, dict(lane.properties)) for lane in definition.lanes] == [
        ("l1", "Pemohon", (), {"pemohon": "ya"}),
        ("k1", "Kasi", ("Pimpinan",), {}),
        ("k2", "Kabid", ("Pimpinan",), {}),
    ]
    assert [step.lane for step in definition.steps.values()] == ["Pemohon", "Kasi", "Kabid"]
    assert definition.applicant_lane == "Pemohon"


def test_lanes_by_where_a_step_stands() -> None:
    bounds = '<dc:Bounds x="-50" y="{1}" width="900" height="200"/>'
    box = f'<di:BPMNShape id="{{0}}_di" bpmnElement="{{0}}">{bounds}</di:BPMNShape>'
    shapes = box.format("l1", 0) + box.format("l2", 200)
    drawing = draw(
        "start s @50\nuser a @60\nuser b @260\nend e @270\ns > a\na > b\nb > e", lanes(("Satu", ""), ("Dua", ""))
    )
    reading = engine.read(drawing.replace(b"</di:BPMNPlane>", shapes.encode() + b"</di:BPMNPlane>"))
    assert reading.definition
    assert [step.lane for step in reading.definition.steps.values()] == ["Satu", "Dua"]
    assert reading.definition.applicant_lane == "Satu"


def test_a_step_outside_every_lane_takes_its_neighbours() -> None:
    reading = engine.read(
        draw("start s\nuser a\nuser b\nend e\ns > a\na > b\nb > e", lanes(("Satu", "s a"), ("Dua", "e")))
    )
    assert reading.definition
    assert reading.definition.steps["b"].lane == "Satu"
    assert ("b", "warning", "di-luar-lajur") in [(f.element, f.level, f.rule) for f in reading.findings]


def test_no_lanes_is_one_lane_named_after_the_process() -> None:
    definition = read("start s\nuser a\nend e\ns > a\na > e")
    assert [lane.name for lane in definition.lanes] == ["Izin"]
    assert definition.steps["a"].lane == "Izin"
    assert definition.applicant_lane is None


FORMS = [
    given(formulir="permohonan"),
    given(formJsonSchemaFilename="permohonan.json"),
    '<extensionElements><zeebe:formDefinition formId="permohonan"/></extensionElements>',
    '<extensionElements><zeebe:formDefinition formKey="camunda-forms:bpmn:permohonan"/></extensionElements>',
    '<extensionElements><camunda:properties><camunda:property name="formulir" value="permohonan"/>'
    "</camunda:properties></extensionElements>",
    '<extensionElements><zeebe:properties><zeebe:property name="formulir" value="permohonan"/>'
    "</zeebe:properties></extensionElements>",
]


@pytest.mark.parametrize("inner", FORMS)
def test_a_form_of_any_tool(inner: str) -> None:
    definition = read(f"start s\nuser a <{inner}>\nend e\ns > a\na > e")
    assert definition.steps["a"].properties["formulir"] == "permohonan"


@pytest.mark.parametrize(
    "attribute", ['camunda:formKey="embedded:app:forms/permohonan.form"', 'camunda:formRef="permohonan"']
)
def test_a_form_as_an_attribute(attribute: str) -> None:
    drawing = draw("start s\nuser a\nend e\ns > a\na > e").replace(
        b'<userTask id="a"', f'<userTask id="a" {attribute}'.encode()
    )
    reading = engine.read(drawing)
    assert reading.definition
    assert reading.definition.steps["a"].properties == {"formulir": "permohonan"}


def test_properties_of_everything() -> None:
    definition = read(
        f'start s\nuser a "A" <<documentation> Pasal 1 </documentation>{given(waktu="5", dokumen="x.docx | X")}>\n'
        f'xor g\nend e "Tolak" <{given(status="Ditolak")}>\nend f\n'
        f's > a\na > g\ng > e "Tolak" {{{given(dokumen="y.docx")}}}\ng > f "Terima"',
        "<documentation>Tentang</documentation>" + given(nomor="SOP-1", dasar_hukum="UU 1\nUU 2"),
    )
    assert (definition.key, definition.title, definition.documentation) == ("p", "Izin", "Tentang")
    assert definition.properties == {"nomor": "SOP-1", "dasar_hukum": "UU 1\nUU 2"}
    assert definition.steps["a"] == Step(
        "a", "A", "Izin", "Pasal 1",
        (Choice("g_e", "Tolak", False, "e", {"dokumen": "y.docx"}), Choice("g_f", "Terima", False, "f")),
        {"waktu": "5", "dokumen": "x.docx | X"},
    )  # fmt: skip
    assert definition.ends["e"].properties == {"status": "ditolak"}
    assert definition.flows["g_e"].name == "Tolak"
    assert definition.names == {"s": "", "a": "A", "g": "", "e": "Tolak", "f": ""}


def test_a_pool_names_the_process_and_may_hold_its_properties() -> None:
    pool = f'<participant id="o" name="Dinas" processRef="p">{given(nomor="1", biaya="Rp 0")}</participant>'
    head = f'<collaboration id="c">{pool}</collaboration>'
    reading = engine.read(draw("start s\nuser a\nend e\ns > a\na > e", given(nomor="2"), head, name=""))
    assert reading.definition
    assert (reading.definition.title, reading.definition.properties) == ("Dinas", {"nomor": "2", "biaya": "Rp 0"})
    assert [lane.name for lane in reading.definition.lanes] == ["Dinas"]


def test_a_property_written_twice_has_two_lines() -> None:
    twice = given(dokumen="a.docx", waktu="5").replace('name="waktu" value="5"', 'name="dokumen" value="b.docx"')
    definition = read(f"start s\nuser a <{twice}>\nend e\ns > a\na > e")
    assert definition.steps["a"].properties["dokumen"] == "a.docx\nb.docx"


def test_steps_stand_in_the_order_of_the_flow() -> None:
    definition = read(
        "user d\nuser c\nuser b @200\nuser a\nxor g default=g_b\nend e\nuser x @100\nstart s\n"
        "s > a\na > g\ng > b if x\ng > x if y\nb > c\nx > c\nc > d\nd > e".replace("default=g_b", "default=g_d")
        + "\ng > d"
    )
    assert list(definition.steps) == ["a", "x", "b", "c", "d"]


def test_every_kind_of_task_is_somebodys_step() -> None:
    kinds = ["user", "manual", "task", "send", "receive", "service", "script", "rule", "call", "sub"]
    flow = "\n".join(f"n{i} > n{i + 1}" for i in range(len(kinds)))
    body = "\n".join(f"{kind} n{i + 1}" for i, kind in enumerate(kinds))
    definition = read(f"start n0\n{body}\nend e\n{flow}\nn{len(kinds)} > e")
    assert list(definition.steps) == [f"n{i + 1}" for i in range(len(kinds))]
    assert run(definition)[-1] == "e"


def test_a_script_of_assignments_runs_and_others_are_a_step() -> None:
    script = "<script>jumlah = berkas.a + 1</script>"
    definition = read(
        f"start s\nscript a <{script}>\nxor g default=g_e\nend e\nend f\ns > a\na > g\ng > f if jumlah > 3\ng > e"
    )
    assert definition.facts == ("berkas.a", "jumlah")
    assert definition.steps == {}
    assert run(definition, berkas={"a": 3})[-1] == "f"
    definition = read("start s\nscript a <<script>import os</script>>\nend e\ns > a\na > e")
    assert list(definition.steps) == ["a"]


def test_events_that_nobody_can_detect_are_a_persons_confirmation() -> None:
    definition = read(
        'start s\ncatch a "Dibayar" <<messageEventDefinition/>>\ncatch b "Sebulan" <<timerEventDefinition/>>\n'
        "catch c\nend e\ns > a\na > b\nb > c\nc > e"
    )
    assert list(definition.steps) == ["a", "b"]
    assert run(definition)[-1] == "e"


TIMES = [
    ("<timeDuration>PT30M</timeDuration>", "<timeDuration>PT30M</timeDuration>"),
    ("<timeDuration>'PT30M'</timeDuration>", "<timeDuration>PT30M</timeDuration>"),
    ('<timeDuration>"P" + "1D"</timeDuration>', "<timeDuration>P1D</timeDuration>"),
    ("<timeDuration>=batas.lama</timeDuration>", "<timeDuration>batas.lama</timeDuration>"),
    ('<timeDuration>= duration("PT1H")</timeDuration>', "<timeDuration>PT1H</timeDuration>"),
    ('<timeDate>=date and time("2026-12-01T10:00:00Z")</timeDate>', "<timeDate>2026-12-01T10:00:00Z</timeDate>"),
    ('<timeDuration>=@"P2D"</timeDuration>', "<timeDuration>P2D</timeDuration>"),
    ("<timeDuration>3 hari</timeDuration>", "<timeDuration>P3D</timeDuration>"),
    ("<timeDuration>2026-12-01T10:00:00Z</timeDuration>", "<timeDate>2026-12-01T10:00:00Z</timeDate>"),
    ("<timeDate>2026-12-01</timeDate>", "<timeDate>2026-12-01</timeDate>"),
    ("<timeCycle>R3/PT10M</timeCycle>", "<timeCycle>R3/PT10M</timeCycle>"),
]


@pytest.mark.parametrize(("drawn", "as_run"), TIMES)
def test_times(drawn: str, as_run: str) -> None:
    definition = read(f"start s\ncatch a <<timerEventDefinition>{drawn}</timerEventDefinition>>\nend e\ns > a\na > e")
    assert as_run in definition.model


@pytest.mark.parametrize(
    ("name", "as_run"),
    [
        ("60 minutes", "PT60M"), ("Setelah 3 hari", "P3D"), ("Wait for 2 weeks", "P2W"), ("P3D", "P3D"), ("1 Tag", None),
        ("3 hari kerja", None), ("0 hari", None), ("Senin", None),
    ],
)  # fmt: skip
def test_a_clock_without_a_time_goes_by_its_name(name: str, as_run: str | None) -> None:
    text = f'start s\nuser a "A"\nboundary b attachedToRef=a "{name}" <<timerEventDefinition/>>\nend e\ns > a\na > e\nb > e'
    reading = engine.read(draw(text))
    assert reading.definition
    assert (f"<timeDuration>{as_run}</timeDuration>" in reading.definition.model) == (as_run is not None)
    assert [f.rule for f in reading.findings if f.element == "b"] == ["waktu" if as_run else "tanpa-pemicu"]


def test_link_events_jump() -> None:
    link = '<linkEventDefinition name="B"/>'
    definition = read(f"start s\nthrow a <{link}>\ncatch b <{link}>\nuser c\nend e\ns > a\nb > c\nc > e")
    assert run(definition) == ["s", "s_a", "a", "b", "b_c", "c", "c", "c_e", "e"]


def test_several_flows_out_of_a_task_run_side_by_side() -> None:
    definition = read("start s\nuser a\nuser b\nuser c\nend e\ns > a\na > b\na > c if perlu\nb > e\nc > e")
    assert "c" in run(definition, perlu=True)
    assert "c" not in run(definition, perlu=False)


def test_a_called_process_is_found_beside_and_its_ids_kept_apart() -> None:
    main = draw(
        'start s\nuser a "A"\ncall k calledElement=q "Panggil"\nend e\ns > a\na > k\nk > e', lanes(("Loket", "s a k e"))
    )
    other = draw('start s\nuser a "Dalam"\nend e\ns > a\na > e', id="q")
    reading = engine.read(main, {"other.bpmn": other})
    assert reading.runnable
    assert reading.definition
    assert [(step.id, step.name, step.lane) for step in reading.definition.steps.values()] == [
        ("a", "A", "Loket"),
        ("a_2", "Dalam", "Loket"),
    ]
    path = run(reading.definition)
    assert path[-1] == "e"
    assert "a_2" in path
    assert engine.called_ids(main) == {"q"}
    assert engine.process_ids(other) == {"q"}


def test_a_called_process_that_is_nowhere_is_a_step() -> None:
    assert list(read("start s\ncall k calledElement=q\nend e\ns > k\nk > e").steps) == ["k"]


def test_a_called_global_task_is_a_step() -> None:
    drawing = draw(
        'start s\ncall a calledElement=g "Setujui"\nend e\ns > a\na > e',
        head='<globalUserTask id="g" name="Persetujuan"/>',
    )
    reading = engine.read(drawing)
    assert reading.definition
    assert list(reading.definition.steps) == ["a"]
    assert [(f.element, f.level, f.rule) for f in reading.findings if f.element == "a"] == [
        ("a", "info", "dikerjakan-orang")
    ]


def test_conditions_of_another_machine_are_a_persons_choice() -> None:
    """Who draws for an engine of Java or FEEL names the branches for people; a person needs no more than the names."""
    text = (
        CHECKED
        + 'g > c "Lengkap" if ${task.isComplete()}\ng > a "Kembalikan" if nilai > 5\ng > t "Tolak" if a === 1\nc > e'
    )
    assert choices(text) == {"b": [("g_c", "Lengkap", False, "c"), ("g_t", "Tolak", False, "t"),
                                   ("g_a", "Kembalikan", True, "a")]}  # fmt: skip
    definition = read(text)
    assert definition.facts == ()
    assert run(definition, "g_t")[-2:] == ["g_t", "t"]


def test_odd_ids_are_replaced_and_references_follow() -> None:
    drawing = draw("start s\nuser a\nend e\ns > a\na > e").replace(b'"a"', b'"a b&quot;c"')
    reading = engine.read(drawing)
    assert reading.definition
    assert list(reading.definition.steps) == ["userTask_1"]
    assert run(reading.definition)[-1] == "e"


def test_a_stored_definition_reads_back() -> None:
    definition = read(
        CHECKED + 'g > c "Lengkap"\ng > a "Kembalikan"\nc > e', lanes(("Satu", "s a"), ("Dua", "b g c e"))
    )
    assert Definition.loads(definition.dumps()) == definition


def test_behind_an_event_based_gateway_the_first_that_happens_ends_the_others() -> None:
    definition = read(
        "start s\nevent g\n"
        'catch bayar "Dibayar" <<messageEventDefinition/>>\nreceive surat "Surat masuk"\n'
        "catch lewat <<timerEventDefinition><timeDuration>P3D</timeDuration></timerEventDefinition>>\n"
        "end e\nend f\nend h\ns > g\ng > bayar\ng > surat\ng > lewat\nbayar > e\nsurat > f\nlewat > h"
    )
    outcome = engine.start(definition, None, {}, NOW)
    assert [open_step.step for open_step in outcome.opened] == ["bayar", "surat"]
    assert outcome.next_due
    late = engine.fire(definition, outcome.state, {}, outcome.next_due)
    assert late
    assert (late.ended, late.ends) == (True, ("h",))
    paid = engine.complete(definition, outcome.state, outcome.opened[0].token, {}, None, NOW)
    assert (paid.ended, paid.ends, paid.next_due) == (True, ("e",), None)


def test_a_boundary_event_keeps_its_kind() -> None:
    text = (
        'start s\nuser a "A"\nboundary b attachedToRef=a cancelActivity=false'
        " <<timerEventDefinition><timeCycle>R2/PT1H</timeCycle></timerEventDefinition>>\n"
        'user c "Ingatkan"\nend e\nend f\ns > a\na > e\nb > c\nc > f'
    )
    definition = read(text)
    outcome = engine.start(definition, None, {}, NOW)
    assert outcome.next_due
    fired = engine.fire(definition, outcome.state, {}, outcome.next_due)
    assert fired
    assert ([open_step.step for open_step in fired.opened], fired.closed) == (["c"], ())
    definition = read(text.replace(" cancelActivity=false", ""))
    fired = engine.fire(definition, outcome.state, {}, outcome.next_due)
    assert fired
    assert ([open_step.step for open_step in fired.opened], len(fired.closed)) == (["c"], 1)


LOOPS = {
    "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>": 3,
    '<multiInstanceLoopCharacteristics isSequential="true"><loopDataInputRef>orang</loopDataInputRef>'
    "</multiInstanceLoopCharacteristics>": 2,
    '<multiInstanceLoopCharacteristics camunda:collection="${orang}"/>': 2,
    "<multiInstanceLoopCharacteristics><extensionElements>"
    '<zeebe:loopCharacteristics inputCollection="=orang"/></extensionElements></multiInstanceLoopCharacteristics>': 2,
    '<standardLoopCharacteristics loopMaximum="4"/>': 4,
}


@pytest.mark.parametrize(("marker", "times"), LOOPS.items())
def test_loop_markers(marker: str, times: int) -> None:
    definition = read(f'start s\nuser a "A" <{marker}>\nend e\ns > a\na > e')
    facts = {"orang": ["x", "y"]}
    outcome = engine.start(definition, None, facts, NOW)
    tokens = list(outcome.opened)
    for done, token in enumerate(tokens, 1):
        assert not outcome.ended, done
        outcome = engine.complete(definition, outcome.state, token.token, facts, None, NOW)
        tokens += outcome.opened
    assert outcome.ended
    assert len(tokens) == times
