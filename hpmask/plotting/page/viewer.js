// The page: its state, its picture and its controls.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage");
const sky = $("sky").getContext("2d");
const grid = $("grid").getContext("2d");

const TO_ZENITHAL = 75 * RAD; // width of a field that is drawn in the zenithal projection
const FINE = 30 * RAD; // and that at which Mollweide's stretch of the middle has gone
const STRETCH = (2 * ROOT2) / Math.PI;
const SMALLEST = 1e-8; // width of the smallest field, in radians: 5 cells of order 29
const MARGIN = 22;
const IDLE = 140; // ms until the picture is drawn in full detail
const FRAME = 14; // ms for a picture while it moves
const CHUNK = 24;

const first = {
  projection: data.view.projection, frame: data.view.frame, lon: data.view.lon, lat: data.view.lat, width: data.view.width,
  style: data.style, opacity: data.opacity, bin: data.bin, off: [], lines: true, survey: data.aladin !== null,
};
let state = { ...first, off: [] };
let planes = [];

// ---------------------------------------------------------------------- geometry of the view

const toGalactic = data.rotation;
const toFrame = (from, to) => (from === to ? SAME : to === "galactic" ? toGalactic : transposed(toGalactic));

/** The view on a stage of some size: its projection, scale and rotation. */
function viewOf(width, height) {
  const whole = PROJECTIONS[state.projection];
  const fit = Math.min((width - 2 * MARGIN) / (2 * whole.size[0]), (height - 2 * MARGIN) / (2 * whole.size[1]));
  const scale = state.width === null ? fit : width / (state.width * RAD); // pixels per radian
  const field = Math.max(width, height) / scale;
  const zoomed = state.projection !== "sphere" && field < TO_ZENITHAL;
  // From Mollweide's shape of the middle to a true one, so that nothing jumps. A survey has none of it.
  let stretch = 1;
  if (zoomed && state.projection === "mollweide" && !surveyShown())
    stretch = STRETCH ** Math.min(1, Math.max(0, Math.log(field / FINE) / Math.log(TO_ZENITHAL / FINE)));
  return {
    width, height, scale, fit, zoomed, stretch,
    projection: zoomed ? PROJECTIONS.zenithal : whole,
    name: zoomed ? "zenithal" : state.projection,
    rotation: turned(state.lon, state.lat),
  };
}

const view = () => viewOf(stage.clientWidth, stage.clientHeight);
const found = [0, 0, 0];

/** The direction at a place of the stage, in the frame of the picture, or null. */
function directionAt(v, px, py) {
  const x = (v.width / 2 - px) / (v.scale * v.stretch); // longitudes increase to the left
  const y = ((v.height / 2 - py) * v.stretch) / v.scale;
  return v.projection.back(x, y, found) ? times(v.rotation, found) : null;
}

/** The place of a direction on the stage, or null. */
function placeOf(v, direction) {
  const place = v.projection.onto(times(transposed(v.rotation), direction));
  return place && [v.width / 2 - place[0] * v.scale * v.stretch, v.height / 2 - (place[1] * v.scale) / v.stretch];
}

// ---------------------------------------------------------------------- the picture

const shownLayers = () => data.layers.filter((layer) => !state.off.includes(layer.name) && layer.bins[state.bin] >= 0);
const css = (name) => getComputedStyle(stage).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");
const colourOf = (layer) => layer.colours[state.style === "exclusion" ? 0 : 1];
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const pixels = () => Math.min(window.devicePixelRatio || 1, 2);

// How strong the colour is for a covered part from 0 to 255. What is much smaller than a pixel can still be seen.
const TONES = Float64Array.from({ length: 256 }, (_, k) => (k === 0 ? 0 : k === 255 ? 1 : 0.25 + (0.5 * k) / 255));

/** A picture of the masks in pixels of `step` on the stage. `rows(from, to)` samples, `image()` colours it. */
function picture(v, step) {
  const nx = Math.max(1, Math.ceil(v.width / step)), ny = Math.max(1, Math.ceil(v.height / step));
  const layers = shownLayers();
  const parts = layers.map(() => new Uint8Array(nx * ny));
  const inside = new Uint8Array(nx * ny);
  // Cells about as large as a pixel, and not larger: a pixel shows how much of its cell is covered.
  const order = Math.min(FINEST, Math.max(0, Math.ceil(Math.log2((1.0233 * v.scale) / step))));
  const frames = [...new Set(layers.map((layer) => layer.frame))];
  const rotations = frames.map((frame) => product(toFrame(state.frame, frame), v.rotation));
  const lines = frames.map(() => ({ high: new Uint32Array(nx), low: new Uint32Array(nx), sky: new Uint8Array(nx), size: nx }));
  const at = [0, 0, 0];
  const dx = step / (v.scale * v.stretch), x0 = (v.width / 2) / (v.scale * v.stretch);
  return {
    nx, ny, step,
    rows(from, to) {
      for (let j = from; j < Math.min(to, ny); j++) {
        const y = ((v.height / 2 - (j + 0.5) * step) * v.stretch) / v.scale;
        for (let i = 0; i < nx; i++) {
          const on = v.projection.back(x0 - (i + 0.5) * dx, y, at);
          inside[j * nx + i] = on ? 1 : 0;
          for (let f = 0; f < frames.length; f++) {
            lines[f].sky[i] = on ? 1 : 0;
            if (!on) continue;
            const m = rotations[f], [x, z, w] = at;
            findCell(m[0] * x + m[1] * z + m[2] * w, m[3] * x + m[4] * z + m[5] * w, m[6] * x + m[7] * z + m[8] * w);
            lines[f].high[i] = cell.high;
            lines[f].low[i] = cell.low;
          }
        }
        layers.forEach((layer, k) => planes[layer.bins[state.bin]].sample(lines[frames.indexOf(layer.frame)], order, parts[k], j * nx));
      }
    },
    image() {
      const image = new ImageData(nx, ny);
      const base = rgb(css("--sky"));
      const clear = surveyShown();
      const colours = layers.map((layer) => rgb(colourOf(layer)));
      const excluded = state.style === "exclusion";
      const edges = state.style === "outline";
      const thick = Math.max(1, Math.round(0.75 / step));
      const out = image.data;
      for (let p = 0; p < nx * ny; p++) {
        if (inside[p] === 0) continue;
        let r = base[0], g = base[1], b = base[2], a = clear ? 0 : 1;
        for (let k = 0; k < layers.length; k++) {
          const values = parts[k];
          const value = values[p];
          let f;
          if (edges) {
            f = 0;
            for (const q of [p - thick, p + thick, p - thick * nx, p + thick * nx])
              if (q >= 0 && q < values.length && inside[q] === 1) f = Math.max(f, Math.abs(value - values[q]) / 255);
          } else f = state.opacity * TONES[excluded ? 255 - value : value];
          if (f === 0) continue;
          const total = f + a * (1 - f);
          const c = colours[k];
          r = (c[0] * f + r * a * (1 - f)) / total;
          g = (c[1] * f + g * a * (1 - f)) / total;
          b = (c[2] * f + b * a * (1 - f)) / total;
          a = total;
        }
        out[4 * p] = r;
        out[4 * p + 1] = g;
        out[4 * p + 2] = b;
        out[4 * p + 3] = 255 * a;
      }
      return image;
    },
  };
}

const buffer = document.createElement("canvas");

function show(image) {
  buffer.width = image.nx;
  buffer.height = image.ny;
  buffer.getContext("2d").putImageData(image.image(), 0, 0);
  const { width, height } = sky.canvas;
  sky.clearRect(0, 0, width, height);
  sky.imageSmoothingEnabled = true;
  sky.drawImage(buffer, 0, 0, image.nx * image.step * pixels(), image.ny * image.step * pixels());
}

let cost = 1.5e-4; // ms for a pixel, as measured
let asked = false, full = null, moved = 0, done = false;
const timing = { coarse: 0, full: 0 };

/** Draw soon: coarse while the view moves, in full detail once it rests. */
function draw(moving = true) {
  if (moving) moved = performance.now();
  full = null;
  done = false;
  document.body.dataset.drawn = "";
  if (!asked) {
    asked = true;
    requestAnimationFrame(frame);
  }
}

function frame() {
  asked = false;
  fit();
  stage.classList.toggle("over", surveyShown());
  const v = view();
  if (v.width < 1 || v.height < 1) return;
  const finest = 1 / pixels();
  if (full === null) {
    drawGrid(v);
    moveSurvey(v);
    const moving = performance.now() - moved < IDLE;
    if (moving) {
      const step = Math.max(finest, Math.sqrt((v.width * v.height * cost) / FRAME));
      const start = performance.now();
      const one = picture(v, step);
      one.rows(0, one.ny);
      show(one);
      timing.coarse = performance.now() - start;
      cost = 0.7 * cost + 0.3 * (timing.coarse / (one.nx * one.ny));
      if (step > finest) {
        setTimeout(() => next(), IDLE);
        return;
      }
      finish(v);
      return;
    }
    full = { picture: picture(v, finest), row: 0, spent: 0 };
  }
  const start = performance.now();
  while (full.row < full.picture.ny && performance.now() - start < FRAME) {
    full.picture.rows(full.row, full.row + CHUNK);
    full.row += CHUNK;
  }
  if (full.row >= full.picture.ny) {
    show(full.picture);
    timing.full = full.spent + performance.now() - start;
    full = null;
    finish(v);
  } else {
    full.spent += performance.now() - start;
    next();
  }
}

function next() {
  if (asked || done) return;
  asked = true;
  requestAnimationFrame(frame);
}

function finish() {
  done = true;
  remember();
  document.body.dataset.drawn = "full";
}

/** Give the canvases the size of the stage. */
function fit() {
  const width = Math.round(stage.clientWidth * pixels()), height = Math.round(stage.clientHeight * pixels());
  for (const { canvas } of [sky, grid])
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
}

// ---------------------------------------------------------------------- the grid

const STEPS = [90, 60, 30, 20, 10, 5, 2, 1].concat(
  [30, 20, 10, 5, 2, 1].map((m) => m / 60), [30, 20, 10, 5, 2, 1].map((s) => s / 3600),
  [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].map((s) => s / 3600));

const decimals = (step) => (step >= 1 ? 0 : Math.min(7, Math.ceil(-Math.log10(step * 1.0001))));

function drawGrid(v) {
  const p = pixels();
  grid.setTransform(p, 0, 0, p, 0, 0);
  grid.clearRect(0, 0, v.width, v.height);
  grid.lineJoin = "round";
  outline(v);
  if (state.lines) graticule(v);
  if (cross !== null) {
    const place = placeOf(v, cross);
    if (place) {
      grid.lineWidth = 1.5;
      for (const [colour, wide] of [[css("--halo"), 4], [css("--ink"), 1.5]]) {
        grid.strokeStyle = colour;
        grid.lineWidth = wide;
        grid.beginPath();
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          grid.moveTo(place[0] + 4 * dx, place[1] + 4 * dy);
          grid.lineTo(place[0] + 12 * dx, place[1] + 12 * dy);
        }
        grid.stroke();
      }
    }
  }
}

function outline(v) {
  if (v.zoomed) return;
  const [a, b] = v.projection.size;
  grid.beginPath();
  grid.ellipse(v.width / 2, v.height / 2, a * v.scale, b * v.scale, 0, 0, 2 * Math.PI);
  grid.strokeStyle = css("--limb");
  grid.lineWidth = 1.2;
  grid.stroke();
}

/** A step for about n lines over an angle in degrees. */
const stepFor = (angle, n) => STEPS.find((step) => angle / step >= n) ?? STEPS[STEPS.length - 1];

function graticule(v) {
  const tall = Math.min(180, v.height / v.scale / RAD), wide = Math.min(360, v.width / v.scale / RAD);
  const near = v.zoomed || Math.max(tall, wide) < TO_ZENITHAL / RAD; // only lines near the middle are drawn
  const all = !near && v.scale < 3 * v.fit;
  const stepLat = all ? 30 : Math.min(30, stepFor(Math.min(tall, wide), 4));
  // Near a pole all longitudes are on the stage.
  const reach = Math.hypot(tall, wide) / 2;
  const polar = Math.abs(state.lat) + reach >= 90;
  const cos = Math.cos(Math.min(89.9, Math.abs(state.lat)) * RAD);
  const stepLon = all || polar ? 30 : Math.min(30, stepFor(Math.min(tall, wide) / cos, 4));
  const halfLon = polar || !near ? 180 : Math.min(180, (reach * 1.3) / Math.cos((Math.abs(state.lat) + reach) * RAD));
  const bottom = Math.max(-90, state.lat - reach * 1.2), top = Math.min(90, state.lat + reach * 1.2);
  const latFrom = near ? bottom : -90, latTo = near ? top : 90;
  const labels = [];
  grid.beginPath();
  for (let n = Math.ceil((state.lon - halfLon) / stepLon); n * stepLon < state.lon + halfLon + (halfLon < 180 ? stepLon : 0); n++) {
    const lon = (((n * stepLon) % 360) + 360) % 360;
    const end = stepLat >= 30 && Math.abs(lon % 90) > 1e-9 ? 80 : 90;
    const points = [];
    for (let i = 0; i <= 90; i++) points.push(vector(n * stepLon, Math.max(-end, Math.min(end, latFrom + ((latTo - latFrom) * i) / 90))));
    const places = trace(v, points);
    labels.push([longitude(lon, decimals(stepLon)) + "\u00b0", all ? placeOf(v, vector(lon, 0)) : crossing(v, places, false), false]);
  }
  for (let n = Math.ceil(Math.max(latFrom, -89.999) / stepLat); n * stepLat < Math.min(latTo, 89.999); n++) {
    const points = [];
    for (let i = 0; i <= 180; i++) points.push(vector(state.lon - halfLon + (2 * halfLon * i) / 180, n * stepLat));
    const places = trace(v, points);
    const lat = n * stepLat;
    const text = (Math.abs(lat) < 1e-12 ? "0" : signed(lat, decimals(stepLat))) + "\u00b0";
    if (!all) labels.push([text, crossing(v, places, true), true]);
    else if (n !== 0) labels.push([text, placeOf(v, vector(state.lon, lat)), false]);
  }
  grid.strokeStyle = css("--grid");
  grid.lineWidth = 1;
  grid.stroke();
  grid.font = "12px system-ui, sans-serif";
  grid.textBaseline = "middle";
  const taken = [];
  for (const [text, place, left] of labels) {
    if (!place) continue;
    const size = grid.measureText(text).width;
    grid.textAlign = left ? "left" : "center";
    const x = left ? place[0] + 6 : Math.min(v.width - size / 2 - 4, Math.max(size / 2 + 4, place[0]));
    const y = all ? place[1] + 9 : left ? place[1] : v.height - 12;
    const box = [left ? x : x - size / 2, y - 8, left ? x + size : x + size / 2, y + 8];
    if (box[1] < 2 || box[3] > v.height - 2) continue;
    if (taken.some((one) => box[0] < one[2] + 6 && box[2] > one[0] - 6 && box[1] < one[3] && box[3] > one[1])) continue;
    taken.push(box);
    grid.strokeStyle = css("--halo");
    grid.lineWidth = 3.5;
    grid.strokeText(text, x, y);
    grid.fillStyle = css("--label");
    grid.fillText(text, x, y);
  }
}

/** Add a line through directions to the path of the grid. Returns its places, null where it is not on the map. */
function trace(v, points) {
  let before = null;
  return points.map((point) => {
    const place = placeOf(v, point);
    const near = place && Math.abs(place[0]) < 1e5 && Math.abs(place[1]) < 1e5;
    // A jump to the other side of the map is not drawn.
    const jump = before && near && Math.hypot(place[0] - before[0], place[1] - before[1]) > Math.max(60, 0.6 * v.scale);
    if (near && before && !jump) grid.lineTo(place[0], place[1]);
    else if (near) grid.moveTo(place[0], place[1]);
    before = near ? place : null;
    return before;
  });
}

/** Where a line crosses the left side (or near the lower side) of the stage. */
function crossing(v, places, left) {
  const goal = left ? 0 : v.height - 12;
  const axis = left ? 0 : 1;
  for (let i = 1; i < places.length; i++) {
    const a = places[i - 1], b = places[i];
    if (!a || !b || (a[axis] - goal) * (b[axis] - goal) > 0 || a[axis] === b[axis]) continue;
    const t = (goal - a[axis]) / (b[axis] - a[axis]);
    const place = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
    const other = place[1 - axis];
    if (other >= 0 && other <= (left ? v.height : v.width)) return place;
  }
  return null;
}

// ---------------------------------------------------------------------- moves

const wrap = (lon) => ((lon % 360) + 360) % 360;
const half = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;

function set(change, moving = true) {
  Object.assign(state, change);
  state.lon = wrap(state.lon);
  state.lat = Math.max(-90, Math.min(90, state.lat));
  controls();
  draw(moving);
}

function pan(dx, dy) {
  const v = view();
  const cos = Math.max(0.05, Math.cos(state.lat * RAD));
  set({ lon: state.lon + dx / (v.scale * v.stretch) / RAD / cos, lat: state.lat + (dy * v.stretch) / v.scale / RAD });
}

/** Zoom by a factor, with the sky under a place of the stage held there. */
function zoom(factor, px = null, py = null) {
  const v = view();
  const widest = v.width / v.fit;
  const width = Math.min(widest, Math.max(SMALLEST, v.width / v.scale / factor));
  const point = px === null ? null : directionAt(v, px, py);
  state.width = width >= widest * (1 - 1e-9) ? null : width / RAD;
  if (point !== null && state.width !== null) {
    const [lon, lat] = angles(point);
    for (let i = 0; i < 3; i++) {
      const now = directionAt(view(), px, py);
      if (now === null) break;
      const [l, b] = angles(now);
      if (Math.abs(lat) > 89 || Math.abs(b) > 89.5) break;
      state.lon = wrap(state.lon + half(lon - l));
      state.lat = Math.max(-90, Math.min(90, state.lat + lat - b));
    }
  }
  set({});
}

const pointers = new Map();
let pinch = 0;

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.target.closest("button")) return;
  try {
    stage.setPointerCapture(event.pointerId);
  } catch {
    // The pointer has gone in the meantime.
  }
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  stage.classList.add("dragged");
  pinch = 0;
});
stage.addEventListener("pointermove", (event) => {
  const box = stage.getBoundingClientRect();
  const before = pointers.get(event.pointerId);
  if (before) {
    if (pointers.size === 1) pan(event.clientX - before[0], event.clientY - before[1]);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pointers.size === 2) {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      const apart = Math.hypot(ax - bx, ay - by);
      if (pinch > 0 && apart > 0) zoom(apart / pinch, (ax + bx) / 2 - box.left, (ay + by) / 2 - box.top);
      pinch = apart;
    }
  }
  look(directionAt(view(), event.clientX - box.left, event.clientY - box.top), null);
});
for (const name of ["pointerup", "pointercancel"])
  stage.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    pinch = 0;
    if (pointers.size === 0) stage.classList.remove("dragged");
  });
stage.addEventListener("click", (event) => {
  if (event.target.closest("button")) return;
  const box = stage.getBoundingClientRect();
  look(directionAt(view(), event.clientX - box.left, event.clientY - box.top), null);
});
stage.addEventListener("dblclick", (event) => {
  if (event.target.closest("button")) return;
  const box = stage.getBoundingClientRect();
  zoom(2, event.clientX - box.left, event.clientY - box.top);
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = stage.getBoundingClientRect();
  const lines = event.deltaY * (event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1);
  zoom(Math.exp(-Math.max(-300, Math.min(300, lines)) * (event.ctrlKey ? 0.008 : 0.0018)), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

const later = (list, value) => list[(list.indexOf(value) + 1) % list.length];
const KEYS = {
  ArrowLeft: () => pan(stage.clientWidth / 12, 0), ArrowRight: () => pan(-stage.clientWidth / 12, 0),
  ArrowUp: () => pan(0, stage.clientHeight / 12), ArrowDown: () => pan(0, -stage.clientHeight / 12),
  "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => reset(),
  "[": () => setBin(state.bin - 1), "]": () => setBin(state.bin + 1),
  s: () => set({ style: later(["exclusion", "footprint", "outline"], state.style) }, false),
  p: () => set({ projection: later(["mollweide", "aitoff", "sphere"], state.projection) }),
  c: () => setFrame(state.frame === "icrs" ? "galactic" : "icrs"),
  g: () => set({ lines: !state.lines }, false),
};

document.addEventListener("keydown", (event) => {
  const inField = event.target.closest("input, select, textarea, summary, a");
  if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
  const digit = /^[1-9]$/.test(event.key) ? data.layers[Number(event.key) - 1] : undefined;
  const act = digit ? () => toggle(digit.name) : KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
  if (/^Arrow|[-+=]/.test(event.key)) {
    const middle = vector(state.lon, state.lat);
    look(middle, middle);
  }
});

function reset() {
  cross = null;
  set({ projection: first.projection, frame: first.frame, lon: first.lon, lat: first.lat, width: first.width });
}

function setFrame(frame) {
  if (frame === state.frame) return;
  const [lon, lat] = angles(times(toFrame(state.frame, frame), vector(state.lon, state.lat)));
  const turn = toFrame(state.frame, frame);
  if (cross) cross = times(turn, cross);
  // The whole sky has the middle that its frame has in the field's pictures.
  set(state.width === null && Math.abs(state.lat) < 1e-9 ? { frame, lon: frame === "icrs" ? 180 : 0, lat: 0 } : { frame, lon, lat });
}

function setBin(bin) {
  if (bin >= 0 && bin < data.energies.length) set({ bin }, false);
}

function toggle(name) {
  set({ off: state.off.includes(name) ? state.off.filter((one) => one !== name) : [...state.off, name] }, false);
}

// ---------------------------------------------------------------------- what is at a position

let cross = null; // a marked direction, in the frame of the picture

/** Whether the bins of a layer hold a direction of ICRS. */
function flagsAt(layer, icrs) {
  const turn = toFrame("icrs", layer.frame);
  const [x, y, z] = turn === SAME ? icrs : times(turn, icrs);
  findCell(x, y, z);
  const { high, low } = cell;
  const known = new Map();
  return layer.bins.map((plane) => {
    if (plane < 0) return false;
    if (!known.has(plane)) known.set(plane, planes[plane].has(high, low));
    return known.get(plane);
  });
}

let where = null;

/** Say what is at a direction of the picture's frame; mark another one, or none. */
function look(direction, mark) {
  where = direction;
  if (cross !== mark) {
    cross = mark;
    if (view().width > 0) drawGrid(view());
  }
  tell();
}

function tell() {
  const known = where !== null && planes.length > 0;
  const keeping = [];
  const icrs = known ? times(toFrame(state.frame, "icrs"), where) : null;
  for (const { layer, answer, bins } of boxes) {
    const flags = known ? flagsAt(layer, icrs) : null;
    answer.textContent = flags === null ? "" : flags[state.bin] ? "kept" : "excluded";
    answer.dataset.kept = flags === null ? "" : flags.map(Number).join("");
    if (flags !== null && flags[state.bin]) keeping.push(layer.name);
    if (bins === null) continue;
    const count = flags === null ? 0 : flags.filter(Boolean).length;
    bins.text.textContent = flags === null ? "" : `kept here in ${count} of ${flags.length} energy bins`;
    for (const [k, cell] of bins.cells.entries()) {
      cell.className = `${flags !== null && flags[k] ? "kept" : ""}${k === state.bin ? " now" : ""}`;
      cell.title = data.energies[k];
    }
  }
  if (!known) {
    $("icrs").textContent = $("galactic").textContent = "\u2013";
    $("found").textContent = "";
    return;
  }
  const digits = Math.max(3, Math.min(9, Math.ceil(Math.log10(view().scale * RAD)) + 1));
  const fine = Math.max(0, Math.min(5, digits - 4));
  const [lon, lat] = angles(icrs), [l, b] = angles(times(toGalactic, icrs));
  $("icrs").textContent = `${longitude(lon, digits)} ${signed(lat, digits)}   ${hours(lon, fine + 1)} ${degrees(lat, fine)}`;
  $("galactic").textContent = `${longitude(l, digits)} ${signed(b, digits)}`;
  if (data.layers.length === 1) $("found").textContent = keeping.length > 0 ? "kept" : "excluded";
  else $("found").textContent = keeping.length > 0 ? `kept by ${keeping.join(", ")}` : "kept by no layer";
}

/** The colour of a swatch: filled where the sky is that the picture fills. */
function paint(swatch, layer, kept) {
  const filled = state.style === "exclusion" ? !kept : kept;
  swatch.style.border = `2px solid ${colourOf(layer)}`;
  swatch.style.background = filled && state.style !== "outline" ? colourOf(layer) : "transparent";
}

// ---------------------------------------------------------------------- controls

/** A row of boxes, one for each energy bin, and what they say in words. */
function strip(item) {
  const row = document.createElement("div");
  row.className = "bins";
  row.setAttribute("aria-hidden", "true");
  const cells = data.energies.length > 48 ? [] : data.energies.map(() => document.createElement("i"));
  row.append(...cells);
  const text = document.createElement("small");
  text.className = "count";
  item.append(row, text);
  return { cells, text };
}

const boxes = data.layers.map((layer, k) => {
  const item = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.addEventListener("change", () => toggle(layer.name));
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = layer.name;
  const answer = document.createElement("span");
  answer.className = "answer";
  answer.dataset.layer = layer.name;
  const area = document.createElement("small");
  label.append(box, swatch, name, answer, area);
  if (k < 9) label.title = `key ${k + 1}`;
  item.append(label);
  const bins = data.energies.length > 1 ? strip(item) : null;
  $("layers").append(item);
  return { layer, box, swatch, area, answer, bins };
});

function controls() {
  for (const { layer, box, swatch, area } of boxes) {
    box.checked = !state.off.includes(layer.name);
    paint(swatch, layer, state.style !== "exclusion");
    area.textContent = layer.areas[state.bin];
  }
  for (const id of ["style", "projection", "frame", "opacity"]) $(id).value = state[id];
  $("lines").checked = state.lines;
  $("survey-on").checked = state.survey;
  if (data.energies.length > 0) {
    $("energy").value = state.bin;
    $("energy").setAttribute("aria-valuetext", data.energies[state.bin]);
    $("bin").textContent = data.energies[state.bin];
  }
  stage.setAttribute("aria-label", `Map of ${data.title}: ${data.layers.filter((one) => !state.off.includes(one.name)).map((one) => one.name).join(", ")}`);
  tell();
}

$("style").addEventListener("change", (event) => set({ style: event.target.value }, false));
$("projection").addEventListener("change", (event) => set({ projection: event.target.value }));
$("frame").addEventListener("change", (event) => setFrame(event.target.value));
$("opacity").addEventListener("input", (event) => set({ opacity: Number(event.target.value) }));
$("lines").addEventListener("change", (event) => set({ lines: event.target.checked }, false));
$("survey-on").addEventListener("change", (event) => set({ survey: event.target.checked }, false));
$("energy").addEventListener("input", (event) => set({ bin: Number(event.target.value) }));
$("closer").addEventListener("click", () => zoom(1.5));
$("farther").addEventListener("click", () => zoom(1 / 1.5));
$("home").addEventListener("click", reset);
$("fold").addEventListener("click", () => {
  const open = $("fold").getAttribute("aria-expanded") === "false";
  $("fold").setAttribute("aria-expanded", String(open));
  $("panel").hidden = !open;
});
$("goto").addEventListener("submit", (event) => {
  event.preventDefault();
  const place = parsePosition($("place").value);
  if (place === null) {
    say("This is not a position. Examples: 83.6 22.0, 05h34m32s +22d00m52s, l=184.6 b=-5.8");
    return;
  }
  const direction = times(toFrame(place.frame ?? state.frame, state.frame), vector(place.lon, place.lat));
  const [lon, lat] = angles(direction);
  const near = Math.min(state.width ?? 360, 20);
  look(direction, direction);
  set({ lon, lat, width: near });
});

let silence = 0;
function say(text, long = false) {
  $("message").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => ($("message").textContent = ""), long ? 12000 : 5000);
}

// ---------------------------------------------------------------------- the link of a view

const NAMES = { projection: "projection", frame: "frame", style: "style" };

function link() {
  const words = new URLSearchParams();
  const v = view();
  const digits = Math.max(3, Math.min(12, Math.ceil(Math.log10(v.scale * RAD)) + 2));
  words.set("at", `${+state.lon.toFixed(digits)},${+state.lat.toFixed(digits)}`);
  if (state.width !== null) words.set("width", String(Number(state.width.toPrecision(6))));
  for (const name of Object.keys(NAMES)) if (state[name] !== first[name] || name === "frame") words.set(name, state[name]);
  if (state.opacity !== first.opacity) words.set("opacity", state.opacity);
  if (data.energies.length > 0 && state.bin !== first.bin) words.set("bin", state.bin);
  for (const name of state.off) words.append("off", name);
  if (!state.lines) words.set("grid", "0");
  if (state.survey !== first.survey) words.set("survey", Number(state.survey));
  return `#${words.toString().replace(/%2C/g, ",")}`;
}

/** The state that a link describes. What it does not say, or says wrongly, is as at first. */
function fromLink(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const result = { ...first, off: [] };
  const at = (words.get("at") ?? "").split(",").map(Number);
  if (at.length === 2 && at.every(Number.isFinite) && Math.abs(at[1]) <= 90) {
    [result.lon, result.lat] = [wrap(at[0]), at[1]];
    result.width = null;
  }
  const width = Number(words.get("width"));
  if (width > 0 && width <= 720) result.width = Math.max(SMALLEST / RAD, width);
  for (const name of Object.keys(NAMES)) {
    const value = words.get(name);
    if (value !== null && [...$(name).options].some((option) => option.value === value)) result[name] = value;
  }
  const opacity = Number(words.get("opacity"));
  if (opacity >= 0.1 && opacity <= 1) result.opacity = opacity;
  const bin = Number(words.get("bin") ?? NaN);
  if (Number.isInteger(bin) && bin >= 0 && bin < data.energies.length) result.bin = bin;
  result.off = words.getAll("off").filter((name) => data.layers.some((layer) => layer.name === name));
  result.lines = words.get("grid") !== "0";
  if (words.has("survey")) result.survey = data.aladin !== null && words.get("survey") === "1";
  return result;
}

const alone = location.protocol !== "about:"; // not in the frame of a notebook

let written = location.hash;

function remember() {
  if (!alone || location.hash === link()) return;
  written = link();
  try {
    history.replaceState(null, "", written);
  } catch {
    // Browsers refuse too many changes in a short time. The button makes the link anew.
  }
}

window.addEventListener("hashchange", () => {
  if (location.hash === written) return;
  state = fromLink(location.hash);
  set({});
});

$("share").hidden = !alone;
$("share").addEventListener("click", async () => {
  const url = location.href.replace(/#.*$/s, "") + link();
  try {
    await navigator.clipboard.writeText(url);
    say("The link is in the clipboard.");
  } catch {
    window.prompt("The link of this view", url);
  }
});

// ---------------------------------------------------------------------- the picture as a file

async function portrait() {
  const p = pixels();
  const v = view();
  const one = picture(v, 1 / p);
  one.rows(0, one.ny);
  show(one);
  const legend = 34 + 22 * Math.ceil(shownLayers().length / Math.max(1, Math.floor(v.width / 220)));
  const canvas = document.createElement("canvas");
  canvas.width = sky.canvas.width;
  canvas.height = sky.canvas.height + Math.round(legend * p);
  const out = canvas.getContext("2d");
  out.fillStyle = css("--paper");
  out.fillRect(0, 0, canvas.width, canvas.height);
  const under = await surveyImage();
  if (under) out.drawImage(under, 0, 0, sky.canvas.width, sky.canvas.height);
  out.drawImage(sky.canvas, 0, 0);
  out.drawImage(grid.canvas, 0, 0);
  out.setTransform(p, 0, 0, p, 0, 0);
  out.fillStyle = css("--ink");
  out.textBaseline = "middle";
  out.font = "600 14px system-ui, sans-serif";
  const words = [data.title, data.energies[state.bin], { exclusion: "excluded sky", footprint: "kept sky", outline: "edges" }[state.style]];
  out.fillText(words.filter(Boolean).join("   "), 14, v.height + 14, v.width - 28);
  out.font = "13px system-ui, sans-serif";
  const columns = Math.max(1, Math.floor(v.width / 220));
  shownLayers().forEach((layer, k) => {
    const x = 14 + 220 * (k % columns), y = v.height + 36 + 22 * Math.floor(k / columns);
    out.fillStyle = colourOf(layer);
    out.fillRect(x, y - 6, 13, 13);
    out.fillStyle = css("--ink");
    out.fillText(layer.name, x + 20, y, 190);
  });
  return canvas;
}

$("save").addEventListener("click", async () => {
  const canvas = await portrait();
  canvas.toBlob((blob) => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = `${data.title.replace(/[^\p{L}\p{N}.-]+/gu, "-").replace(/^-+|-+$/g, "") || "mask"}.png`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  }, "image/png");
});

// ---------------------------------------------------------------------- start

async function unpack(plane) {
  const packed = Uint8Array.from(atob(plane.data), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return RangeList.decode(bytes, plane.count, plane.order);
}

async function start() {
  for (const note of data.notes) {
    const item = document.createElement("li");
    item.textContent = note;
    $("notes").append(item);
  }
  if (typeof DecompressionStream === "undefined") {
    say("This browser cannot unpack the mask: it needs to be of 2023 or later.", true);
    return;
  }
  $("energies").hidden = data.energies.length === 0;
  $("energy").max = Math.max(0, data.energies.length - 1);
  state = fromLink(location.hash);
  planes = await Promise.all(data.planes.map(unpack));
  new ResizeObserver(() => draw(false)).observe(stage);
  dark.addEventListener("change", () => draw(false));
  if (data.aladin !== null) startSurvey();
  set({}, false);
  tell();
}

/** For scripts: the numbers of cells, what is kept at a position, the view and the times of the last pictures. */
window.hpmask = {
  cell(lon, lat) {
    findCell(...vector(lon, lat));
    return (BigInt(cell.high) << 30n) + BigInt(cell.low);
  },
  contains(name, lon, lat) {
    return flagsAt(data.layers.find((layer) => layer.name === name), vector(lon, lat));
  },
  place(lon, lat) {
    return placeOf(view(), times(toFrame("icrs", state.frame), vector(lon, lat)));
  },
  position(x, y) {
    const direction = directionAt(view(), x, y);
    return direction && angles(times(toFrame(state.frame, "icrs"), direction));
  },
  parsePosition,
  get state() {
    return { ...state };
  },
  get times() {
    return { ...timing };
  },
  set,
  get survey() {
    return survey;
  },
};

start();
