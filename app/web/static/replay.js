// Plays a case on its diagram. The page is complete without: the list, and ?seq=7 for a moment.
(() => {
  const room = document.getElementById('putar');
  if (!room) return;
  const moments = JSON.parse(document.getElementById('saat').textContent);
  const drawing = room.querySelector('.diagram');
  const bar = document.getElementById('kendali');
  const slider = document.getElementById('waktu');
  const now = document.getElementById('sekarang');
  const link = document.getElementById('tautan');
  const play = bar.querySelector('[data-act=play]');
  const list = room.querySelector('.replay-events ol');
  const english = document.documentElement.lang === 'en';
  let at = moments.findIndex((moment) => String(moment.seq) === room.dataset.current);
  let timer = null;

  const fromHash = () => {
    const seq = location.hash.match(/^#p?(\d+)$/)?.[1];
    return seq ? moments.findIndex((moment) => String(moment.seq) === seq) : -1;
  };

  function show(index, reveal = true) {
    at = Math.min(Math.max(index, 0), moments.length - 1);
    const moment = moments[at];
    const so = moments.slice(0, at + 1);
    const done = so.flatMap((one) => one.done).filter((id) => !moment.here.includes(id));
    drawing?.dispatchEvent(new CustomEvent('alur:frame', { detail: { here: moment.here, done, path: so.flatMap((one) => one.path) } }));
    slider.value = at;
    slider.setAttribute('aria-valuetext', `${moment.seq}. ${moment.now}`);
    link.href = `?seq=${moment.seq}`;
    now.textContent = moment.now
      ? `${english ? 'Open after event' : 'Terbuka sesudah peristiwa'} ${moment.seq}: ${moment.now}`
      : `${english ? 'No step is open after event' : 'Tidak ada langkah yang terbuka sesudah peristiwa'} ${moment.seq}.`;
    for (const item of list.children) {
      const current = item.dataset.seq === String(moment.seq);
      item.classList.toggle('current', current);
      if (current) item.setAttribute('aria-current', 'step');
      else item.removeAttribute('aria-current');
      if (current && reveal && list.scrollHeight > list.clientHeight) {
        list.scrollTop = item.offsetTop - 40;
      }
    }
    for (const tick of bar.querySelectorAll('.replay-line a')) {
      tick.classList.toggle('current', tick.dataset.seq === String(moment.seq));
    }
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    play.textContent = play.dataset.play;
  }

  function tick() {
    if (at >= moments.length - 1) return pause();
    show(at + 1);
    timer = setTimeout(tick, Number(document.getElementById('laju').value));
  }

  bar.hidden = false;
  document.getElementById('keterangan').hidden = false;
  bar.querySelector('[data-act=back]').addEventListener('click', () => { pause(); show(at - 1); });
  bar.querySelector('[data-act=on]').addEventListener('click', () => { pause(); show(at + 1); });
  play.addEventListener('click', () => {
    if (timer) return pause();
    if (at >= moments.length - 1) show(0);
    play.textContent = play.dataset.pause;
    timer = setTimeout(tick, Number(document.getElementById('laju').value));
  });
  slider.addEventListener('input', () => { pause(); show(Number(slider.value)); });
  room.addEventListener('click', (event) => {
    const target = event.target.closest('[data-moment], .replay-line a');
    if (!target) return;
    event.preventDefault();
    pause();
    show(moments.findIndex((moment) => String(moment.seq) === (target.dataset.moment ?? target.dataset.seq)), false);
    history.replaceState(null, '', `#${moments[at].seq}`);
  });
  window.addEventListener('hashchange', () => { if (fromHash() >= 0) show(fromHash()); });
  show(fromHash() >= 0 ? fromHash() : at);
})();
