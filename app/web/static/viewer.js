// Pages work without this: here a link to a file shows it where one reads, beside the form where it lies there, and papers
// that are still being made appear by themselves.
(() => {
  const english = document.documentElement.lang === 'en';
  const words = english ? { tab: 'Open in a new tab', save: 'Download' } : { tab: 'Buka di tab baru', save: 'Unduh' };
  const made = (name, rest) => Object.assign(document.createElement(name), rest);

  function shown(url, media, name) {
    const room = made('div', { className: 'attached attached-here' });
    room.dataset.url = url;
    const itself = media === 'application/pdf' || media === 'text/plain';
    const address = itself || media.startsWith('image/') ? url : `${url}/lihat`;
    const file = media.startsWith('image/')
      ? made('img', { src: url, alt: name })
      : made('iframe', { title: name });
    if (file.tagName === 'IFRAME') {
      if (!itself) file.setAttribute('sandbox', 'allow-scripts');
      file.src = address;
    }
    const links = made('p', { className: 'attached-links' });
    links.append(
      made('a', { href: address, target: '_blank', rel: 'noopener', textContent: words.tab }), ' · ',
      made('a', { href: `${url}?unduh`, textContent: words.save }),
    );
    room.append(file, links);
    return room;
  }

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-media]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const url = link.getAttribute('href');
    const beside = matchMedia('(min-width: 1100px)').matches
      && document.querySelector(`.step-file .attached[data-upload="${CSS.escape(url)}"]`);
    if (beside && !beside.contains(link)) {
      for (const other of document.querySelectorAll('.step-file .attached[open]')) if (other !== beside) other.open = false;
      beside.open = true;
      beside.scrollIntoView({ block: 'nearest' });
      beside.querySelector('summary').focus({ preventScroll: true });
      return;
    }
    const row = link.closest('.ask-table tr');
    const place = link.closest('li, dd') ?? link.parentElement;
    const there = row ? row.nextElementSibling?.querySelector('.attached-here') : place.querySelector('.attached-here');
    for (const other of (row ?? place).querySelectorAll('[aria-expanded]')) other.setAttribute('aria-expanded', 'false');
    (there?.closest('.ask-shown') ?? there)?.remove();
    if (there?.dataset.url === url) return;
    link.setAttribute('aria-expanded', 'true');
    const room = shown(url, link.dataset.media, link.textContent.trim());
    if (row) {
      const under = made('tr', { className: 'ask-shown' });
      const cell = made('td', { colSpan: row.cells.length });
      cell.append(room);
      under.append(cell);
      row.after(under);
    } else place.append(room);
    room.scrollIntoView({ block: 'nearest' });
  });

  // Papers
  let wait = 2;
  async function look() {
    const lists = [...document.querySelectorAll('[data-papers]')].filter((list) => list.querySelector('[data-waits]'));
    if (!lists.length) return;
    if (document.visibilityState === 'visible') {
      for (const list of lists) {
        try {
          const answer = await fetch(list.dataset.papers, { headers: { 'X-Requested-With': 'fetch' } });
          if (!answer.ok || answer.redirected) return;
          const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
          for (const line of fresh.querySelectorAll('li[id]')) {
            const old = document.getElementById(line.id);
            const reading = old?.querySelector('details[open]'); // whoever reads it is not disturbed
            if (old?.hasAttribute('data-waits') && !reading && old.innerHTML !== line.innerHTML) old.replaceWith(line);
          }
        } catch { /* asked again later */ }
      }
      wait = Math.min(wait * 1.3, 30);
    }
    setTimeout(look, wait * 1000);
  }
  setTimeout(look, wait * 1000);
})();
