// The noise of adam_course/noise.py, bit for bit: a hash of (seed, step, coordinate, draw).

const GOLDEN = 0x9e3779b9;
const DRAWS = 12;

function mix(h) {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A number in (0, 1) for step t, a coordinate and a draw. */
function uniform(seed, t, coordinate, draw) {
  let h = mix((seed ^ GOLDEN) >>> 0);
  h = mix((h ^ mix((t + GOLDEN) >>> 0)) >>> 0);
  h = mix((h ^ mix((coordinate + GOLDEN) >>> 0)) >>> 0);
  h = mix((h ^ mix((draw + GOLDEN) >>> 0)) >>> 0);
  return (h + 0.5) / 4294967296;
}

/** The noise of step t in a coordinate, nearly standard normal. */
function standardNormal(seed, t, coordinate) {
  let sum = 0;
  for (let draw = 1; draw <= DRAWS; draw += 1) sum += uniform(seed, t, coordinate, draw);
  return sum - DRAWS / 2;
}
