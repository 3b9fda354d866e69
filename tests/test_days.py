"""Random days of an office: what is drawn at random is completed, taken back, ended, opened again and corrected while
the clock and the calendar move, and after each deed the journal bears out everything that stands beside it.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from datetime import timedelta

import pytest

from app import audit, bundles, calendars, cases, journal, people, revisions
from app.context import Context
from app.models import Case
from app.people import Actor
from tests.conftest import PASSWORD, Office
from tests.drawn import given
from tests.random_drawing import random_drawing

PEOPLE = {"Pemohon": "pemohon", "Depan": "depan", "Atas": "atas", "Atas2": "atas2"}
FORM = {"type": "default", "id": "isi", "components": [
    *({"type": "number", "key": key, "label": key, "id": key} for key in ("x", "y", "n")),
    {"type": "textfield", "key": "nama", "label": "Nama", "id": "nama"},
]}  # fmt: skip
RULES = {
    "penolakan": "Atas", "pengguguran": "Depan", "pembukaan_kembali": "Atas", "pembetulan": "Depan",
    "pencabutan": "Atas",
}  # fmt: skip
DEEDS = ["complete"] * 12 + ["take_back"] * 6 + ["correct"] * 3 + ["time"] * 5 + ["claim", "hand", "postpone", "note"]
DEEDS += ["withdraw", "refuse", "lapse", "revoke", "calendar", "calendar", *["reopen"] * 4]
SECONDS = 15.0
SPIFF = 'xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core"'


def drawing(seed: int) -> bytes:
    """A random drawing, its steps dealt to an applicant and two officers, with forms, limits, numbers and the clock."""
    chance = random.Random(seed)
    text = random_drawing(seed, plain=chance.random() < 0.5).decode().replace('id="P"', 'id="acak"')
    text = text.replace("<definitions ", f"<definitions {SPIFF} ")
    dealt: dict[str, list[str]] = {"Pemohon": [], "Depan": [], "Atas": []}
    begun = False

    def step(match: re.Match[str]) -> str:
        nonlocal begun
        key = match[1]
        lane = chance.choice(list(dealt)) if dealt["Pemohon"] else "Pemohon"
        dealt[lane].append(key)
        says = {"batas": f"H+{chance.randint(0, 3)}"} if chance.random() < 0.5 else {}
        says |= {"formulir": "isi"} if chance.random() < 0.6 else {}
        says |= {"register": f"buku.{key} = buku : {{urut:3}}"} if chance.random() < 0.3 else {}
        says |= {"jam": "jeda"} if chance.random() < 0.1 else {}
        if not begun and lane != "Pemohon" and chance.random() < 0.7:
            begun, says["jam"] = True, "mulai"
        rest = "/>" if match[0].endswith("/>") else ">"
        opened = f'<userTask id="{key}" name="{key}"{match[2]}>{given(**says) if says else ""}'
        return opened + ("</userTask>" if rest == "/>" else "")

    text = re.sub(r'<userTask id="(\w+)"([^>/]*)/?>', step, text)
    dealt["Pemohon"].insert(0, "S1")
    held = "".join(
        f'<lane id="l{name}" name="{name}">{given(pemohon="ya") if name == "Pemohon" else ""}'
        + "".join(f"<flowNodeRef>{key}</flowNodeRef>" for key in keys) + "</lane>"
        for name, keys in dealt.items()
    )  # fmt: skip
    says = given(jangka_waktu=chance.choice(["7 kerja", "5 kalender", "2 kerja"]), ringkasan="nama", **RULES)
    return re.sub(r"(<process [^>]*>)", rf'\1{says}<laneSet id="ls">{held}</laneSet>', text, count=1).encode()


class Day:
    """One case of a random SOP and what happens to it."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office, self.seed, self.chance = office, seed, random.Random(seed)
        self.log: list[str] = []
        self.done: Counter[str] = Counter()
        with office.work() as ctx:
            self.case_id = cases.open_case(ctx, office.actor(ctx, "pemohon"), "acak").id

    def live(self, most: int) -> None:
        for _ in range(most):
            deed = self.chance.choice(DEEDS)
            self.office.later(minutes=self.chance.choice([0, 0, 3, 200]))
            if deed == "time":
                self.office.later(hours=self.chance.choice([1, 20, 50, 120]))
            try:
                with self.office.work() as ctx:
                    self.log.append(f"{ctx.local():%d %H.%M} {deed}")
                    case = ctx.session.get_one(Case, self.case_id)
                    did = self.does(ctx, case, deed)
            except cases.CannotGoOn:
                self.log[-1] += " - leads nowhere"
                return
            except cases.Refusal as refusal:
                self.log[-1] += f" - {type(refusal).__name__}"
                did = False
            self.done[deed] += bool(did)
            with self.office.look() as ctx:
                case = ctx.session.get_one(Case, self.case_id)
                proof = audit.frames(ctx, case)
                assert proof.all_findings == [], "\n".join([f"seed {self.seed}", *self.log, *proof.all_findings])
                if case.seq > 120 or len(cases.open_tasks(ctx, case)) > 15:
                    return

    def who(self, ctx: Context, lane: str) -> Actor:
        names = [name for held, name in PEOPLE.items() if held.startswith(lane)]
        return self.office.actor(ctx, self.chance.choice(names))

    def answers(self) -> dict[str, object]:
        pick = self.chance.choice
        return {"x": pick([0, 1]), "y": pick([0, 1]), "n": pick([0, 1, 2, 3]), "nama": pick(["Andi", "Budi"])}

    def does(self, ctx: Context, case: Case, deed: str) -> bool:
        """Whether anything came of it. Raises what its verb refuses."""
        chance = self.chance
        tasks = cases.open_tasks(ctx, case)
        definition = revisions.load(ctx.session, case.revision_id).definition
        match deed:
            case "time":
                if chance.random() < 0.7:
                    return bool(cases.fire_due(ctx, cases.locked(ctx, case.id)))
            case "calendar":
                day = ctx.local().date() + timedelta(days=chance.randint(0, 9))
                calendars.change(ctx, day, chance.choice([True, False]), "Banjir", f"SK {chance.randint(1, 999)}")
                if chance.random() < 0.7:
                    locked = cases.locked(ctx, case.id)
                    cases.fire_due(ctx, locked)
                    return cases.reckon(ctx, locked)
            case "take_back":
                for name in chance.sample(sorted(PEOPLE.values()), 4):
                    actor = self.office.actor(ctx, name)
                    if cases.may_take_back(ctx, actor, case, journal.entries(ctx, case.id)):
                        cases.take_back(ctx, actor, case.id)
                        self.log[-1] += f" {name}"
                        return True
            case "correct":
                steps = [key for key, step in definition.steps.items() if step.properties.get("formulir")]
                if steps:
                    cases.correct(ctx, self.who(ctx, "Depan"), case.id, chance.choice(steps), self.answers(), "Salah.")
                    return True
            case "withdraw" | "refuse" | "lapse" | "reopen" | "revoke":
                lane = {"withdraw": "Pemohon", "lapse": "Depan"}.get(deed, "Atas")
                cases.act(ctx, self.who(ctx, lane), case.id, deed, "Alasan.")
                return True
            case "note":
                cases.note(ctx, self.who(ctx, "Depan"), case.id, "Catatan.")
                return True
            case _ if tasks:
                task = chance.choice(tasks)
                actor = self.who(ctx, task.lane.name)
                self.log[-1] += f" {task.step}#{task.token}"
                if deed == "claim":
                    cases.claim(ctx, actor, task.id)
                elif deed == "postpone":
                    cases.claim(ctx, actor, task.id)
                    cases.postpone(ctx, actor, task.id, ctx.local().date() + timedelta(days=3), "Nanti.")
                elif deed == "hand":
                    cases.assign(ctx, actor, task.id, "atas2" if task.lane.name == "Atas" else "depan")
                else:
                    ways = cases.choices(ctx, task)
                    way = chance.choice(ways).id if ways else None
                    answers = self.answers() if cases.form_of(ctx, task) else {}
                    cases.complete(ctx, actor, task.id, answers, way, "Kurang.")
                return True
        return False


def hired(office: Office) -> None:
    with office.work() as ctx:
        for lane, name in PEOPLE.items():
            if name != "pemohon":
                people.new_person(ctx, name, PASSWORD, full_name=lane)


def walk(office: Office, seed: int) -> Counter[str]:
    """One random SOP and one case of it; what was done how often. A drawing that is refused gives nothing."""
    files = {"acak.bpmn": drawing(seed), "isi.form": json.dumps(FORM).encode()}
    try:
        with office.work() as ctx:
            revisions.install(ctx, bundles.gathered(files)[0], "uji", "uji")
            for lane, name in PEOPLE.items():
                if name != "pemohon":
                    people.grant(ctx, office.person(ctx, name), lane.rstrip("2"))
        day = Day(office, seed)
    except (revisions.NotRunnable, cases.CannotGoOn) as error:
        return Counter({type(error).__name__: 1})
    day.live(40)
    return day.done + Counter(walks=1)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_random_days_are_borne_out_by_their_journals(office: Office) -> None:
    hired(office)
    begin, seed = time.monotonic(), random.randrange(1_000_000)
    print("seed", seed)
    done: Counter[str] = Counter()
    while time.monotonic() - begin < SECONDS:
        seed += 1
        done += walk(office, seed)
    assert all(done[deed] for deed in ("walks", "complete", "take_back", "reopen")), done
