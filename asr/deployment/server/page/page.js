// The page of `asr serve`, and (as an audio worklet) its recorder. No other file is loaded.
"use strict";

const FRAME_SECONDS = 0.1; // of recorded audio in a message
const BEHIND_BYTES = 400000; // that wait to be sent
const LEVEL_COLOURS = ["#0b0924", "#20114b", "#3b0f70", "#57157e", "#8c2981", "#b73779", "#de4968", "#f7705c", "#fe9f6d", "#fcfdbf"];
const EXAMPLES = {
  translation: "The old man went to the river.\nWhere is the station?",
  summary:
    "We present a speech recogniser that learns to align audio and text by itself. An encoder reads " +
    "the recording, and a decoder with attention writes one character after the other. In experiments " +
    "on read English speech, attention finds the right part of the recording for each word, and a " +
    "language model for word order reduces the error rate by a third.",
};

if (typeof AudioWorkletProcessor !== "undefined") {
  class Recorder extends AudioWorkletProcessor {
    constructor() {
      super();
      this.frame = new Int16Array(Math.round(sampleRate * FRAME_SECONDS));
      this.filled = 0;
    }
    process([[samples]]) {
      for (const sample of samples || []) {
        this.frame[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
        if (this.filled === this.frame.length) {
          this.port.postMessage(this.frame.slice());
          this.filled = 0;
        }
      }
      return true;
    }
  }
  registerProcessor("recorder", Recorder);
} else {
  const $ = (id) => document.getElementById(id);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- requests ------------------------------------------------------------------

  const token = () => sessionStorage.getItem("token") || "";

  async function ask(path, options = {}) {
    const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is it still running?");
    }
    if (!response.ok) {
      if (response.status === 401) $("access").hidden = false;
      const body = await response.json().catch(() => ({}));
      const failure = new Error(body.error ? body.error.message : `The server answered ${response.status}.`);
      failure.code = body.error && body.error.code;
      throw failure;
    }
    return response;
  }

  async function askText(path, text, signal) {
    const body = JSON.stringify({ text, attention: true });
    return (await ask(path, { method: "POST", body, signal })).json();
  }

  async function* eventsOf(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) yield JSON.parse(part.slice("data: ".length));
    }
  }

  function fail(error) {
    if (error && error.name === "AbortError") return;
    $("error").hidden = !error;
    $("error").textContent = error ? error.message : "";
  }

  async function health() {
    let text = "offline";
    try {
      text = (await fetch("healthz")).ok ? "ready" : "loading";
    } catch { /* it stays offline */ }
    if ($("health").textContent !== text) $("health").textContent = text;
    setTimeout(health, text === "ready" ? 10000 : 500);
  }

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function save(name, text, type) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  // ---- tabs ----------------------------------------------------------------------

  const tabs = [...document.querySelectorAll("[role=tab]")];

  function show(tab) {
    for (const other of tabs) {
      other.setAttribute("aria-selected", other === tab);
      other.tabIndex = other === tab ? 0 : -1;
      $(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
    fail(null);
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const shown = tabs.filter((other) => !other.hidden);
      const next = shown[(shown.indexOf(tab) + step + shown.length) % shown.length];
      show(next);
      next.focus();
    });
  }

  // ---- speech: one recording, its segments and words -------------------------------

  const audio = $("audio");
  let recording = null; // {name, file, segments, words, abort}

  function start(name, file) {
    stopAll();
    fail(null);
    recording = { name, file, segments: [], words: [], abort: new AbortController() };
    $("text").replaceChildren();
    $("which").replaceChildren();
    $("partial").textContent = "";
    $("spoken").hidden = $("heard").hidden = $("again").hidden = true;
    setSound(file);
    return recording;
  }

  function stopAll() {
    if (recording) recording.abort.abort();
    if (live && live.end) live.end(true);
    live = null;  // it may wait for the microphone still
  }

  function setSound(file) {
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.hidden = !file;
    if (file) audio.src = URL.createObjectURL(file);
    else audio.removeAttribute("src");
  }

  async function transcribe(file, attention = true) {
    const current = start(file.name, file);
    const form = new FormData();
    const fields = { response_format: "verbose_json", stream: "true", "timestamp_granularities[]": "word", attention, prompt: $("prompt").value };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", file);
    $("progress").textContent = `Reading ${file.name}`;
    try {
      const options = { method: "POST", body: form, signal: current.abort.signal };
      for await (const event of eventsOf(await ask("v1/audio/transcriptions", options))) {
        if (event.error) throw new Error(event.error.message);
        if (event.type === "transcript.text.segment") addSegment(event);
        if (event.type === "transcript.text.done") finished(event);
      }
    } catch (error) {
      if (error.code === "audio_too_long" && attention) return transcribe(file, false);
      if (error.name !== "AbortError") {
        $("progress").textContent = "";
        if (!current.words.length) setSound(null);
      }
      fail(error);
    }
  }

  function finished(event) {
    const texts = recording.segments.map((it) => it.text).join(" ");
    const count = recording.words.length || texts.split(/\s+/).filter(Boolean).length;
    const length = `${Math.round(event.duration)} s`;
    $("progress").textContent = event.reason ? `No text: ${event.reason}.` : `Done: ${count} words in ${length} of audio.`;
  }

  function clock(seconds, mark = "", all = false) {
    const whole = Math.floor(seconds);
    const two = (value) => String(value).padStart(2, "0");
    const hours = all || whole >= 3600 ? `${two(Math.floor(whole / 3600))}:` : "";
    const rest = mark ? mark + String(Math.floor((seconds % 1) * 1000 + 1e-6)).padStart(3, "0") : "";
    return `${hours}${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}${rest}`;
  }

  function addSegment(segment) {
    recording.segments.push(segment);
    $("spoken").hidden = false;
    const line = element("p", {}, element("time", { textContent: clock(segment.start) }));
    for (const word of segment.words || []) {
      const sure = word.probability < 0.5 ? "sure-1" : word.probability < 0.75 ? "sure-2" : "sure-3";
      const shown = element("span", { className: `word ${sure}`, textContent: word.word, tabIndex: -1 });
      shown.setAttribute("role", "button");
      const share = Math.round(100 * word.probability);
      shown.setAttribute("aria-label", share < 75 ? `${word.word}, ${share} % sure` : word.word);
      shown.title = `${word.start.toFixed(2)} s, ${share} % sure`;
      recording.words.push({ ...word, shown });
      line.append(shown, " ");
    }
    if (!(segment.words || []).length) line.append(segment.text);  // a model without times
    $("text").append(line);
    if (recording.words.length) recording.words[0].shown.tabIndex = 0;
    if (segment.attention) addMap(segment);
    if (!recording.live) $("progress").textContent = `Transcribed up to ${clock(segment.end)}`;
  }

  const numberOf = (shown) => recording.words.findIndex((word) => word.shown === shown);

  function seek(number) {
    const word = recording.words[number];
    if (!word || audio.hidden) return;
    audio.currentTime = word.start;
    audio.play().catch(() => { /* it may be played by hand */ });
  }

  $("text").addEventListener("click", (event) => {
    if (event.target.classList.contains("word")) seek(numberOf(event.target));
  });
  $("text").addEventListener("keydown", (event) => {
    const number = numberOf(event.target);
    if (number < 0) return;
    if (event.key === "Enter" || event.key === " ") seek(number);
    const last = recording.words.length - 1;
    const next = { ArrowLeft: number - 1, ArrowRight: number + 1, Home: 0, End: last }[event.key];
    if (next >= 0 && next <= last) {
      event.target.tabIndex = -1;
      recording.words[next].shown.tabIndex = 0;
      recording.words[next].shown.focus();
    } else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
  });

  function follow() {
    const now = audio.currentTime;
    if (recording) {
      for (const word of recording.words) {
        word.shown.classList.toggle("now", word.start <= now && now < word.end && (now > 0 || !audio.paused));
      }
      const part = recording.segments.findIndex((it) => it.attention && it.start <= now && now < it.end);
      if (!audio.paused && part >= 0 && recording.segments[part] !== shownSegment) showMap(part);
      drawMap();
    }
    if (!audio.paused) requestAnimationFrame(follow);
  }
  for (const name of ["play", "seeked", "pause", "ended"]) audio.addEventListener(name, follow);

  // ---- speech: files ---------------------------------------------------------------

  $("file").addEventListener("change", () => {
    if ($("file").files[0]) transcribe($("file").files[0]);
    $("file").value = "";
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) {
        show(tabs[0]);
        transcribe(event.dataTransfer.files[0]);
      }
    });
  }

  const OUTPUTS = {
    txt: (segments) => segments.map((it) => `${it.text}\n`).join(""),
    srt: (segments) => segments.map((it, number) => `${number + 1}\n${clock(it.start, ",", true)} --> ${clock(it.end, ",", true)}\n${it.text}\n`).join("\n"),
    vtt: (segments) => ["WEBVTT\n", ...segments.map((it) => `${clock(it.start, ".", true)} --> ${clock(it.end, ".", true)}\n${escaped(it.text)}\n`)].join("\n"),
    json: (segments) => JSON.stringify({
      text: segments.map((it) => it.text).join(" "),
      segments: segments.map(({ type, attention, ...it }) => it),
    }, null, 1),
  };

  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  for (const [kind, write] of Object.entries(OUTPUTS)) {
    document.querySelector(`[data-save=${kind}]`).addEventListener("click", () => {
      const name = recording.name.replace(/\.\w+$/, "");
      save(`${name}.${kind}`, write(recording.segments), "text/plain");
    });
  }

  // ---- speech: the attention map ---------------------------------------------------

  const BAND = 2, ROW = 12, LEFT = 40; // pixels
  let shownSegment = null, rowsShown = 0, picture = null;

  function addMap(segment) {
    const number = recording.segments.length - 1;
    const name = `${clock(segment.start)} ${segment.text.slice(0, 40)}`;
    $("which").append(element("option", { value: number, textContent: name }));
    $("heard").hidden = false;
    if ($("which").length === 1) showMap(number);
  }

  function showMap(number) {
    shownSegment = recording.segments[number];
    $("which").value = number;
    picture = null;
    const { tokens } = shownSegment.attention;
    rowsShown = calm.matches ? tokens.length : 0;
    $("map").setAttribute("aria-label", `Attention of ${tokens.length} letters of "${shownSegment.text}" over its sound`);
    grow();
  }

  function grow() {
    drawMap();
    if (!shownSegment || rowsShown >= shownSegment.attention.tokens.length) return;
    rowsShown += Math.max(1, Math.round(shownSegment.attention.tokens.length / 90));
    requestAnimationFrame(grow);
  }

  function paintSpectrogram(levels, width) {
    const bands = levels[0].length;
    const made = element("canvas", { width, height: bands * BAND });
    const pen = made.getContext("2d");
    const step = width / levels.length;
    levels.forEach((row, frame) => {
      for (let band = 0; band < bands; band++) {
        pen.fillStyle = LEVEL_COLOURS[row[band]];
        pen.fillRect(frame * step, (bands - 1 - band) * BAND, step + 1, BAND);
      }
    });
    return made;
  }

  function drawMap() {
    if (!shownSegment || !shownSegment.attention) return;
    const { tokens, weights, frame_seconds: frame, spectrogram, start: begin } = shownSegment.attention;
    const columns = weights[0].length;
    const room = $("map").parentElement.clientWidth - LEFT - 2;
    const width = Math.max(room, Math.min(4 * columns, 1600), 200);
    const height = spectrogram.levels[0].length * BAND;
    const canvas = $("map"), scale = devicePixelRatio || 1;
    if (!picture || picture.width !== Math.round(width)) picture = paintSpectrogram(spectrogram.levels, Math.round(width));
    canvas.width = (width + LEFT) * scale;
    canvas.height = (height + 6 + tokens.length * ROW) * scale;
    canvas.style.width = `${width + LEFT}px`;
    canvas.style.height = `${height + 6 + tokens.length * ROW}px`;
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    pen.scale(scale, scale);
    pen.drawImage(picture, LEFT, 0, width, height);
    pen.font = "10px system-ui, sans-serif";
    pen.textAlign = "right";
    const step = width / columns, colour = style.getPropertyValue("--map"), ink = style.getPropertyValue("--text");
    for (let row = 0; row < Math.min(rowsShown, tokens.length); row++) {
      const top = height + 6 + row * ROW;
      const most = Math.max(...weights[row]);
      pen.fillStyle = ink;
      pen.fillText(tokens[row] === " " ? "\u00b7" : tokens[row], LEFT - 6, top + ROW - 2);
      for (let column = 0; column < columns; column++) {
        const share = weights[row][column] / most;
        if (share < 0.03) continue;
        pen.fillStyle = `rgb(${colour} / ${share})`;
        pen.fillRect(LEFT + column * step, top, step + 0.5, ROW);
      }
    }
    const at = LEFT + ((audio.currentTime - begin) / (columns * frame)) * width;
    if (at > LEFT && at < LEFT + width && audio.currentTime > 0) {
      pen.fillStyle = style.getPropertyValue("--sure-1");
      pen.fillRect(at, 0, 2, height + 6 + tokens.length * ROW);
    }
  }

  $("which").addEventListener("change", () => showMap(Number($("which").value)));
  $("replay").addEventListener("click", () => { rowsShown = 0; grow(); });
  addEventListener("resize", drawMap);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMap);

  // ---- speech: the microphone ------------------------------------------------------

  let live = null;

  async function record() {
    start("recording.wav", null).live = true;
    const session = { frames: [], sent: 0, ready: false };
    live = session;
    session.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    session.context = new AudioContext();
    await session.context.audioWorklet.addModule("page.js");
    if (live !== session) {  // another recording was chosen meanwhile
      for (const track of session.stream.getTracks()) track.stop();
      session.context.close();
      return;
    }
    session.rate = session.context.sampleRate;
    const node = new AudioWorkletNode(session.context, "recorder");
    session.context.createMediaStreamSource(session.stream).connect(node);
    const address = new URL("v1/listen", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = new URLSearchParams({ rate: session.rate, words: true, prompt: $("prompt").value });
    session.socket = new WebSocket(address, ["asr.v1", ...(token() ? [`asr-token.${token()}`] : [])]);
    session.end = (silently) => endLive(session, silently);
    node.port.onmessage = ({ data }) => {
      if (session.ended) return;
      session.frames.push(data);
      flush(session);
    };
    session.socket.onmessage = ({ data }) => heard(session, JSON.parse(data));
    session.socket.onclose = () => closed(session);
    $("record").setAttribute("aria-pressed", "true");
    $("record").textContent = "Stop";
    $("progress").textContent = "Listening";
  }

  function flush(session) {
    if (!session.ready || session.socket.readyState !== WebSocket.OPEN) return;
    while (session.sent < session.frames.length) session.socket.send(session.frames[session.sent++]);
    if (session.ended) {
      session.socket.send('{"type": "end"}');
      return;
    }
    const behind = session.socket.bufferedAmount > BEHIND_BYTES;
    $("progress").textContent = behind ? "Listening; the server is behind" : "Listening";
  }

  function heard(session, event) {
    if (live !== session) return;
    if (event.type === "ready") {
      session.ready = true;
      $("spoken").hidden = false;
      flush(session);
    } else if (event.type === "partial") $("partial").textContent = event.text;
    else if (event.type === "segment") {
      $("partial").textContent = "";
      addSegment(event);
    } else if (event.type === "done") {
      session.done = true;
      $("partial").textContent = "";
      finished(event);
    } else if (event.type === "error") {
      session.done = true;
      fail(new Error(event.error.message));
    }
  }

  function endLive(session, silently = false) {
    if (session.ended) return;
    session.ended = true;
    for (const track of session.stream.getTracks()) track.stop();
    session.context.close();
    $("record").setAttribute("aria-pressed", "false");
    $("record").textContent = "Record";
    if (silently) {
      live = null;
      session.socket.close();
      return;
    }
    $("progress").textContent = "Ending";
    flush(session);  // else when the server is ready
    recording.file = wave(session.frames, session.rate);
    setSound(recording.file);
    $("again").hidden = false;
  }

  function closed(session) {
    if (live !== session) return;
    if (!session.done) fail(new Error("The connection ended: what was said since the last line is not transcribed."));
    session.end();
    if ($("progress").textContent === "Ending") $("progress").textContent = "";
    live = null;
  }

  function wave(frames, rate) {
    const size = frames.reduce((sum, frame) => sum + frame.byteLength, 0);
    const head = new DataView(new ArrayBuffer(44));
    const text = (at, letters) => [...letters].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
    text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
    head.setUint32(4, 36 + size, true); head.setUint32(16, 16, true);
    head.setUint16(20, 1, true); head.setUint16(22, 1, true);
    head.setUint32(24, rate, true); head.setUint32(28, 2 * rate, true);
    head.setUint16(32, 2, true); head.setUint16(34, 16, true); head.setUint32(40, size, true);
    return new File([head, ...frames], "recording.wav", { type: "audio/wav" });
  }

  $("record").addEventListener("click", () => {
    if (live) return live.end && live.end();
    const opened = record(), session = live;
    opened.catch((error) => {
      if (session.stream) for (const track of session.stream.getTracks()) track.stop();
      if (live !== session) return;
      live = null;
      $("progress").textContent = "";
      const refused = error.name === "NotAllowedError";
      fail(refused ? new Error("The browser does not let this page use the microphone.") : error);
    });
  });
  $("again").addEventListener("click", () => transcribe(recording.file));

  // ---- attention of texts ------------------------------------------------------------

  // Join pieces to words: rows of a word are averaged, its columns are added.
  function joined({ tokens, source, weights }) {
    const groups = (pieces) => {
      const words = [];
      pieces.forEach((piece, index) => {
        const special = /^<.*>$/.test(piece);
        if (!words.length || special || piece.startsWith("\u2581")) words.push({ text: "", indices: [], special });
        const word = words[words.length - 1];
        word.text += piece.replace(/^\u2581/, "");
        word.indices.push(index);
      });
      return words;
    };
    const rows = groups(tokens).filter((row) => !row.special), columns = groups(source);
    const cells = rows.map((row) => columns.map((column) => {
      const sum = row.indices.reduce((total, r) => total + column.indices.reduce((part, c) => part + weights[r][c], 0), 0);
      return sum / row.indices.length;
    }));
    const name = (word) => (word.special ? "(end)" : word.text);
    return { rows: rows.map(name), columns: columns.map(name), cells };
  }

  const lookedAt = ({ rows, columns, cells }, row) => {
    const best = columns.map((name, column) => [cells[row][column], name]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    const parts = best.filter(([share]) => share >= 0.05).map(([share, name]) => `${name} ${Math.round(100 * share)} %`);
    return `${rows[row]} looked at ${parts.join(", ")}`;
  };

  // ---- translation -------------------------------------------------------------------

  const knownLines = new Map();
  let parts = [], map = null, busy = false, changed = 0, shownLine = -1;

  function svg(tag, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function drawMatrix() {
    const cell = 26, letter = 8.2;
    const left = Math.max(...map.rows.map((name) => name.length)) * letter + 14;
    const top = Math.max(...map.columns.map((name) => name.length)) * letter * 0.75 + 20;
    const width = left + map.columns.length * cell + top * 0.8, height = top + map.rows.length * cell + 4;
    const heads = svg("g", { "aria-hidden": true });
    map.columns.forEach((name, column) => {
      const x = left + (column + 0.6) * cell;
      heads.append(svg("text", { x, y: top - 6, transform: `rotate(-50 ${x} ${top - 6})`, "data-column": column }, name));
    });
    const rows = map.rows.map((name, row) => {
      const y = top + row * cell;
      const group = svg("g", { class: "row", role: "img", tabindex: row ? -1 : 0, "data-row": row, "aria-label": lookedAt(map, row) });
      group.append(svg("text", { class: "name", x: left - 8, y: y + 18, "text-anchor": "end" }, name));
      map.cells[row].forEach((share, column) => {
        const place = { class: "cell", x: left + column * cell, y, width: cell - 1, height: cell - 1, "fill-opacity": Math.min(1, share).toFixed(3) };
        const drawn = svg("rect", place);
        drawn.append(svg("title", {}, `${name} looked at ${map.columns[column]}: ${Math.round(100 * share)} %`));
        group.append(drawn);
      });
      return group;
    });
    const matrix = $("matrix");
    matrix.setAttribute("viewBox", `0 0 ${width} ${height}`);
    matrix.setAttribute("width", width);
    matrix.setAttribute("height", height);
    matrix.replaceChildren(heads, ...rows);
    $("looked").hidden = false;
    $("pointed").textContent = "";
  }

  function point(row) {
    for (const group of $("matrix").querySelectorAll(".row")) group.classList.toggle("on", Number(group.dataset.row) === row);
    for (const word of $("target").querySelectorAll(".word")) word.classList.toggle("now", Number(word.dataset.line) === shownLine && Number(word.dataset.row) === row);
    $("pointed").textContent = map && map.rows[row] !== undefined ? lookedAt(map, row) : "";
  }

  function chooseLine(line) {
    if (!parts[line] || !parts[line].attention) return false;
    shownLine = line;
    map = joined(parts[line].attention);
    drawMatrix();
    return true;
  }

  function caretLine() {
    const before = $("source").value.slice(0, $("source").selectionStart);
    return before.split("\n").length - 1;
  }

  function showTranslation(values) {
    parts = values;
    $("target").replaceChildren(...parts.flatMap((part, line) => {
      const words = part.text.split(" ").filter(Boolean);
      const rows = part.attention ? joined(part.attention).rows : [];
      const shown = words.flatMap((word, row) => {
        const span = element("span", { className: "word", textContent: word });
        if (rows.length) Object.assign(span.dataset, { line, row: Math.min(row, rows.length - 1) });
        return [span, " "];
      });
      return line ? ["\n", ...shown] : shown;
    }));
    const filled = parts.map((part, line) => (part.attention ? line : -1)).filter((line) => line >= 0);
    if (!chooseLine(caretLine()) && !chooseLine(filled[filled.length - 1])) {
      $("looked").hidden = true;
      map = null;
    }
  }

  // Return a part for each line; lines that were there before are not sent again.
  async function translated(lines) {
    const missing = [...new Set(lines)].filter((line) => line.trim() && !knownLines.has(line));
    if (missing.length) {
      const { parts: found } = await askText("v1/translations", missing.join("\n"));
      if (knownLines.size > 500) knownLines.clear();
      missing.forEach((line, number) => knownLines.set(line, found[number]));
      for (const line of lines) if (line.trim() && !knownLines.has(line)) return translated(lines);
    }
    return lines.map((line) => knownLines.get(line) || { source: line, text: "" });
  }

  // One request at a time; the newest text follows as soon as one is answered.
  async function translate() {
    if (busy) return;
    busy = true;
    try {
      for (let seen = -1; seen !== changed;) {
        seen = changed;
        const began = seen;
        showTranslation(await translated($("source").value.split("\n")));
        fail(null);
        if (seen === changed) {
          const taken = Math.round(performance.now() - began);
          $("speed").textContent = map ? `${taken} ms after the last key` : "";
          $("looked").dataset.milliseconds = taken;
        }
      }
    } catch (error) {
      fail(error);
    } finally {
      busy = false;
    }
  }

  $("source").addEventListener("input", () => { changed = performance.now(); translate(); });
  $("target").addEventListener("mouseover", (event) => {
    const { line, row } = event.target.dataset || {};
    if (row === undefined) return;
    if (Number(line) !== shownLine) chooseLine(Number(line));
    point(Number(row));
  });
  for (const name of ["mouseover", "focusin"]) {
    $("matrix").addEventListener(name, (event) => {
      const group = event.target.closest(".row");
      if (group) point(Number(group.dataset.row));
    });
  }
  $("matrix").addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const rows = [...$("matrix").querySelectorAll(".row")];
    const next = rows[rows.indexOf(event.target.closest(".row")) + step];
    if (!step || !next) return;
    event.preventDefault();
    for (const row of rows) row.setAttribute("tabindex", row === next ? 0 : -1);
    next.focus();
  });

  document.querySelector('[data-save="weights.json"]').addEventListener("click", () => {
    const { source, text, attention } = parts[shownLine];
    save("attention.json", JSON.stringify({ read: source, written: text, ...attention }), "application/json");
  });
  document.querySelector('[data-save="weights.svg"]').addEventListener("click", () => {
    const copy = $("matrix").cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("font-family", "sans-serif");
    copy.setAttribute("font-size", "14");
    for (const cell of copy.querySelectorAll("rect")) {
      cell.setAttribute("fill", "#0b57b7");
      cell.setAttribute("stroke", "#ccc");
    }
    save("attention.svg", new XMLSerializer().serializeToString(copy), "image/svg+xml");
  });

  // ---- summary -----------------------------------------------------------------------

  const bare = (word) => word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");

  function showSummary({ parts: [part] }) {
    const table = part.attention ? joined(part.attention) : { rows: [], columns: [], cells: [] };
    const known = new Set(part.source.split(/\s+/).map(bare).filter(Boolean));
    $("title").replaceChildren(...part.text.split(" ").flatMap((word, row) => {
      const shown = element(known.has(bare(word)) ? "mark" : "span", { className: "word", textContent: word, tabIndex: 0 });
      const look = () => shade(table, Math.min(row, table.rows.length - 1));
      shown.addEventListener("mouseover", look);
      shown.addEventListener("focus", look);
      return [shown, " "];
    }));
    $("read").replaceChildren(...table.columns.flatMap((word) => [element("span", { textContent: word }), " "]));
    $("short").hidden = false;
  }

  function shade({ cells }, row) {
    if (!cells[row]) return;
    const most = Math.max(...cells[row]);
    [...$("read").children].forEach((word, column) => {
      const share = cells[row][column] / most;
      word.style.background = share > 0.05 ? `rgb(var(--map) / ${0.45 * share})` : "";
    });
  }

  $("summarise").addEventListener("submit", async (event) => {
    event.preventDefault();
    fail(null);
    $("wait").textContent = "Reading";
    try {
      showSummary(await askText("v1/summaries", $("long").value));
    } catch (error) {
      fail(error);
    }
    $("wait").textContent = "";
  });

  // ---- examples, token, start ----------------------------------------------------------

  document.querySelector('[data-example="translation"]').addEventListener("click", () => {
    $("source").value = EXAMPLES.translation;
    $("source").dispatchEvent(new Event("input"));
  });
  document.querySelector('[data-example="summary"]').addEventListener("click", () => {
    $("long").value = EXAMPLES.summary;
    $("summarise").requestSubmit();
  });
  $("access").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("token", $("token").value);
    $("access").hidden = true;
    fail(null);
    offer().catch(fail);
  });

  // Show the tasks that the server has models for, and the languages of its translator.
  async function offer() {
    const { data } = await (await ask("v1/models")).json();
    const tasks = ["speech_recognition", "translation", "summarization"];
    tabs.forEach((tab, number) => { tab.hidden = !data.some((model) => model.task === tasks[number]); });
    const first = tabs.find((tab) => !tab.hidden);
    if (first && tabs.find((tab) => tab.getAttribute("aria-selected") === "true").hidden) show(first);
    const translator = data.find((model) => model.task === "translation");
    const codes = translator && /^([a-z]{2})-([a-z]{2})$/.exec(translator.id);
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    ["source", "target"].forEach((id, side) => {
      if (codes) $(id).lang = codes[side + 1];
      document.querySelector(`label[for=${id}]`).textContent = codes ? names.of(codes[side + 1]) : ["Text", "Translation"][side];
    });
  }

  offer().catch(fail);
  health();
}
