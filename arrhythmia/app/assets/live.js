"use strict";
// The live view: asks what the stream has told, and draws it as a monitor does.
(() => {
  const $ = (id) => document.getElementById(id);
  const EVERY_MS = 200, MM_PER_S = 25, MM_PER_MV = 10, ROW_MM = 40, LEAST_PX = 64, LETTERS_PX = 26, MORE_S = 4;
  let state = null, samples = [], first = 0, drawn = 0, told = 0, asking = false, timer = 0;
  let shown = 0, drawnAt = 0;

  async function ask(options = {}) {
    const answer = await fetch(`/live?drawn=${drawn}&told=${told}`, options);
    const facts = await answer.json();
    if (facts.error) throw new Error(facts.error);
    return facts;
  }
  const turn = (facts) => ask({
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(facts),
  });

  function forget() {
    [state, samples, first, drawn, told] = [null, [], 0, 0, 0];
    $("live-events").replaceChildren();
    $("live-alarm").hidden = $("live-stop").disabled = true;
    $("live-rate").textContent = "–";
    $("live-ecg").getContext("2d").reset();
  }
  function take(facts) {
    if (!facts.leads) return forget();
    if (facts.first !== drawn || samples.length !== facts.leads.length) {
      samples = facts.leads.map(() => []);
      first = facts.first;
    }
    const most = Math.ceil((facts.shown + MORE_S) * facts.hz);
    samples.forEach((lead, i) => {
      lead.push(...facts.samples[i]);
      lead.splice(0, lead.length - most);
    });
    drawn = facts.first + facts.samples[0].length;
    first = drawn - samples[0].length;
    for (const { at, words } of facts.events) {
      const item = document.createElement("li");
      item.textContent = `${at} ${words}`;
      $("live-events").prepend(item);
    }
    while ($("live-events").children.length > 12) $("live-events").lastChild.remove();
    told = facts.told;
    state = facts;
    tell();
  }
  function tell() {
    const { rate, words, alarms, playing } = state;
    $("live-rate").textContent = rate ?? "–";
    $("live-words").textContent = words;
    $("live-ecg").setAttribute("aria-label", `live ECG, leads ${state.leads.join(", ")}: ${words}`);
    const text = alarms.join("; ");
    if ($("live-alarms").textContent !== text) $("live-alarms").textContent = text;
    $("live-alarm").hidden = !alarms.length;
    $("live-stop").disabled = !playing;
  }

  // ---- asking ----
  async function look() {
    if (asking) return;
    asking = true;
    try {
      take(await ask());
    } catch (error) { // the program was stopped, or has forgotten this page
      if (state) state.playing = false;
      $("live-words").textContent = `ended: ${error.message}`;
    }
    asking = false;
    clearTimeout(timer);
    if (state?.playing) timer = setTimeout(look, EVERY_MS);
  }
  async function play() {
    forget();
    $("live").open = true;
    $("live-words").textContent = "loading";
    try {
      take(await turn({ do: "start", speed: Number($("live-speed").value) }));
      run();
    } catch (error) {
      $("live-words").textContent = error.message;
    }
  }
  function run() {
    shown = state.now;
    drawnAt = 0;
    requestAnimationFrame(frame);
    look();
  }
  async function order(what) {
    try { await turn({ do: what, told }); } catch (error) { $("live-words").textContent = error.message; }
    look();
  }
  async function resume() { // after the page was loaded again
    try { take(await ask()); } catch { return; }
    if (!state?.playing) return forget();
    $("live").open = true;
    $("live-speed").value = state.speed;
    run();
  }
  const ready = setInterval(() => {
    if (!$("live-ecg")) return;
    clearInterval(ready);
    resume();
  }, 50);
  document.addEventListener("click", ({ target }) => {
    if (target.id === "live-play") play();
    else if (target.id === "live-stop") order("stop");
    else if (target.id === "live-seen") order("acknowledge");
  });
  document.addEventListener("change", ({ target }) => {
    if (target.id === "live-speed" && state?.playing) play();
  });
  document.addEventListener("live", ({ detail }) => { // page.js says which keys are heard
    if (detail === "a") state && order("acknowledge");
    else if (state?.playing) order("stop");
    else play();
  });

  // ---- drawing ----
  function frame(at) {
    if (!state) return;
    const passed = drawnAt ? (at - drawnAt) / 1000 : 0;
    drawnAt = at;
    const late = Math.min(4 * EVERY_MS / 1000 * state.speed, MORE_S - 0.5); // it runs evenly, late
    shown = Math.min(Math.max(shown + passed * state.speed, state.now - late), state.now);
    draw();
    if (state.playing || shown < state.now) requestAnimationFrame(frame);
  }
  function draw() {
    const canvas = $("live-ecg"), pen = canvas.getContext("2d"), dots = devicePixelRatio || 1;
    const wide = canvas.clientWidth, mm = wide / (state.shown * MM_PER_S);
    const tall = Math.max(ROW_MM * mm, LEAST_PX), high = LETTERS_PX + tall * samples.length;
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(high * dots)) {
      canvas.style.height = `${high}px`;
      [canvas.width, canvas.height] = [Math.round(wide * dots), Math.round(high * dots)];
    }
    const css = getComputedStyle(document.documentElement);
    const color = (name) => css.getPropertyValue(`--${name}`).trim();
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const x = (seconds) => wide - (shown - seconds) * MM_PER_S * mm;
    rules(pen, x, wide, high, mm, color("rule"));
    pen.font = "12px system-ui, sans-serif";
    samples.forEach((lead, i) => {
      trace(pen, lead, x, LETTERS_PX + tall * i, tall, mm, color("ink"));
      pen.fillStyle = color("soft");
      pen.textAlign = "left";
      pen.fillText(state.leads[i], 4, LETTERS_PX + tall * i + 12);
    });
    pen.textAlign = "center";
    pen.font = "bold 15px system-ui, sans-serif";
    for (const [seconds, letter] of state.beats) {
      pen.fillStyle = color(letter);
      pen.fillText(letter, x(seconds), 18);
      pen.fillRect(x(seconds) - 0.75, 21, 1.5, letter === "N" ? 3 : 7);
    }
  }
  function rules(pen, x, wide, high, mm, line) {
    pen.strokeStyle = line;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let at = Math.ceil((shown - state.shown) * 5) / 5; at <= shown; at += 0.2) {
      pen.moveTo(x(at), LETTERS_PX);
      pen.lineTo(x(at), high);
    }
    for (let y = LETTERS_PX; y < high; y += 5 * mm) {
      pen.moveTo(0, y);
      pen.lineTo(wide, y);
    }
    pen.stroke();
  }
  function trace(pen, lead, x, top, tall, mm, ink) {
    const known = lead.filter((value) => value !== null).sort((a, b) => a - b);
    const line = known[known.length >> 1] ?? 0, up = MM_PER_MV * mm;
    const zero = top + 0.66 * tall; // most QRS point up
    pen.strokeStyle = ink;
    pen.lineWidth = 1.3;
    pen.beginPath();
    let gap = true;
    lead.forEach((value, i) => {
      const seconds = (first + i) / state.hz;
      if (value === null || seconds > shown || seconds < shown - state.shown) { gap = true; return; }
      const y = Math.min(Math.max(zero - (value - line) * up, top), top + tall);
      if (gap) pen.moveTo(x(seconds), y);
      else pen.lineTo(x(seconds), y);
      gap = false;
    });
    pen.stroke();
  }
})();
