// Keys in the inbox: j and k move, Enter opens (it is a link), n takes the next one.
(() => {
  const links = [...document.querySelectorAll('.task-link')];
  const counts = document.querySelector('.counts');
  if (counts && matchMedia('(max-width: 991.98px)').matches) counts.open = false;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea, [contenteditable]')) return;
    const at = links.indexOf(document.activeElement);
    if (event.key === 'j' || event.key === 'k') {
      const next = event.key === 'j' ? at + 1 : Math.max(at - 1, 0);
      if (links[next]) {
        event.preventDefault();
        links[next].focus();
        links[next].closest('tr').scrollIntoView({ block: 'nearest' });
      }
    } else if (event.key === 'n') {
      const take = document.getElementById('ambil-berikutnya');
      if (take) {
        event.preventDefault();
        take.click();
      }
    }
  });
})();
