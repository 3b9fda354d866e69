// Forms work without this: here conditions are followed at once, rows come and go in place, and files are sent as they
// are chosen, so that a page that comes back with faults has them already.
(() => {
  const inputs = (name) => [...document.querySelectorAll(`[name="${CSS.escape(name)}"]`)].filter((one) => !one.closest('[hidden]'));

  function answer(name) {
    const found = inputs(name);
    if (!found.length) return null;
    const [first] = found;
    if (first.type === 'radio') return found.find((one) => one.checked)?.value ?? null;
    if (first.type === 'checkbox' && !first.closest('.ticks')) return first.checked;
    if (first.type === 'checkbox') return found.filter((one) => one.checked).map((one) => one.value);
    const text = first.value.trim();
    if (first.inputMode === 'decimal' || first.inputMode === 'numeric') {
      const plain = text.replace(/[\s.]/g, '').replace(',', '.');
      return first.hasAttribute('data-number') && plain !== '' && !Number.isNaN(Number(plain)) ? Number(plain) : text || null;
    }
    return text || null;
  }

  function work(node) {
    const [what, ...parts] = node;
    if (what === 'is') return parts[0];
    if (what === 'get') return answer(parts[0]);
    if (what === 'list') return parts.map(work);
    if (what === 'not') return !truth(work(parts[0]));
    if (what === 'and') return parts.every((part) => truth(work(part)));
    if (what === 'or') return parts.some((part) => truth(work(part)));
    const [left, right] = parts.map(work);
    if (what === 'in') return right !== null && typeof right === 'object' ? right.includes(left) : typeof right === 'string' && typeof left === 'string' && right.includes(left);
    if (what === '==') return same(left, right);
    if (what === '!=') return !same(left, right);
    if (typeof left !== typeof right || left === null || right === null) return false;
    return { '<': left < right, '<=': left <= right, '>': left > right, '>=': left >= right }[what];
  }

  const truth = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value));
  const same = (left, right) => (typeof left === 'object' && left !== null ? JSON.stringify(left) === JSON.stringify(right) : left === right);

  function conditions() {
    for (const place of document.querySelectorAll('[data-hide]')) place.hidden = truth(work(JSON.parse(place.dataset.hide)));
  }
  document.addEventListener('input', conditions);
  document.addEventListener('change', conditions);
  conditions();

  // Rows: a copy of the last one, emptied; numbers stay unique, the server counts them anew.
  document.addEventListener('click', (event) => {
    const button = event.target.closest('.list-add, .list-remove');
    const list = button?.closest('[data-list]');
    if (!list) return;
    event.preventDefault();
    const rows = [...list.querySelectorAll(':scope > [data-row]')];
    if (button.matches('.list-remove')) {
      const row = button.closest('[data-row]');
      const next = row.nextElementSibling?.matches('[data-row]') ? row.nextElementSibling : row.previousElementSibling;
      if (rows.length > 1) row.remove();
      else empty(row);
      (next?.matches('[data-row]') ? next.querySelector('input:not([type=hidden]), select, textarea') : list.querySelector('.list-add'))?.focus();
    } else if (rows.length < Number(list.dataset.most)) {
      const last = rows.at(-1);
      const copy = last.cloneNode(true);
      renumber(copy, list.dataset.list, 1 + Math.max(...rows.map((row) => number(row, list.dataset.list))));
      empty(copy);
      last.after(copy);
      copy.querySelector('input:not([type=hidden]), select, textarea')?.focus();
    }
    titles(list);
    conditions();
    list.dispatchEvent(new Event('input', { bubbles: true }));
  });

  const number = (row, base) => Number(row.querySelector(':scope > input[type=hidden]').name.slice(base.length + 1));

  function renumber(row, base, fresh) {
    const [name, id] = [`${base}/${number(row, base)}`, `f${base.replaceAll('/', '-')}-${number(row, base)}`];
    const [newName, newId] = [`${base}/${fresh}`, `f${base.replaceAll('/', '-')}-${fresh}`];
    for (const one of row.querySelectorAll('*')) {
      for (const attribute of [...one.attributes]) {
        const { name: key, value } = attribute;
        if (['name', 'value', 'data-name', 'data-list'].includes(key) && (value === name || value.startsWith(`${name}/`))) attribute.value = newName + value.slice(name.length);
        else if (key === 'data-hide') attribute.value = value.replaceAll(`"${name}/`, `"${newName}/`);
        else if (['id', 'for', 'aria-describedby', 'aria-labelledby'].includes(key)) attribute.value = value.split(' ').map((part) => (part === id || part.startsWith(`${id}-`) ? newId + part.slice(id.length) : part)).join(' ');
      }
    }
  }

  function empty(row) {
    row.querySelectorAll('.fault, .ask-mark, .upload-files > li, .upload-replace').forEach((one) => one.remove());
    row.querySelectorAll('.ask-bad, .ask-marked').forEach((one) => one.classList.remove('ask-bad', 'ask-marked'));
    for (const one of row.querySelectorAll('input:not([type=hidden]), select, textarea')) {
      one.classList.remove('is-invalid');
      one.removeAttribute('aria-invalid');
      if (['checkbox', 'radio'].includes(one.type)) one.checked = false;
      else one.value = '';
    }
  }

  function titles(list) {
    list.querySelectorAll(':scope > [data-row]').forEach((row, index) => {
      const title = `${list.dataset.label} ${index + 1}`;
      row.querySelector(':scope > legend').textContent = title;
      const told = row.querySelector(':scope > .list-remove .visually-hidden');
      if (told) told.textContent = ` ${title}`;
    });
  }

  // Files, one after the other, as they are chosen.
  document.addEventListener('change', async (event) => {
    const input = event.target;
    const room = input.type === 'file' && input.closest('.upload');
    if (!room || !input.files.length) return;
    const state = room.querySelector('.upload-state');
    const token = document.querySelector('input[name=csrf_token]')?.value;
    const waiting = [...input.files];
    const buttons = [...document.querySelectorAll(`button[form="${CSS.escape(input.form?.id ?? '')}"], form button`)].filter((one) => one.form === input.form && !one.disabled);
    state.classList.remove('fault');
    state.textContent = room.dataset.sending;
    buttons.forEach((one) => { one.disabled = true; });
    try {
      for (const file of waiting) {
        const data = new FormData();
        data.set('file', file);
        data.set('accept', room.dataset.accept);
        if (token) data.set('csrf_token', token);
        const reply = await fetch('/berkas', { method: 'POST', body: data, headers: { 'X-Requested-With': 'fetch' } });
        const told = await reply.json();
        if (!reply.ok) {
          state.classList.add('fault');
          state.textContent = `${file.name}: ${told.message}`;
          input.value = '';
          return;
        }
        keep(room, told);
      }
      state.textContent = '';
      input.value = '';
      input.classList.remove('is-invalid');
      input.removeAttribute('aria-invalid');
      document.getElementById(`${input.id}-salah`)?.remove();
      input.closest('.ask-bad')?.classList.remove('ask-bad');
      input.form?.dispatchEvent(new Event('input', { bubbles: true }));
    } catch {
      state.textContent = room.dataset.failed; // the file is still in its input and goes with the form
    } finally {
      buttons.forEach((one) => { one.disabled = false; });
    }
  });

  function keep(room, file) {
    const list = room.querySelector('.upload-files');
    if (!('multiple' in room.dataset)) list.replaceChildren();
    const line = document.createElement('li');
    const link = Object.assign(document.createElement('a'), { href: file.url ?? `/berkas/${file.id}`, target: '_blank', rel: 'noopener', textContent: file.name });
    if (file.media_type) link.dataset.media = file.media_type;
    const hidden = Object.assign(document.createElement('input'), { type: 'hidden', name: room.dataset.name, value: file.id });
    const discard = Object.assign(document.createElement('button'), { type: 'button', className: 'btn btn-link btn-sm', textContent: room.dataset.discard });
    discard.addEventListener('click', () => {
      line.remove();
      room.querySelector('input[type=file]').focus();
      room.dispatchEvent(new Event('input', { bubbles: true }));
    });
    line.append(link, hidden, discard);
    list.append(line);
  }
})();
