/** Owns how a value of JSON reads in one line, as people write it: `{ id: 88213 }`. */

/** At most `limit` characters, the cut marked. */
export function inline(value: unknown, limit = 120): string {
  const text = write(value, limit)
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text
}

function write(value: unknown, left: number): string {
  if (value === undefined) return ''
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const isList = Array.isArray(value)
  const parts: string[] = []
  let length = 0
  for (const [key, inner] of Object.entries(value)) {
    const text = isList ? write(inner, left - length) : `${key}: ${write(inner, left - length)}`
    parts.push(text)
    length += text.length
    if (length > left) break
  }
  if (isList) return `[${parts.join(', ')}]`
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
}
