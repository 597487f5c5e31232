"use strict";
// What Python cannot do in the browser: keys, pointer, files. What it means is decided there.
(() => {
  const $ = (id) => document.getElementById(id);
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const CLASSES = "nsvef", NARROW = 600;
  let count = 0;
  const act = (what, value = null) => set("act", { data: { do: what, value, count: ++count } });

  // ---- templates that are chosen ----
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  const cards = () => [...document.querySelectorAll("[data-pick]")];
  const chosen = new Set();
  let focused = null;
  const picks = () => (
    cards().filter((card) => chosen.has(card.dataset.key)).map((card) => Number(card.dataset.pick)));
  function pick(key = null) {
    if (key === null) chosen.clear();
    else if (!chosen.delete(key)) chosen.add(key);
    sheetDrawn();
  }
  // the sheet is drawn anew after each decision and in another order: what is chosen goes along
  function sheetDrawn() {
    const keys = new Set(cards().map((card) => card.dataset.key));
    chosen.forEach((key) => { if (!keys.has(key)) chosen.delete(key); });
    for (const card of cards()) {
      press(card, chosen.has(card.dataset.key));
      if (card.dataset.key === focused && document.activeElement === document.body) {
        card.focus({ preventScroll: true });
      }
    }
  }
  document.addEventListener("focusin", ({ target }) => { focused = target.dataset?.key ?? null; });
  document.addEventListener("pointerdown", () => { focused = null; }, true);
  function decide(what, value) {
    if (what === "name") act(what, { numbers: picks(), class: value });
    else if (["split", "merge"].includes(what)) act(what, picks());
    else act(what, value);
    if (["name", "split", "merge", "undo"].includes(what)) pick();
  }

  // ---- the table of events: hundreds of rows ----
  function cell(content, name = "") {
    const td = document.createElement("td");
    td.className = name;
    td.append(content);
    return td;
  }
  function eventRow({ at, beat, what, numbers }) {
    const row = document.createElement("tr"), button = document.createElement("button");
    button.textContent = at;
    Object.assign(button.dataset, { act: "beat", value: beat });
    button.setAttribute("aria-label", `go to ${what} at ${at}`);
    row.append(cell(button), cell(what), ...numbers.map((text) => cell(text, "number")));
    return row;
  }
  function eventsDrawn() {
    const table = document.querySelector("#events-table table");
    if (!table || table.dataset.drawn === table.dataset.rows) return;
    table.dataset.drawn = table.dataset.rows;
    const body = table.tBodies[0] ?? table.createTBody();
    body.replaceChildren(...JSON.parse(table.dataset.rows).map(eventRow));
  }

  // ---- buttons and fields ----
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    const { act: what, value, key, toggle } = button.dataset;
    if (what) decide(what, value);
    else if (key) pick(key);
    else if (toggle) press(button, button.getAttribute("aria-pressed") !== "true");
    else if (button.id === "again") send("/again", {
      lead: $("set-lead").value, units: $("set-units").value,
      inverted: [...document.querySelectorAll("[data-toggle][aria-pressed=true]")]
        .map((lead) => lead.dataset.toggle),
      ...Object.fromEntries([...document.querySelectorAll("#settings input")]
        .map((limit) => [limit.id.replace("set-", ""), limit.value])),
    });
    else if (button.id === "answer") send("/answer", {
      fs: $("ask-fs").value, units: $("ask-units").value, lead: $("ask-lead").value,
    });
    else if (["cancel", "ask-cancel"].includes(button.id)) cancel();
    else return;
    event.preventDefault();
  });
  document.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("change", (event) => {
    const { id, value, files } = event.target;
    if (id === "scale") act("scale", value);
    else if (["method", "target"].includes(id)) {
      set("choice", { data: { method: $("method").value, target: $("target").value } });
    } else if (id === "file" && files.length) {
      upload([...files]);
      event.target.value = "";
    }
  });

  // ---- keys ----
  const ANYWHERE = {
    ArrowLeft: ["step", -1], ArrowRight: ["step", 1], ",": ["event", -1], ".": ["event", 1],
    "<": ["refer", -1], ">": ["refer", 1], u: ["undo"], x: ["split"], m: ["merge"],
  };
  const ON_THE_ECG = {
    PageUp: ["page", -1], PageDown: ["page", 1], Home: ["end", -1], End: ["end", 1],
  };
  function zoom(step) {
    const options = [...$("scale").options], place = $("scale").selectedIndex + step;
    if (!options[place]) return;
    $("scale").selectedIndex = place;
    act("scale", options[place].value);
  }
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key === "Enter" && target.id === "time") return act("time", target.value);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // what had the focus may have been drawn anew: then the page itself has it
    if (target !== document.body && !target.closest?.("#work")) return;
    if (target.matches("input, select, textarea")) return;
    const small = key.length === 1 ? key.toLowerCase() : key;
    const doing = ANYWHERE[small] ?? (target.closest("#strip") ? ON_THE_ECG[small] : undefined);
    if (doing) decide(...doing);
    else if (small === "+" || small === "-") zoom(small === "+" ? -1 : 1);
    else if (small === "l" || small === "a") {
      document.dispatchEvent(new CustomEvent("live", { detail: small }));
    } else if (small.length === 1 && CLASSES.includes(small)) {
      if (picks().length) decide("name", small.toUpperCase());
      else if (target.closest(".left")) decide("relabel", small.toUpperCase());
      else return;
    } else return;
    event.preventDefault();
  });

  // ---- pointer ----
  function secondsAt(event, box) {
    const plot = box.querySelector(".js-plotly-plot"), axis = plot?._fullLayout?.xaxis;
    if (!axis) return null;
    const x = event.clientX - plot.getBoundingClientRect().left - axis._offset;
    return axis.p2d(Math.min(Math.max(x, 0), axis._length));
  }
  let from = null, last = 0;
  document.addEventListener("pointerdown", (event) => {
    const box = event.target.closest?.("#overview, #strip");
    const at = box && event.button === 0 ? secondsAt(event, box) : null;
    if (at === null) return;
    from = { box, at, x: event.clientX };
    if (box.id === "overview") act("go", at);
    else box.focus({ preventScroll: true });
  });
  document.addEventListener("pointermove", (event) => {
    if (from?.box.id !== "overview" || Date.now() - last < 120) return;
    last = Date.now();
    act("go", secondsAt(event, from.box));
  });
  document.addEventListener("pointerup", (event) => {
    if (from?.box.id === "strip") {
      const at = secondsAt(event, from.box);
      if (Math.abs(event.clientX - from.x) > 8) act("move", from.at - at);
      else act("near", at);
    } else if (from) act("go", secondsAt(event, from.box));
    from = null;
  });
  document.addEventListener("pointercancel", () => { from = null; });

  // ---- files ----
  const GONE = "the page's program does not answer: is it stopped?";
  let request = null, polling = 0;
  function tell(step, error = "") {
    if ($("step").textContent === step && $("error").textContent === error) return;
    $("progress").hidden = !step;
    $("step").textContent = step;
    $("error").textContent = error;
  }
  function upload(files) {
    const form = new FormData();
    files.forEach((file) => form.append("file", file, file.name));
    $("ask").hidden = true;
    request?.abort();
    request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => (
      tell(`sending ${Math.round(100 * loaded / Math.max(total, 1))} %`));
    request.onload = () => answered(request.status, request.responseText);
    request.onerror = () => tell("", "the file could not be sent: is it too large, or the page stopped?");
    request.open("POST", "/open");
    request.send(form);
    tell("sending");
  }
  function answered(status, text) {
    let facts = {};
    try { facts = JSON.parse(text); } catch { facts.error = `the page answers ${status}`; }
    if (facts.error) tell("", facts.error);
    else poll();
  }
  async function send(path, facts) {
    $("ask").hidden = true;
    try {
      const answer = await fetch(path, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(facts),
      });
      answered(answer.status, await answer.text());
    } catch { tell("", GONE); }
  }
  async function cancel() {
    request?.abort();
    polling += 1;
    $("ask").hidden = true;
    tell("");
    await fetch("/cancel", { method: "POST" }).catch(() => tell("", GONE));
  }
  async function poll(again = true) {
    const mine = polling += 1;
    while (mine === polling) {
      let facts;
      try { facts = await (await fetch("/status")).json(); } catch { facts = { error: GONE }; }
      const { busy, error, asks, leads } = facts;
      if (mine !== polling) return;
      if (busy) {
        again = true;
        tell(busy);
        await new Promise((done) => { setTimeout(done, 150); });
        continue;
      }
      tell("", error);
      if (asks) ask(asks, leads);
      else if (again && !error) act("refresh");
      return;
    }
  }
  function ask(what, leads) {
    $("ask").hidden = false;
    $("ask-fs-field").hidden = $("ask-units-field").hidden = what !== "fs";
    $("ask-lead-field").hidden = what !== "lead";
    const names = what === "lead" ? leads : [];
    $("ask-lead").replaceChildren(...names.map((name) => new Option(name, name)));
    (what === "lead" ? $("ask-lead") : $("ask-fs")).focus();
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const files = [...event.dataTransfer.files];
    if (files.length) upload(files);
  });

  // ---- the screen ----
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let told = "";
  function measure() {
    const screen = { width: $("strip").clientWidth, dark: dark.matches };
    if (JSON.stringify(screen) === told || !screen.width) return;
    told = JSON.stringify(screen);
    set("screen", { data: screen });
  }
  function begin() {
    const label = document.createElement("label"), field = document.createElement("input");
    Object.assign(field, { type: "file", id: "file", multiple: true });
    label.className = "file";
    label.append("Open a recording …", field);
    $("drop").append(label);
    let wait = 0;
    new ResizeObserver(() => {
      clearTimeout(wait);
      wait = setTimeout(measure, 150);
    }).observe($("strip"));
    new MutationObserver(eventsDrawn).observe($("events-table"), {
      childList: true, subtree: true, attributeFilter: ["data-rows"],
    });
    eventsDrawn();
    new MutationObserver(sheetDrawn).observe($("sheet"), {
      childList: true, subtree: true, attributeFilter: ["data-key"],
    });
    dark.addEventListener("change", measure);
    measure();
    if ($("strip").clientWidth < NARROW) {
      $("scale").value = "5.0";
      act("scale", "5.0");
    }
    poll(false);
  }
  const ready = setInterval(() => {
    if (!$("strip") || !window.dash_clientside?.set_props) return;
    clearInterval(ready);
    begin();
  }, 20);
})();
