/**
 * Owns which of several places a key prefers, by rendezvous hashing: where a place comes, goes or is full, only the keys that are
 * its own move.
 */

/** The place that the key prefers; undefined where there is none. */
export function favourite<Place>(
  places: Iterable<Place>,
  key: string,
  nameOf: (place: Place) => string,
): Place | undefined {
  let best: { place: Place; score: number } | undefined
  for (const place of places) {
    const score = hash(`${key}\0${nameOf(place)}`)
    if (best === undefined || score > best.score) best = { place, score }
  }
  return best?.place
}

/** FNV-1a, and a last stir: without it, names that differ in their last digit score in order. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  return (value ^ (value >>> 13)) >>> 0
}
