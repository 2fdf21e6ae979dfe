(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const entries = JSON.parse(at("entries").textContent).map((one) => ({
    kind: one[0], name: one[1], where: one[2], unit: one[3], says: one[4], register: one[5], page: one[6],
    text: one.slice(1, 6).join(" ").toLowerCase(),
  }));
  const limit = 100;
  const kinds = ["table", "series", "column", "macro"];
  const [form, words, kind, found, head, hits, all] = ["ask", "words", "kind", "found", "found-head", "hits", "all"].map(at);

  const rank = (one, asked, parts) => {
    const name = one.name.toLowerCase();
    if (name === asked) return 0;
    if (one.register.toLowerCase().split(" ").includes(asked)) return 1;
    if (parts.every((part) => name.includes(part))) return name.startsWith(parts[0]) ? 2 : 3;
    return 4;
  };

  const marked = (parent, text, parts) => {
    let rest = text;
    while (rest) {
      const low = rest.toLowerCase();
      const places = parts.map((part) => [low.indexOf(part), part.length]).filter(([place]) => place >= 0);
      if (!places.length) break;
      const [place, length] = places.reduce((a, b) => (b[0] < a[0] ? b : a));
      parent.append(rest.slice(0, place));
      const mark = document.createElement("mark");
      mark.textContent = rest.slice(place, place + length);
      parent.append(mark);
      rest = rest.slice(place + length);
    }
    parent.append(rest);
  };

  const add = (parent, tag, name, text, parts) => {
    const made = document.createElement(tag);
    made.className = name;
    marked(made, text, parts);
    parent.append(made, " ");
    return made;
  };

  const show = (one, parts) => {
    const line = document.createElement("li");
    add(line, "span", "kind", one.kind, []);
    const name = add(line, one.page ? "a" : "span", "name", one.name, parts);
    if (one.page) name.href = one.page;
    const place = [one.where, one.unit, one.register].filter(Boolean).join(" · ");
    add(line, "span", "where", place, parts);
    const says = one.says.length > 260 ? one.says.slice(0, 260) + "…" : one.says;
    if (says) add(line, "p", "", says, parts);
    return line;
  };

  const search = () => {
    const asked = words.value.trim().toLowerCase();
    const parts = asked.split(/\s+/).filter(Boolean);
    found.hidden = !parts.length;
    all.hidden = Boolean(parts.length);
    history.replaceState(null, "", parts.length ? "#q=" + encodeURIComponent(asked) : "#");
    if (!parts.length) return;
    const fits = entries
      .map((one, place) => ({ one, place }))
      .filter(({ one }) => (!kind.value || one.kind === kind.value) && parts.every((part) => one.text.includes(part)))
      .map((each) => ({ ...each, rank: rank(each.one, asked, parts) }))
      .sort((a, b) => a.rank - b.rank || kinds.indexOf(a.one.kind) - kinds.indexOf(b.one.kind) || a.place - b.place);
    head.textContent = fits.length === 1 ? "1 place" : fits.length + " places" +
      (fits.length > limit ? ", the first " + limit + " of them" : "");
    hits.replaceChildren(...fits.slice(0, limit).map(({ one }) => show(one, parts)));
  };

  const asked = () => {
    if (!location.hash.startsWith("#q=")) return;
    words.value = decodeURIComponent(location.hash.slice(3));
    search();
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  words.addEventListener("input", search);
  kind.addEventListener("change", search);
  window.addEventListener("hashchange", asked);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === words || event.target === kind) return;
    event.preventDefault();
    words.focus();
  });
  asked();
})();
