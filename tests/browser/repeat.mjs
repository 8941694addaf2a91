// Replaces the clock and the random numbers of a page or of node, so that a tracker sends the same in every run. It is
// serialized into pages: it uses nothing from outside.
export function repeat(seed) {
  // 2026-01-31T09:30:00Z; each look at the clock takes a millisecond.
  let now = 1769851800000
  const RealDate = Date
  const look = () => { now += 1; return now }
  globalThis.Date = class extends RealDate {
    constructor(...given) { given.length ? super(...given) : super(look()) }
    static now() { return look() }
  }
  globalThis.passTime = (ms) => { now += ms }

  // mulberry32
  let state = seed
  Math.random = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  crypto.getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (const index of bytes.keys()) bytes[index] = Math.random() * 256
    return array
  }
}
