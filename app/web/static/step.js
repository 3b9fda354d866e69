// The step page works without this: here a return opens its reason, typing is saved, and a second click does nothing.
(() => {
  const form = document.getElementById('langkah');
  document.getElementById('kesalahan')?.focus();
  if (!form) return;
  const english = document.documentElement.lang === 'en';
  const saved = document.getElementById('tersimpan');
  const reason = document.getElementById('alasan');
  let dirty = false;
  let sent = false;
  let timer = null;
  let saving = null;

  function sentence(text) {
    if (saved) saved.textContent = text;
  }

  // What is in the form now, but for files: they are sent as they are chosen, and their ids stand in the form.
  function written() {
    const data = new FormData(form);
    const files = new Set([...data].filter(([, value]) => value instanceof File).map(([name]) => name));
    for (const name of files) {
      const ids = data.getAll(name).filter((value) => typeof value === 'string');
      data.delete(name);
      ids.forEach((id) => data.append(name, id));
    }
    return data;
  }

  async function save(leaving = false) {
    clearTimeout(timer);
    if (!dirty || sent || saving) return;
    dirty = false;
    // A page that goes away may send no more than 64 KB; without `keepalive` any size goes.
    saving = fetch(form.dataset.draft, {
      method: 'POST', body: written(), keepalive: leaving, headers: { 'X-Requested-With': 'fetch' },
    });
    try {
      const answer = await saving;
      const told = answer.headers.get('Content-Type')?.startsWith('application/json') ? await answer.json() : {};
      if (sent) return;
      if (answer.ok && told.saved) sentence(`${english ? 'Draft saved at' : 'Draf tersimpan pukul'} ${told.saved}`);
      else if (told.message) sentence(told.message);
      else sentence(english ? 'Not saved: please log in again in another tab' : 'Belum tersimpan: masuk lagi dahulu di tab lain');
    } catch {
      dirty = true;
      sentence(english ? 'Not saved: no connection' : 'Belum tersimpan: tidak ada sambungan');
    } finally {
      saving = null;
      if (dirty && !sent) timer = setTimeout(() => save(), 2500); // what was typed meanwhile, or once more
    }
  }

  form.addEventListener('input', (event) => {
    if (event.target.type === 'file') return;
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(() => save(), 2500);
  });
  form.addEventListener('alur-simpan', () => {
    dirty = true;
    save();
  });
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'hidden') save(true); });

  // A small form beside this one leaves the page as well: what was typed is saved first.
  document.addEventListener('submit', async (event) => {
    if (event.target === form || !dirty && !saving || event.target.method === 'dialog') return;
    event.preventDefault();
    await saving?.catch(() => {});
    await save();
    dirty = false;
    event.target.requestSubmit(event.submitter);
  });

  form.addEventListener('submit', (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    if (event.submitter?.hasAttribute('data-returns') && reason && !reason.value.trim()) {
      event.preventDefault();
      document.getElementById('pengembalian').open = true;
      reason.setAttribute('aria-invalid', 'true');
      reason.focus();
      reason.scrollIntoView({ block: 'center' });
      sentence(english ? 'Write the reason first.' : 'Tulis dahulu alasan pengembalian, lalu tekan lagi.');
      return;
    }
    sent = true;
    clearTimeout(timer);
  });
  window.addEventListener('pageshow', () => { sent = false; });

  // The reason is no part of the draft: this window keeps it until the step is sent.
  const kept = `alasan ${form.dataset.draft}`;
  if (reason) {
    if (!reason.value && sessionStorage.getItem(kept)) {
      reason.value = sessionStorage.getItem(kept);
      document.getElementById('pengembalian').open = true;
    }
    reason.addEventListener('input', () => sessionStorage.setItem(kept, reason.value));
    form.addEventListener('submit', (event) => {
      if (!event.defaultPrevented && event.submitter?.name === 'choice') sessionStorage.removeItem(kept);
    });
  }

  // A link to a field inside a fold opens it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target && target.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
    if (target) target.focus?.();
  };
  window.addEventListener('hashchange', reveal);
  reveal();
})();
