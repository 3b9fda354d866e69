// Pages work without this: here the header's figures and the inbox's counts stay right, one sees who else looks at a
// case, what names somebody counts as read, and single keys do what buttons do, unless they are switched off.
(() => {
  const every = (seconds, ask) => {
    // Only while somebody looks; what fails is tried again later and later.
    let timer = null;
    let wait = seconds;
    const again = () => { timer = setTimeout(run, wait * 1000); };
    async function run() {
      timer = null;
      if (document.visibilityState === 'hidden') return;
      try {
        await ask();
        wait = seconds;
      } catch {
        wait = Math.min(wait * 2, 600);
      }
      if (!timer) again();
    }
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && !timer) run();
    });
    again();
    return run;
  };
  async function told(url, options = {}) {
    const answer = await fetch(url, { ...options, headers: { 'X-Requested-With': 'fetch' } });
    if (!answer.ok || !answer.headers.get('Content-Type')?.startsWith('application/json')) throw new Error(answer.status);
    return answer.json();
  }

  // Figures
  const places = document.querySelector('[data-figures]');
  const fresh = document.getElementById('baru');
  function figures(found) {
    for (const place of document.querySelectorAll('[data-figure]')) {
      const figure = found[place.dataset.figure];
      if (figure === undefined) continue;
      const text = String(figure);
      const shown = place.classList.contains('figure') ? place.firstElementChild : place;
      if (shown.textContent !== text) shown.textContent = text;
      if (!place.classList.contains('figure')) continue;
      place.hidden = text === '0';
      if (place.dataset.figure !== '/tugas') place.closest('li').hidden = text === '0';
    }
  }
  if (places) {
    every(20, async () => {
      const since = fresh ? `?sejak=${encodeURIComponent(fresh.dataset.since)}` : '';
      const found = await told(places.dataset.figures + since);
      figures(found.angka);
      if (!fresh || fresh.dataset.told === found.baru) return;
      fresh.dataset.told = found.baru;
      fresh.textContent = found.baru ? `${found.baru} ` : '';
      if (found.baru) fresh.append(Object.assign(document.createElement('a'), { href: fresh.dataset.list, textContent: fresh.dataset.words }));
    });
  }

  // Who else looks at this case; what names the reader is read once they have it before them
  const looking = document.getElementById('hadir');
  if (looking) {
    const send = () => ({ method: 'POST', body: new URLSearchParams({ csrf_token: looking.dataset.token }) });
    every(30, async () => {
      const { juga } = await told(looking.dataset.url, send());
      if (looking.textContent !== juga) looking.textContent = juga;
    })();
    if (looking.dataset.read) {
      told(looking.dataset.read, send()).then(({ menyebut }) => {
        document.getElementById('disebut')?.querySelector('button').remove();
        figures({ '/tugas/menyebut-saya': menyebut > 99 ? '99+' : menyebut });
      }).catch(() => {}); // the button still does it
    }
  }

  // Marking several
  const form = document.getElementById('beberapa');
  const boxes = [...document.querySelectorAll('[name=tugas][form=beberapa]')];
  if (form) {
    const all = document.getElementById('semua');
    const count = document.getElementById('ditandai');
    const tell = () => {
      const marked = boxes.filter((box) => box.checked).length;
      count.textContent = marked;
      all.checked = marked === boxes.length;
      all.indeterminate = marked > 0 && marked < boxes.length;
      form.querySelectorAll('button').forEach((button) => { button.disabled = marked === 0; });
    };
    all.hidden = false;
    all.addEventListener('change', () => { boxes.forEach((box) => { box.checked = all.checked; }); tell(); });
    document.addEventListener('change', (event) => { if (boxes.includes(event.target)) tell(); });
    window.addEventListener('pageshow', tell);
    tell();
  }

  // A small form that hangs from its button: opened it takes the focus, Esc and a click elsewhere shut it.
  const drops = [...document.querySelectorAll('details.drop')];
  for (const drop of drops) {
    drop.addEventListener('toggle', () => {
      if (!drop.open) return;
      drops.forEach((other) => { if (other !== drop) other.open = false; });
      drop.querySelector('[aria-invalid], select, input:not([type=hidden]), textarea')?.focus();
    });
  }
  document.addEventListener('click', (event) => {
    for (const drop of drops) if (drop.open && !drop.contains(event.target)) drop.open = false;
  });

  // Keys
  const help = document.getElementById('tombol-pintas');
  if (!help) return;
  const links = [...document.querySelectorAll('.task-link')];
  const choices = () => [...document.querySelectorAll('.step-foot button[form=langkah]:not(.step-draft)')];
  const on = document.getElementById('tombol-satu-huruf');
  const stored = 'alur tombol satu huruf';
  const kept = { get: () => { try { return localStorage.getItem(stored); } catch { return null; } }, set: (value) => { try { localStorage.setItem(stored, value); } catch { /* this page only */ } } };
  let last = '';
  let timer = null;
  on.checked = kept.get() !== 'mati';
  on.addEventListener('change', () => kept.set(on.checked ? 'hidup' : 'mati'));
  document.getElementById('petunjuk-tombol').hidden = false;
  document.querySelectorAll('[data-keys]').forEach((button) => button.addEventListener('click', () => help.showModal()));

  const row = () => document.activeElement?.closest('.tasks tbody tr');
  function go(step) {
    const at = links.indexOf(row()?.querySelector('.task-link'));
    const next = links[step > 0 ? at + 1 : Math.max(at - 1, 0)];
    next?.focus();
    next?.closest('tr').scrollIntoView({ block: 'nearest' });
    return Boolean(next);
  }
  const press = (button) => { button?.click(); return Boolean(button); };
  const keys = {
    j: () => go(1),
    k: () => go(-1),
    n: () => press(document.getElementById('ambil-berikutnya')),
    c: () => press(row()?.querySelector('[data-take]')),
    x: () => press(row()?.querySelector('[name=tugas]')),
    '/': () => { const q = document.getElementById('cari'); q?.focus(); q?.select(); return Boolean(q); },
    s: () => document.getElementById('langkah')?.dispatchEvent(new Event('alur-simpan')) ?? false,
    '?': () => { help.showModal(); return true; },
    gi: () => { location.assign('/tugas'); return true; },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help.open) return;
    const typing = event.target.closest('input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]');
    if (event.key === 'Escape') {
      const drop = drops.find((one) => one.open);
      if (drop) {
        drop.open = false;
        drop.querySelector('summary').focus();
      } else if (typing) typing.blur();
      return;
    }
    if (typing || !on.checked || event.repeat && !'jk'.includes(event.key)) return;
    const both = last + event.key;
    clearTimeout(timer);
    last = event.key === 'g' ? 'g' : '';
    timer = setTimeout(() => { last = ''; }, 1500);
    let done = false;
    if (/^[1-9]$/.test(event.key)) {
      const button = choices()[Number(event.key) - 1];
      button?.focus();
      done = Boolean(button);
    } else {
      done = (keys[both] ?? keys[event.key])?.() ?? false;
    }
    if (done) event.preventDefault();
  });
})();
