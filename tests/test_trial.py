"""An SOP's papers on made-up cases: all of them, whatever is broken beside them, and nothing of it in the office."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import lxml.html
import pytest
from docx import Document
from sqlalchemy import func, select

from app import bundles, cli, config, drawn, revisions, trial
from app.models import Case, RegisterEntry
from tests import sops
from tests.conftest import MONDAY, Office, alur
from tests.drawn import draw, given
from tests.test_documents import letter, words


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    env = {"ALUR_INSTANCE": str(tmp_path), "ALUR_SECRET_KEY": "x", "ALUR_NOW": MONDAY.isoformat()}
    return config.settings(env)


def small(dokumen: str = "", akhir: str = "", form: bytes = b"", **templates: bytes) -> bundles.Bundle:
    """Two steps and a decision: papers of the first step, and of the end that the usual way does not reach."""
    first = given(dokumen=dokumen, **({"formulir": "f"} if form else {}))
    text = f'''start s
user a "Isi" <{first}>
user b "Periksa"
xor g "Jadi?"
end e
end f "Batal" <{given(dokumen=akhir)}>
s > a
a > b
b > g
g > e "Ya"
g > f "Tidak"'''
    papers = {f"{name}.docx": content for name, content in templates.items()}
    return bundles.Bundle("p", draw(text), {}, {"f": form} if form else {}, papers)


@pytest.mark.parametrize("key", sops.KEYS)
def test_every_paper_of_an_sop_is_filled(key: str, settings: config.Settings) -> None:
    bundle = sops.BUNDLES[key]
    tried, findings = trial.of_bundle(settings, bundle)
    named = {
        (paper.template, paper.name)
        for _, _, text in drawn.places_of_papers(sops.definition(key))
        for paper in drawn.papers(text)
    }
    assert [f for f in findings if f.level != "info"] == []
    assert tried.stopped == ""
    assert {(one.paper.template, one.paper.name) for one in tried.papers} == named
    assert [one.paper.name for one in tried.papers if one.error or not one.reached] == []
    for one in tried.papers:
        for content in (one.filled, one.blank):
            assert content is not None
            said = words(content)
            assert "{{" not in said
            assert "{%" not in said
    assert {path.name for path in settings.files.parent.iterdir()} <= {"files"}


def test_a_decision_that_no_usual_case_takes_is_tried_as_well(settings: config.Settings) -> None:
    letters = {"a": letter("{{ dokumen.nama }}"), "b": letter("{{ sop.judul }}")}
    tried, _ = trial.of_bundle(settings, small("a.docx | Satu | rangkap 2", "b.docx | Batal", **letters))
    assert tried.stopped == ""
    assert [(one.paper.name, one.reached, one.form, one.error) for one in tried.papers] == [
        ("Satu", True, False, ""), ("Batal", True, False, ""),
    ]  # fmt: skip
    assert tried.papers[0].filled is not None
    assert words(tried.papers[0].filled).strip() == "Satu"


def test_one_broken_letter_costs_no_other(settings: config.Settings) -> None:
    broken = letter("utuh", "Nama {{ isian.nama }")
    bundle = small("a.docx | Satu\nb.docx | Dua", a=broken, b=letter("{{ dokumen.nama }}"))
    tried, findings = trial.of_bundle(settings, bundle)
    assert [(f.level, f.message) for f in findings if f.rule == "tag-rusak"] == [
        ("error", "a.docx: Pada “Nama {{ isian.nama }”: “{{” tidak ditutup.")
    ]
    assert [(one.paper.name, one.error != "", one.filled is not None) for one in tried.papers] == [
        ("Satu", True, False), ("Dua", False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bundle", "stopped"),
    [
        (bundles.Bundle("p", b"<a/>", {}, {}, {}), "belum dapat dijalankan"),
        (small("tiada.docx | Surat"), "belum dapat dijalankan"),
    ],
    ids=["no diagram", "a letter that is not there"],
)
def test_what_cannot_run_says_so(bundle: bundles.Bundle, stopped: str, settings: config.Settings) -> None:
    tried, findings = trial.of_bundle(settings, bundle)
    assert (tried.papers, stopped in tried.stopped, any(f.level == "error" for f in findings)) == ((), True, True)


def test_a_made_up_case_that_cannot_go_on_says_where(settings: config.Settings) -> None:
    """A `contoh` that its own form refuses: the papers are filled with what there is."""
    code = {"type": "textfield", "key": "kode", "label": "Kode", "validate": {"required": True, "pattern": "[0-9]+"}}
    form = json.dumps({"type": "default", "components": [{**code, "properties": {"contoh": "abc"}}]}).encode()
    tried, _ = trial.of_bundle(settings, small("a.docx | Surat", form=form, a=letter("Kode {{ isian.kode }}.")))
    assert tried.stopped.startswith("Permohonan contoh berhenti di langkah “Isi”: ")
    [one] = tried.papers
    assert (one.reached, one.error) == (False, "")
    assert one.filled is not None
    assert words(one.filled).strip() == "Kode ."


# -- the owner's page --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_owner_looks_at_each_letter(office: Office) -> None:
    owner, page = office.client("pemilik"), f"/sop/{office.sop}/1"
    listed = owner.get(page).text
    for template in sops.BUNDLES[office.sop].templates:
        assert f'href="{page}/surat/{template}"' in listed
    paper = drawn.papers(office.definition.properties["unduhan"])[0]
    said = owner.get(f"{page}/surat/{paper.template}").text
    for words_ in (paper.name, "Lihat contoh terisi", "Lihat yang kosong", "Tidak ada catatan", "seluruh SOP"):
        assert words_ in said
    for query in ("", "?nama=" + paper.name, "?kosong=1"):
        answer = owner.get(f"{page}/contoh/{paper.template}{query}")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert Document(io.BytesIO(answer.data)).paragraphs
        read = owner.get(f"{page}/contoh/{paper.template}/lihat{query}")
        assert (read.status_code, read.headers["Content-Security-Policy"][:21]) == (200, "sandbox allow-scripts")
    framed = lxml.html.fromstring(said).xpath("//iframe/@src")
    assert f"{page}/surat/{paper.template}/lihat" in framed
    assert {owner.get(address).status_code for address in framed} == {200}
    assert owner.get(f"{page}/surat/x.docx/lihat").status_code == 404
    assert [owner.get(f"{page}/{rest}").status_code for rest in ("surat/x.docx", "contoh/x.docx")] == [404, 404]
    assert owner.get(f"{page}/contoh/{paper.template}?nama=lain").status_code == 404
    other = office.client("pemohon")
    assert [other.get(f"{page}/{rest}/{paper.template}").status_code for rest in ("surat", "contoh")] == [403, 403]
    assert [other.get(address).status_code for address in framed[:1]] == [403]
    with office.look() as ctx:
        assert ctx.session.scalar(select(func.count()).select_from(Case)) == 0
        assert ctx.session.scalar(select(func.count()).select_from(RegisterEntry)) == 0


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_letter_that_fails_on_data_says_why(office: Office) -> None:
    """What passes the check without data may fail with it; a template that the diagram forgot is told as well."""
    fails = letter("{% if permohonan.nomor %}{{ permohonan.nomor + 1 }}{% endif %}")
    bundle = small("a.docx | Surat", a=fails, lepas=letter("Bebas"))
    with office.work() as ctx:
        revisions.install(ctx, bundle, "uji", "uji")
    owner = office.client("pemilik")
    said = owner.get("/sop/p/1/surat/a.docx").text
    assert "Pada “" in said
    assert "tidak dapat dihitung" in said
    assert "Lihat contoh terisi" not in said
    assert "tidak dapat dihitung" in owner.get("/sop/p/1/contoh/a.docx").text
    assert "Templat ini tidak menerbitkan surat apa pun" in owner.get("/sop/p/1/surat/lepas.docx").text


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_command_writes_what_an_owner_looks_at(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of files that are not in force, and of an SOP that is; a name that no system bears becomes one."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("DATABASE_URL", office.db.url), ("FILES", str(tmp_path)), ("SECRET_KEY", "x")):
        monkeypatch.setenv(f"ALUR_{name}", value)
    bundle = small('a.docx | Satu/Dua: "x"', a=letter("{{ dokumen.nama }}"))
    with zipfile.ZipFile("baru.zip", "w") as archive:
        archive.writestr("bpmn/p.bpmn", bundle.diagram)
        archive.writestr("docx_templates/p/a.docx", bundle.templates["a.docx"])
    alur(monkeypatch, "sop", "trial", "baru.zip")
    assert [path.name for path in Path("contoh-p").iterdir()] == ["01 Satu-Dua- -x-.docx"]
    alur(monkeypatch, "sop", "trial", office.sop, "-o", "hasil")
    written = sorted(path.name for path in Path("hasil").iterdir())
    assert len([name for name in written if "(kosong)" not in name]) > 10
    assert len([name for name in written if "(kosong)" in name]) >= 4
    with zipfile.ZipFile("baru.zip", "w") as archive:
        archive.writestr("bpmn/p.bpmn", bundle.diagram)
        archive.writestr("docx_templates/p/a.docx", letter("Nomor {{ permohonan.nomor"))
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["alur", "sop", "trial", "baru.zip"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    assert "Pada “Nomor {{ permohonan.nomor”: “{{” tidak ditutup. [tag-rusak]" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["alur", "sop", "trial", "tiada"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "tiada: tidak ada berkas atau SOP yang berlaku dengan nama ini." in capsys.readouterr().err
