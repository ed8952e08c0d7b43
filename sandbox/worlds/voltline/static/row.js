// Links to the neighbours on Electro Row keep the port under which this shop is served.
for (const link of document.querySelectorAll('a[data-shop]')) {
  if (location.port) link.href = `http://${link.dataset.shop}.localhost:${location.port}${link.dataset.path}`;
}
