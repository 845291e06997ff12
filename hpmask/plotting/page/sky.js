// The mathematics of the page: HEALPix numbers, sets of ranges, frames, projections and text for angles.
//
// A NESTED number of order 29 has 62 bits, more than a JavaScript number holds exactly. It is therefore kept in two
// parts that do: `high`, the number of its cell of order 14 (32 bits), and `low`, the 30 bits of the cell within it.

const RAD = Math.PI / 180;
const FINEST = 29;
const HALF = 14; // the order of the high part
const LOW_END = 2 ** 30;
const SKY_END = 12 * 4 ** HALF;

// ---------------------------------------------------------------------- HEALPix

// The bits of a number below 2**15, each moved to twice its place.
const SPREAD = new Uint32Array(1 << 15);
for (let i = 1; i < SPREAD.length; i++) SPREAD[i] = SPREAD[i >> 1] * 4 + (i & 1);

const cell = { high: 0, low: 0 };

/** Set `cell` to the NESTED number at order 29 of the direction of a unit vector (Górski et al. 2005, section 5). */
function findCell(x, y, z) {
  const side = 2 ** FINEST;
  let turn = Math.atan2(y, x) / (Math.PI / 2);
  if (turn < 0) turn += 4;
  if (turn >= 4) turn = 0;
  const up = Math.abs(z);
  let face, fx, fy;
  if (up <= 2 / 3) {
    const along = side * (0.5 + turn);
    const across = side * z * 0.75;
    const rising = Math.floor(along - across);
    const falling = Math.floor(along + across);
    const a = Math.floor(rising / side);
    const b = Math.floor(falling / side);
    face = a === b ? (a & 3) + 4 : a < b ? a & 3 : (b & 3) + 8;
    fx = falling - b * side;
    fy = side - 1 - (rising - a * side);
  } else {
    const quarter = Math.min(Math.floor(turn), 3);
    const part = turn - quarter;
    // From x and y, which are exact near a pole, where z is not.
    const wide = (side * Math.hypot(x, y)) / Math.sqrt((1 + up) / 3);
    const a = Math.min(Math.floor(part * wide), side - 1);
    const b = Math.min(Math.floor((1 - part) * wide), side - 1);
    face = z > 0 ? quarter : quarter + 8;
    fx = z > 0 ? side - 1 - b : a;
    fy = z > 0 ? side - 1 - a : b;
  }
  const low = 32768;
  const hx = Math.floor(fx / low);
  const hy = Math.floor(fy / low);
  cell.high = face * 2 ** 28 + SPREAD[hx] + 2 * SPREAD[hy];
  cell.low = SPREAD[fx - hx * low] + 2 * SPREAD[fy - hy * low];
}

// ---------------------------------------------------------------------- sets of ranges

/** A sorted list of starts and stops of ranges, as `encoded` in page.py packs it. */
class RangeList {
  constructor(high, low, order) {
    this.high = high;
    this.low = low; // null where all are 0: up to order 14
    this.order = order;
    this.count = high.length;
    // The area in front of each boundary, in cells of order 14. Rounding matters only for cells finer than that of a
    // pixel with many ranges, which are summed one by one.
    const area = (this.area = new Float64Array(this.count + 1));
    for (let i = 1; i < this.count; i += 2) {
      area[i] = area[i - 1];
      area[i + 1] = area[i - 1] + this.length(i - 1);
    }
  }

  /** Decode variable-length differences, in cells of the order. */
  static decode(bytes, count, order) {
    const deep = order > HALF;
    const high = new Uint32Array(count);
    const low = deep ? new Uint32Array(count) : null;
    const split = deep ? 2 * (order - HALF) : 0;
    const part = 2 ** split;
    const upHigh = 4 ** (HALF - Math.min(order, HALF));
    const upLow = 4 ** (FINEST - order);
    let h = 0, l = 0, at = 0;
    for (let i = 0; i < count; i++) {
      let place = 0, byte;
      do {
        byte = bytes[at++];
        const value = byte & 127;
        if (place >= split) h += value * 2 ** (place - split);
        else if (place + 7 <= split) l += value * 2 ** place;
        else {
          const fits = 2 ** (split - place);
          l += (value % fits) * 2 ** place;
          h += Math.floor(value / fits);
        }
        place += 7;
      } while (byte & 128);
      if (l >= part) {
        l -= part;
        h += 1;
      }
      high[i] = h * upHigh;
      if (deep) low[i] = l * upLow;
    }
    return new RangeList(high, low, order);
  }

  length(i) {
    const low = this.low === null ? 0 : (this.low[i + 1] - this.low[i]) / LOW_END;
    return this.high[i + 1] - this.high[i] + low;
  }

  /** Whether boundary i is at or before a number. */
  before(i, high, low) {
    const h = this.high[i];
    return h < high || (h === high && (this.low === null || this.low[i] <= low));
  }

  /** The number of boundaries at or before a number, in [from, to]. */
  find(high, low, from, to) {
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.before(middle, high, low)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  has(high, low) {
    return (this.find(high, low, 0, this.count) & 1) === 1;
  }

  /** The covered parts, 0 to 255, of the cells of an order that hold the numbers of a row of pixels. */
  sample(row, order, out, from) {
    const { high, low, sky, size } = row;
    const coarse = order < this.order;
    const wide = 4 ** Math.max(HALF - order, 0); // in high parts
    const narrow = order > HALF ? 4 ** (FINEST - order) : 0; // in low parts
    const { count } = this;
    let i = 0;
    for (let k = 0; k < size; k++) {
      if (sky[k] === 0) continue;
      let h = high[k], l = low[k];
      if (coarse) {
        h -= h % wide;
        l = narrow === 0 ? 0 : l - (l % narrow);
      }
      // Mostly the pixel beside has the same answer.
      if ((i > 0 && !this.before(i - 1, h, l)) || (i < count && this.before(i, h, l))) i = this.find(h, l, 0, count);
      let value = i & 1 ? 255 : 0;
      if (coarse && i < count) {
        let eh = narrow === 0 ? h + wide : h, el = l + narrow;
        if (el >= LOW_END) {
          el -= LOW_END;
          eh += 1;
        }
        const stops = this.high[i] < eh || (this.high[i] === eh && this.low !== null && this.low[i] < el);
        // Only cells that are covered as a whole have 255, and only empty ones 0.
        if (stops) value = 1 + 253 * this.part(i, h, l, eh, el, narrow === 0 ? wide : narrow / LOW_END);
      }
      out[from + k] = value;
    }
  }

  /** The covered part of the cell between two numbers, of which boundary i is the first one within. */
  part(i, h, l, eh, el, size) {
    const inside = (j) => this.high[j] - h + (this.low === null ? 0 : this.low[j] / LOW_END) - l / LOW_END;
    // The last boundary within the cell, by steps that double.
    let step = 1, last = i;
    const within = (j) => j < this.count && (this.high[j] < eh || (this.high[j] === eh && this.low !== null && this.low[j] < el));
    while (within(last + step)) {
      last += step;
      step *= 2;
    }
    for (; step >= 1; step = Math.floor(step / 2)) if (within(last + step)) last += step;
    let sum = 0;
    if (i & 1) sum += inside(i);
    if (!(last & 1)) sum += size - inside(last);
    // Whole ranges between.
    const first = i & 1 ? i + 1 : i;
    const end = last & 1 ? last + 1 : last;
    if (end - first < 4096) for (let j = first; j < end; j += 2) sum += this.length(j);
    else sum += this.area[end] - this.area[first];
    return Math.min(1, Math.max(0, sum / size));
  }
}

// ---------------------------------------------------------------------- vectors and frames

function vector(lon, lat) {
  const c = Math.cos(lat * RAD);
  return [c * Math.cos(lon * RAD), c * Math.sin(lon * RAD), Math.sin(lat * RAD)];
}

function angles([x, y, z]) {
  const lon = Math.atan2(y, x) / RAD;
  return [lon < 0 ? lon + 360 : lon, Math.atan2(z, Math.hypot(x, y)) / RAD];
}

const times = (m, [x, y, z]) => [
  m[0] * x + m[1] * y + m[2] * z,
  m[3] * x + m[4] * y + m[5] * z,
  m[6] * x + m[7] * y + m[8] * z,
];

function product(a, b) {
  const out = [];
  for (let i = 0; i < 9; i += 3)
    for (let j = 0; j < 3; j++) out.push(a[i] * b[j] + a[i + 1] * b[j + 3] + a[i + 2] * b[j + 6]);
  return out;
}

const transposed = (m) => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];
const SAME = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** The rotation that turns a direction of the view, whose middle is (1, 0, 0), to the sky. */
function turned(lon, lat) {
  const cl = Math.cos(lon * RAD), sl = Math.sin(lon * RAD), cb = Math.cos(lat * RAD), sb = Math.sin(lat * RAD);
  return [cb * cl, -sl, -sb * cl, cb * sl, cl, -sb * sl, sb, 0, cb];
}

// ---------------------------------------------------------------------- projections

// In units of the radius of the sphere: x to the east, y to the north. All but the sphere keep areas.
// `back(x, y, v)` sets the vector v and returns whether the point lies on the sky.

const ROOT2 = Math.SQRT2;

const PROJECTIONS = {
  mollweide: {
    size: [2 * ROOT2, ROOT2],
    back(x, y, v) {
      const s = y / ROOT2;
      if (s < -1 || s > 1) return false;
      const c = Math.sqrt(1 - s * s);
      const lon = c > 0 ? (Math.PI * x) / (2 * ROOT2 * c) : 0;
      if (Math.abs(x) > 2 * ROOT2 * c) return false;
      const z = (2 * (Math.asin(s) + s * c)) / Math.PI;
      const r = Math.sqrt(Math.max(0, 1 - z * z));
      v[0] = r * Math.cos(lon);
      v[1] = r * Math.sin(lon);
      v[2] = z;
      return true;
    },
    onto([x, y, z]) {
      const lon = Math.atan2(y, x);
      const goal = Math.PI * z;
      // 2 t + sin 2 t = goal by bisection and Newton's steps: near a pole, where the derivative is 0, only the former.
      let low = -Math.PI / 2, high = Math.PI / 2, t = Math.asin(z) * 0.8;
      for (let i = 0; i < 60; i++) {
        const f = 2 * t + Math.sin(2 * t) - goal;
        if (f > 0) high = t;
        else low = t;
        const next = t - f / (2 + 2 * Math.cos(2 * t));
        const good = next > low && next < high ? next : (low + high) / 2;
        if (Math.abs(good - t) < 1e-15) break;
        t = good;
      }
      return [((2 * ROOT2) / Math.PI) * lon * Math.cos(t), ROOT2 * Math.sin(t)];
    },
  },
  aitoff: {
    size: [2 * ROOT2, ROOT2],
    back(x, y, v) {
      // Hammer's: the zenithal projection of the sphere with half the longitudes.
      const hx = x / 2;
      const r2 = hx * hx + y * y;
      if (r2 > 2) return false;
      const k = Math.sqrt(1 - r2 / 4);
      const c = 1 - r2 / 2, s = hx * k;
      const r = Math.hypot(c, s);
      v[0] = r > 0 ? (c * c - s * s) / r : 0;
      v[1] = r > 0 ? (2 * c * s) / r : 0;
      v[2] = y * k;
      return true;
    },
    onto([x, y, z]) {
      const lon = Math.atan2(y, x) / 2;
      const r = Math.hypot(x, y);
      const k = Math.sqrt(2 / (1 + r * Math.cos(lon)));
      return [2 * r * Math.sin(lon) * k, z * k];
    },
  },
  sphere: {
    size: [1, 1],
    back(x, y, v) {
      const r2 = x * x + y * y;
      if (r2 > 1) return false;
      v[0] = Math.sqrt(1 - r2);
      v[1] = x;
      v[2] = y;
      return true;
    },
    onto: ([x, y, z]) => (x < 0 ? null : [y, z]),
  },
  zenithal: {
    size: [2, 2],
    back(x, y, v) {
      const r2 = x * x + y * y;
      if (r2 > 4) return false;
      const k = Math.sqrt(1 - r2 / 4);
      v[0] = 1 - r2 / 2;
      v[1] = x * k;
      v[2] = y * k;
      return true;
    },
    onto([x, y, z]) {
      if (x < -0.999999) return null;
      const k = Math.sqrt(2 / (1 + x));
      return [y * k, z * k];
    },
  },
};

// ---------------------------------------------------------------------- text

function sexagesimal(value, digits, signs, units) {
  const scale = 10 ** digits;
  let rest = Math.round(Math.abs(value) * 3600 * scale);
  const seconds = rest % (60 * scale);
  rest = (rest - seconds) / (60 * scale);
  const pad = (n, size) => String(n).padStart(size, "0");
  const text = pad((seconds / scale).toFixed(digits), digits ? digits + 3 : 2);
  const sign = value < 0 ? "\u2212" : signs;
  return `${sign}${pad(Math.floor(rest / 60), 2)}${units[0]}${pad(rest % 60, 2)}${units[1]}${text}${units[2]}`;
}

const hours = (lon, digits) => {
  const text = sexagesimal(lon / 15, digits, "", "hms");
  return text.startsWith("24") ? sexagesimal(0, digits, "", "hms") : text;
};
const degrees = (lat, digits) => sexagesimal(lat, digits, "+", "\u00b0\u2032\u2033");
const signed = (value, digits) => `${value < 0 && Number(value.toFixed(digits)) !== 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;
const longitude = (value, digits) => {
  const text = value.toFixed(digits);
  return Number(text) >= 360 ? (0).toFixed(digits) : text;
};

/** A position as text, "83.6 22.0", "05h34m32s +22d00m52s" or "l=184.6 b=-5.8": its frame and angles, or null. */
function parsePosition(text) {
  let words = text.trim().toLowerCase().replace(/[\u2212\u2013]/g, "-").replace(/,/g, " ");
  let frame = null;
  const named = /^(?:gal(?:actic)?|icrs|ra|l|g)\b\s*[=:]?/.exec(words);
  if (named) {
    frame = /^(gal|l|g)/.test(named[0]) ? "galactic" : "icrs";
    words = words.slice(named[0].length).replace(/\b(?:b|dec)\s*[=:]?/, " ");
  }
  words = words.trim();
  const place = /^(.*?[\dsm"\u2033hd\u00b0'\u2032.])\s*(?:\s|(?=[+-]))\s*([+-]?\s*[\d.].*)$/.exec(words);
  if (!place) return null;
  let [, first, second] = place;
  // Without units, "05 34 32 22 00 52" has its middle in the middle.
  const fields = words.split(/\s+/);
  if (fields.length === 6 && fields.every((one) => /^[+-]?[\d.]+$/.test(one))) {
    first = fields.slice(0, 3).join(":");
    second = fields.slice(3).join(":");
  }
  const lon = parseAngle(first, true);
  const lat = parseAngle(second, false);
  if (lon === null || lat === null || Math.abs(lat) > 90 || lon < -360 || lon > 360) return null;
  return { frame, lon: ((lon % 360) + 360) % 360, lat };
}

function parseAngle(text, isLongitude) {
  const clean = text.replace(/\s+/g, "");
  if (/^[+-]?(\d+\.?\d*|\.\d+)(d|deg|\u00b0)?$/.test(clean)) return parseFloat(clean);
  const parts = /^([+-]?)(\d+)(?:(h)|d|\u00b0|:)(?:(\d+(?:\.\d*)?)(?:m|'|\u2032|:)?(?:(\d+(?:\.\d*)?)(?:s|"|\u2033|'')?)?)?$/.exec(clean);
  if (!parts) return null;
  const [, sign, whole, hour, minutes = "0", seconds = "0"] = parts;
  if (Number(minutes) >= 60 || Number(seconds) >= 60 || (hour && !isLongitude)) return null;
  const value = Number(whole) + Number(minutes) / 60 + Number(seconds) / 3600;
  const inHours = isLongitude && (hour || clean.includes(":"));
  return (sign === "-" ? -1 : 1) * value * (inHours ? 15 : 1);
}
