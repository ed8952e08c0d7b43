// The date picker: a dialog with one month, day buttons named by their whole date, and months to walk through.
// The field stays an ordinary text field, so a date can be typed as well.
(function () {
  var names = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  function fromIso(text) { var parts = text.split('-').map(Number); return new Date(parts[0], parts[1] - 1, parts[2]); }
  function long(date) { return date.getDate() + ' ' + names[date.getMonth()] + ' ' + date.getFullYear(); }
  var today = fromIso(document.body.dataset.today), last = fromIso(document.body.dataset.last);
  document.querySelectorAll('.field.date').forEach(function (field) {
    var input = field.querySelector('input'), opener = field.querySelector('.open-calendar'), dialog = field.querySelector('.calendar');
    var month;
    function make(tag, text, attributes) {
      var element = document.createElement(tag);
      element.textContent = text;
      Object.keys(attributes || {}).forEach(function (key) { element.setAttribute(key, attributes[key]); });
      return element;
    }
    function close() { dialog.hidden = true; opener.setAttribute('aria-expanded', 'false'); }
    function walk(by) { month = new Date(month.getFullYear(), month.getMonth() + by, 1); draw(); }
    function draw() {
      dialog.textContent = '';
      var head = make('div', '', { 'class': 'month' });
      var previous = make('button', '‹', { type: 'button', 'aria-label': 'Previous month' });
      var next = make('button', '›', { type: 'button', 'aria-label': 'Next month' });
      previous.disabled = month <= today;
      next.disabled = new Date(month.getFullYear(), month.getMonth() + 1, 1) > last;
      previous.addEventListener('click', function () { walk(-1); });
      next.addEventListener('click', function () { walk(1); });
      head.append(previous, make('strong', names[month.getMonth()] + ' ' + month.getFullYear(), { 'aria-live': 'polite' }), next);
      var grid = make('div', '', { 'class': 'days' });
      ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'].forEach(function (day) { grid.append(make('span', day, { 'aria-hidden': 'true' })); });
      for (var skip = (month.getDay() + 6) % 7; skip > 0; skip--) grid.append(make('span', ''));
      var days = new Date(month.getFullYear(), month.getMonth() + 1, 0).getDate();
      for (var number = 1; number <= days; number++) (function (date) {
        var button = make('button', String(date.getDate()), { type: 'button', 'aria-label': long(date) });
        button.disabled = date < today || date > last;
        if (input.value.trim() === long(date)) button.setAttribute('aria-pressed', 'true');
        button.addEventListener('click', function () { input.value = long(date); close(); input.focus(); });
        grid.append(button);
      })(new Date(month.getFullYear(), month.getMonth(), number));
      dialog.append(head, grid);
    }
    opener.addEventListener('click', function () {
      if (!dialog.hidden) return close();
      var chosen = new Date(input.value);
      if (isNaN(chosen)) chosen = today;
      month = new Date(chosen.getFullYear(), chosen.getMonth(), 1);
      draw();
      dialog.hidden = false;
      opener.setAttribute('aria-expanded', 'true');
    });
    document.addEventListener('keydown', function (event) { if (event.key === 'Escape') close(); });
    document.addEventListener('click', function (event) { if (!field.contains(event.target) && document.contains(event.target)) close(); });
  });
})();
