"use strict";
// what the page carries packed: LZMA, which is a quarter smaller than the deflate that browsers
// know, in base 85; written by runs/report/packing.py with the same LITERAL
const LITERAL = 3; // high bits of the letter before that choose a literal's probabilities

function bytes(text) {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const value = new Uint8Array(128);
  for (let i = 0; i < 85; i++) value[alphabet.charCodeAt(i)] = i;
  const length = text.length - Math.ceil(text.length / 5);
  const groups = Math.ceil(text.length / 5);
  const out = new DataView(new ArrayBuffer(4 * groups));
  for (let g = 0; g < groups; g++) {
    let sum = 0;
    for (let i = 0; i < 5; i++) {
      const at = 5 * g + i;
      sum = 85 * sum + (at < text.length ? value[text.charCodeAt(at)] : 84);
    }
    out.setUint32(4 * g, sum);
  }
  return new Uint8Array(out.buffer, 0, length);
}

// the adaptive binary range decoder: a probability of 0 in 2048 parts for each context
function rangeDecoder(packed) {
  let range = 0xffffffff;
  let code = 0;
  let place = 1; // the first byte is always 0
  while (place < 5) code = ((code << 8) | packed[place++]) >>> 0;
  function refill() {
    if (range >= 0x1000000) return;
    range = (range << 8) >>> 0;
    code = ((code << 8) | packed[place++]) >>> 0;
  }
  function bit(chances, i) {
    refill();
    const bound = (range >>> 11) * chances[i];
    if (code < bound) {
      range = bound;
      chances[i] += (2048 - chances[i]) >> 5;
      return 0;
    }
    range -= bound;
    code -= bound;
    chances[i] -= chances[i] >> 5;
    return 1;
  }
  function even(count) {
    let number = 0;
    while (count-- > 0) {
      refill();
      range >>>= 1;
      const one = code >= range;
      if (one) code -= range;
      number = (number << 1) | one;
    }
    return number;
  }
  function tree(chances, base, count) {
    let node = 1;
    for (let i = 0; i < count; i++) node = (node << 1) | bit(chances, base + node);
    return node - (1 << count);
  }
  function reversed(chances, base, count) {
    let node = 1;
    let number = 0;
    for (let i = 0; i < count; i++) {
      const one = bit(chances, base + node);
      node = (node << 1) | one;
      number |= one << i;
    }
    return number;
  }
  return { bit, even, tree, reversed };
}

// raw LZMA with lp = pb = 0 into `length` bytes
function expanded(packed, length) {
  const { bit, even, tree, reversed } = rangeDecoder(packed);
  const fresh = (count) => new Uint16Array(count).fill(1024);
  const [isMatch, isRep, isRep0, isRep1, isRep2, isLong] = Array.from({ length: 6 }, () => fresh(12));
  const literals = fresh(0x300 << LITERAL);
  const [slots, special, align] = [fresh(256), fresh(128), fresh(16)];
  const lengths = () => ({ choice: fresh(2), low: fresh(8), middle: fresh(8), high: fresh(256) });
  const [ofMatch, ofRep] = [lengths(), lengths()];
  const out = new Uint8Array(length);
  const last = [0, 0, 0, 0]; // distances, the latest first
  let state = 0;
  let n = 0;

  function literal() {
    const base = 0x300 * (n ? out[n - 1] >> (8 - LITERAL) : 0);
    let symbol = 1;
    if (state >= 7) {
      let match = out[n - last[0] - 1];
      while (symbol < 0x100) {
        const expected = (match >> 7) & 1;
        match <<= 1;
        const one = bit(literals, base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | one;
        if (one !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | bit(literals, base + symbol);
    out[n++] = symbol;
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }
  function size(of) {
    if (!bit(of.choice, 0)) return tree(of.low, 0, 3);
    return bit(of.choice, 1) ? 16 + tree(of.high, 0, 8) : 8 + tree(of.middle, 0, 3);
  }
  function distance(size) {
    const slot = tree(slots, 64 * Math.min(size, 3), 6);
    if (slot < 4) return slot;
    const count = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) << count;
    if (slot < 14) return base + reversed(special, base - slot, count);
    return base + (even(count - 4) << 4) + reversed(align, 0, 4);
  }
  function copy(count) {
    for (const end = Math.min(n + count, length); n < end; n++) out[n] = out[n - last[0] - 1];
  }
  function again() {
    if (!bit(isRep0, state)) {
      if (!bit(isLong, state)) {
        state = state < 7 ? 9 : 11;
        return copy(1);
      }
    } else {
      const which = !bit(isRep1, state) ? 1 : bit(isRep2, state) ? 3 : 2;
      last.unshift(...last.splice(which, 1));
    }
    const count = size(ofRep);
    state = state < 7 ? 8 : 11;
    copy(count + 2);
  }

  while (n < length) {
    if (!bit(isMatch, state)) literal();
    else if (bit(isRep, state)) again();
    else {
      const count = size(ofMatch);
      last.unshift(distance(count));
      last.pop();
      state = state < 7 ? 7 : 10;
      copy(count + 2);
    }
  }
  return out;
}

function unpacked(name) {
  const { textContent, dataset } = document.getElementById(name);
  return new TextDecoder().decode(expanded(bytes(textContent), Number(dataset.length)));
}
