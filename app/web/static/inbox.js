// On a narrow screen the counts begin folded: the list comes first. Keys and live figures are in desk.js.
(() => {
  const counts = document.querySelector('.counts');
  if (counts && matchMedia('(max-width: 991.98px)').matches) counts.open = false;
})();
