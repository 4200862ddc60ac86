// A click on the head of a column sorts the table; a second click reverses the order.
document.querySelectorAll('th').forEach(head => head.onclick = () => {
  const body = head.closest('table').tBodies[0];
  const text = row => row.cells[head.cellIndex].textContent.trim();
  const number = row => text(row) ? Number(text(row).replace(/ ?%$/, '')) : NaN;
  const down = head.dataset.down !== '1';
  head.dataset.down = down ? '1' : '0';
  const compare = (a, b) => {
    const x = number(a), y = number(b);
    return isNaN(x) || isNaN(y)
      ? text(a).localeCompare(text(b), undefined, {numeric: true})
      : x - y;
  };
  const rows = [...body.rows].sort((a, b) => down ? compare(b, a) : compare(a, b));
  body.append(...rows);
});

// The head of a column of numbers is aligned as these are.
document.querySelectorAll('th').forEach(head => {
  const row = head.closest('table').tBodies[0].rows[0];
  const cell = row && row.cells[head.cellIndex];
  head.classList.toggle('number', Boolean(cell && cell.classList.contains('number')));
});

// The box hides utterances without errors.
const box = document.querySelector('#errors-only');
if (box) box.onchange = () => {
  const table = box.closest('p').nextElementSibling;
  table.classList.toggle('errors-only', box.checked);
};
